"""What was offered to people and delivered, so that two executives may waive that it stays unanswered."""

from collections.abc import Mapping

from core.client_check.asking import asked, last_receipt, second_look_on
from core.exit import Exit
from core.letters.subjects import confirmation, look_request, package_notice, package_passphrase
from core.model import Action, EntryKind, ExitPlan, LedgerEntry, Party
from core.planning import cutoff_set_at
from core.ports import LooksForTheClient

RECEIPT, READINESS = "receipt", "readiness"
ARMING_BY_CLIENT = "arming by the client"

Shown = tuple[LedgerEntry, ...]
"""The entries which show that something was offered and delivered."""


def receipt_by(party: Party) -> str:
    """Say how a waiver names one party's receipt; RECEIPT alone is everybody's."""
    return f"receipt by the {party}"


def parties(plan: ExitPlan) -> tuple[Party, ...]:
    """Name who is given archive and package under a plan."""
    return tuple(sorted({one.party for one in plan.recipients}))


def offers(exit_: Exit, plan: ExitPlan) -> Mapping[str, Shown]:
    """Map all that may be left unanswered, as a waiver names it, to what shows that it was offered and delivered.

    What is not delivered is not in it: silence about something that never arrived says nothing.
    """
    told = _sent(exit_, confirmation(plan), since=cutoff_set_at(exit_))
    found: dict[str, Shown] = {ARMING_BY_CLIENT: told} if told else {}
    delivered = {party: shown for party in parties(plan) if (shown := _delivered(exit_, plan, party))}
    for party, shown in delivered.items():
        found[receipt_by(party)] = shown
    if delivered and len(delivered) == len(parties(plan)):
        everything = tuple({entry.number: entry for shown in delivered.values() for entry in shown}.values())
        found |= {RECEIPT: everything, READINESS: everything}
    return found | _requests_to_look(exit_, plan)


def _requests_to_look(exit_: Exit, plan: ExitPlan) -> dict[str, Shown]:
    """Find the systems that the client was asked to look at itself, since the last of ours was taken away there."""
    found = dict[str, Shown]()
    for system in sorted({grant.system for grant in plan.grants}):
        last = last_receipt(exit_, plan, system)
        if last is None or not isinstance(exit_.systems.target(system), LooksForTheClient):
            continue
        if sent := _sent(exit_, look_request(asked(exit_, plan, system).digest, system), since=last.number):
            found[second_look_on(system)] = (last, *sent)
    return found


def _delivered(exit_: Exit, plan: ExitPlan, party: Party) -> Shown:
    packed = exit_.last(EntryKind.RECEIPT, action=Action.HAND_OVER, subject=plan.package_subject)
    if packed is None:
        return ()
    digest = packed.data["facts"]["package_sha256"]
    letters = [_sent(exit_, name(digest, party)) for name in (package_notice, package_passphrase)]
    return (packed, *(entry for sent in letters for entry in sent)) if all(letters) else ()


def _sent(exit_: Exit, letter: str, *, since: int = -1) -> Shown:
    sent = exit_.last(EntryKind.RECEIPT, action=Action.NOTIFY, subject=letter)
    return (sent,) if sent and sent.number > since else ()
