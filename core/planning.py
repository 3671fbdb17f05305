"""Draw the plan by looking only; save it; find it again."""

import json
from collections.abc import Mapping

from core.canonical import canonical_json
from core.dates import require_future
from core.errors import HeldError
from core.exit import Exit
from core.handover.credentials import divide
from core.model import Engagement, EntryKind, ExitPlan, Grant, Party


def draw_plan(exit_: Exit) -> ExitPlan:
    """Look at every system, and save what would be done as the plan in force. Changes no system.

    Raises HeldError if the cutoff is past or a credential has no owner; UnavailableError and RefusedError from
    the systems. The digest does not depend on the order in which systems answer.
    """
    engagement, systems = exit_.engagement, exit_.systems
    require_future(engagement.cutoff, exit_.now())
    credentials = [one for source in systems.credential_sources for one in source.credentials()]
    divide(credentials)  # a credential without an owner blocks before anybody signs
    plan = ExitPlan(
        engagement=engagement.slug,
        cutoff=engagement.cutoff,
        obligations=tuple(
            sorted((one for source in systems.obligation_sources for one in source.outstanding()), key=lambda one: (one.source, one.id))
        ),
        datasets=tuple(sorted((source.dataset() for source in systems.data_sources), key=lambda one: one.source)),
        recipients=tuple(sorted(engagement.recipients, key=lambda one: (one.party, one.age))),
        addresses=_addresses(engagement),
        credentials=tuple(sorted(credentials, key=lambda one: (one.source, one.title, one.reference))),
        documents=tuple(sorted(f"{one.source}: {one.path}" for source in systems.document_sources for one in source.documents())),
        grants=tuple(
            sorted(
                (grant for target in systems.access_targets for grant in target.discover(engagement.holders)),
                key=lambda one: (one.stage, one.system, one.id),
            )
        ),
        negative_login=engagement.negative_login_consent,
        second_check_after_seconds=int(engagement.second_check_after.total_seconds()),
    )
    document = exit_.ledger.put_document(plan.canonical, "application/json")
    found = canonical_json([grant.model_dump(mode="json") | {"undo": dict(grant.undo)} for grant in plan.grants])
    grants = exit_.ledger.put_document(found, "application/json")
    left_out = {target.name: target.not_looked_at() for target in systems.access_targets}  # of the looks just above
    exit_.record(
        EntryKind.PLAN,
        data={
            "plan-sha256": plan.digest,
            "document": document,
            "grants-document": grants,
            "not-looked-at-document": exit_.ledger.put_document(canonical_json(left_out), "application/json"),
            "cutoff": plan.cutoff.instant.isoformat(),
        },
    )
    return plan


def not_looked_at(exit_: Exit) -> Mapping[str, tuple[str, ...]]:
    """Give, by system, what was left out when the plan in force was drawn, in words; systems that left nothing out are not named.

    It stands beside the plan and not in its digest: people sign what we will do, and what we may not see today, we may see tomorrow.
    """
    entry = exit_.last(EntryKind.PLAN)
    if entry is None or "not-looked-at-document" not in entry.data:  # records of before this was noted go on
        return {}
    found = json.loads(exit_.ledger.document(entry.data["not-looked-at-document"]))
    return {system: tuple(words) for system, words in found.items() if words}


def saved_plan(exit_: Exit) -> ExitPlan | None:
    """Find the plan in force: the newest one that was saved. It is applied as it is, never redrawn.

    Its grants carry the undo that was noted when it was drawn, which is not part of what people sign.
    """
    entry = exit_.last(EntryKind.PLAN)
    if entry is None:
        return None
    plan = ExitPlan.model_validate_json(exit_.ledger.document(entry.data["document"]))
    found = {grant.subject: grant for grant in map(Grant.model_validate, json.loads(exit_.ledger.document(entry.data["grants-document"])))}
    return plan.model_copy(update={"grants": tuple(found[grant.subject] for grant in plan.grants)})


def planned_at(exit_: Exit) -> int:
    """Give the number of the entry by which the plan in force was saved, -1 if there is none.

    Whatever stands in it was there when it was drawn, so what was done to it before then belongs to an earlier round.
    """
    entry = exit_.last(EntryKind.PLAN)
    return entry.number if entry else -1


def require_saved_plan(exit_: Exit) -> ExitPlan:
    """Find the plan in force. Raises HeldError if none was drawn yet."""
    plan = saved_plan(exit_)
    if plan is None:
        raise HeldError(
            f"no plan was drawn for {exit_.engagement.slug} yet",
            untouched="everything",
            todo="start client-exit for it, or run `offboard plan`",
        )
    return plan


def in_force_since(exit_: Exit) -> int:
    """Give the number of the entry by which the plan in force came into force: what was signed before, even for the same text, is over."""
    return _first_of_run(exit_, "plan-sha256")


def cutoff_set_at(exit_: Exit) -> int:
    """Give the number of the entry by which the cutoff in force was first planned: what people were told before meant another date."""
    return _first_of_run(exit_, "cutoff")


def _first_of_run(exit_: Exit, key: str) -> int:
    first, value = -1, None
    for entry in exit_.ledger.entries(kind=EntryKind.PLAN):
        if entry.data[key] != value:
            first, value = entry.number, entry.data[key]
    return first


def _addresses(engagement: Engagement) -> dict[Party, str]:
    addresses = {Party.CLIENT: engagement.client.address}
    if engagement.successor and any(one.party == Party.SUCCESSOR for one in engagement.recipients):
        addresses[Party.SUCCESSOR] = engagement.successor.address
    return addresses
