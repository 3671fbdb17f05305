"""The checklist: what is done, what is open, and how each thing was verified. Everybody is shown the same rows."""

from collections.abc import Callable, Iterator
from enum import StrEnum

from core.anchors.record import Way, anchors, ways_meant
from core.counting import counted
from core.dates import local
from core.errors import GoodLeaverError, Waiting
from core.exit import Exit
from core.gates import acknowledgements, awaited_receipts, elected, require_conversation, require_obligations, require_signatures
from core.letters.subjects import confirmation
from core.log_gaps import log_gaps
from core.model import Action, EntryKind, ExitPlan, GrantState, Noun, Party
from core.offers import parties
from core.planning import not_looked_at, planned_at
from core.signed_statements import approvers, waived
from core.steps.close import closed_sentence, unseen_systems
from core.steps.export import AFTER, BEFORE
from core.steps.revoke import UNSEEN
from core.steps.rounds import newest_verdict
from core.steps.sweep import sweeps, swept
from core.steps.swept import what_was_seen

STEPS = {
    Way.TIME_STAMP: ("Record time stamped", "the stamp holds by the authority's certificates"),
    Way.COPY: ("Record's checkpoint copied", "read back"),
    Way.MAIL: ("Record's checkpoint mailed", "the mail server took it"),
    Way.COSIGNATURE: ("Record's checkpoint signed by others", "signatures by their own SSH keys"),
}
"""How a checkpoint gets out of our hands, and how each is seen to be so."""


class Progress(StrEnum):
    """How far one row is."""

    DONE = "done"
    OPEN = "open"
    UNKNOWN = "unknown"


class Row(Noun):
    """One line of the checklist."""

    step: str
    progress: Progress
    what: str = ""
    verified: str = ""


def checklist(exit_: Exit, plan: ExitPlan | None) -> tuple[Row, ...]:
    """Draw the checklist from the ledger. It asks no system; only the register of obligations is read anew."""
    if plan is None:
        return (Row(step="Plan", progress=Progress.OPEN, what="not drawn yet: start client-exit"),)
    return (
        _plan(plan),
        *_people(exit_, plan),
        _obligations(exit_, plan),
        _inventory(exit_, BEFORE, "First inventory"),
        _action(exit_, "Data exported", Action.EXPORT, plan.archive_subject),
        _action(exit_, "Credentials and documents handed over", Action.HAND_OVER, plan.package_subject),
        *_receipts(exit_, plan),
        *_interlocks(exit_),
        _action(exit_, "Last changes exported", Action.EXPORT, plan.delta_subject),
        _inventory(exit_, AFTER, "Last inventory"),
        *_logs(exit_, plan),
        *_grants(exit_, plan),
        _drift(exit_, plan),
        *_not_looked_at(exit_),
        _closed(exit_, plan),
        *_sweeps(exit_, plan),
        *_anchored(exit_, plan),
    )


def _plan(plan: ExitPlan) -> Row:
    parts = ((plan.datasets, "dataset"), (plan.credentials, "credential"), (plan.documents, "document"), (plan.grants, "grant"))
    what = f"{plan.digest[:12]}: {', '.join(counted(len(part), one) for part, one in parts)}"
    return Row(step="Plan", progress=Progress.DONE, what=what, verified="drawn by looking only; nothing was changed")


def _people(exit_: Exit, plan: ExitPlan) -> Iterator[Row]:
    given = ", ".join(one.name for one in approvers(exit_, plan))
    signed = "signatures by their own SSH keys over the plan's digest"
    yield Row(
        step="Approved by two executives", progress=_passed(require_signatures, exit_, plan), what=given, verified=signed if given else ""
    )
    if any(one.party == Party.SUCCESSOR for one in plan.recipients):
        chosen = elected(exit_, plan)
        what = "the successor may receive data and credentials" if chosen else ""
        yield Row(step="Elected by the client", progress=_done(chosen), what=what, verified="the client's own signature" if chosen else "")
    told = _passed(require_conversation, exit_, plan)
    yield Row(step="Told in person or by phone", progress=told, verified="an executive's signature" if told == Progress.DONE else "")
    yield _action(exit_, "Confirmed in writing", Action.NOTIFY, confirmation(plan))


def _obligations(exit_: Exit, plan: ExitPlan) -> Row:
    try:
        require_obligations(exit_, plan)
    except Waiting as waiting:
        return Row(step="Obligations fulfilled", progress=Progress.OPEN, what=waiting.message.partition(". ")[0])
    except GoodLeaverError as error:
        return Row(step="Obligations fulfilled", progress=Progress.UNKNOWN, what=error.what)
    waivers = [one.subject for one in plan.obligations if waived(exit_, plan, f"obligation {one.subject}")]
    what = f"none of ours is open, but for what two executives waived: {', '.join(waivers)}" if waivers else "none of ours is open"
    return Row(step="Obligations fulfilled", progress=Progress.DONE, what=what, verified="read from the register just now")


def _inventory(exit_: Exit, when: str, step: str) -> Row:
    taken = [entry for entry in exit_.ledger.entries(kind=EntryKind.INVENTORY) if entry.data["when"] == when]
    what = ", ".join(f"{entry.subject}: {entry.data['items']} items" for entry in taken)
    return Row(step=step, progress=_done(what), what=what, verified=f"SHA-256 {taken[-1].data['document'][:12]}" if taken else "")


def _logs(exit_: Exit, plan: ExitPlan) -> Iterator[Row]:
    """Say which logs neither export reads: those of a system that forgets them in between."""
    now = exit_.now()
    for gap in log_gaps(exit_, plan):
        progress = Progress.UNKNOWN if gap.lost_already(now) else Progress.OPEN
        yield Row(step=f"Logs of {gap.dataset} between the exports", progress=progress, what=gap.words(now, plan.cutoff.zone))


def _action(exit_: Exit, step: str, action: Action, subject: str) -> Row:
    receipt = exit_.last(EntryKind.RECEIPT, action=action, subject=subject)
    verdict = exit_.last(EntryKind.VERDICT, action=action, subject=subject)
    if receipt is None:
        begun = exit_.last(EntryKind.INTENT, action=action, subject=subject)
        return Row(step=step, progress=Progress.UNKNOWN if begun else Progress.OPEN, what="begun, not finished" if begun else "")
    verified = f"{verdict.data['assurance']}: {verdict.data['evidence']}" if verdict else "acknowledged by the receiving system"
    return Row(step=step, progress=Progress.DONE, what=exit_.ledger.opened(receipt.data["done"]), verified=verified)


def _receipts(exit_: Exit, plan: ExitPlan) -> Iterator[Row]:
    given, awaited = acknowledgements(exit_, plan), awaited_receipts(exit_, plan)
    for party in parties(plan):
        step, one = f"Opened by the {party}", given.get(party)
        if one and not one.problems:
            what, verified = f"receipt signed by {one.by.name}: {one.result}", "signature, and two codes that are found only inside"
        elif party not in awaited:
            what, verified = "waived by two executives", "their signatures"
        else:
            what, verified = "; ".join(one.problems) if one else "", ""
        yield Row(step=step, progress=_done(party not in awaited), what=what, verified=verified)


def _interlocks(exit_: Exit) -> Iterator[Row]:
    """Show how each interlock was found last under the plan in force; most are looked at only when the cutoff comes."""
    since = planned_at(exit_)
    newest = {entry.subject: entry for entry in exit_.ledger.entries(kind=EntryKind.INTERLOCK) if entry.number > since}
    for subject, entry in sorted(newest.items(), key=lambda one: (int(one[0].split()[0][1:]), one[0])):
        said, met = exit_.ledger.opened(entry.data["evidence"] or entry.data["missing"]), entry.data["met"]
        seen = f"looked at {entry.at:%Y-%m-%d %H:%M} UTC" if met else ""
        yield Row(step=f"Interlock {subject}", progress=_done(met), what=said, verified=seen)


def _grants(exit_: Exit, plan: ExitPlan) -> Iterator[Row]:
    for grant in plan.grants:
        verdict = newest_verdict(exit_, grant)
        gone = verdict is not None and verdict.data["state"] == "revoked"
        what = f"{grant.holder}: {grant.privilege} on {grant.system}"
        verified = f"{verdict.data['assurance']}: {verdict.data['evidence']}" if verdict else ""
        yield Row(step="Access given up", progress=_done(gone), what=what, verified=verified)


def _drift(exit_: Exit, plan: ExitPlan) -> Row:
    step, found = "Nothing of ours beyond the plan", [entry.subject for entry in exit_.ledger.entries(kind=EntryKind.DRIFT)]
    if closed_sentence(exit_, plan):
        unseen = unseen_systems(exit_)
        verified = f"{UNSEEN} on {', '.join(unseen)}" if unseen else "looked for just before our access ended"
        return Row(step=step, progress=Progress.UNKNOWN if unseen else Progress.DONE, what="; ".join(found), verified=verified)
    return Row(step=step, progress=Progress.UNKNOWN if found else Progress.OPEN, what="; ".join(found))


def _closed(exit_: Exit, plan: ExitPlan) -> Row:
    sentence = closed_sentence(exit_, plan)
    return Row(step="Closed", progress=_done(sentence), what=sentence.removeprefix("Closed ") or _cutoff(plan))


def _not_looked_at(exit_: Exit) -> Iterator[Row]:
    for system, words in sorted(not_looked_at(exit_).items()):
        yield Row(step=f"Not looked at on {system}", progress=Progress.UNKNOWN, what="; ".join(words))


def _sweeps(exit_: Exit, plan: ExitPlan) -> Iterator[Row]:
    """Show each look from outside: what it saw, or when it is due. One at which nothing of ours ran is not known."""
    done = swept(exit_, plan)
    missed = {name for one in done.values() for name in one.data["missed"]}
    for one in sweeps(exit_, plan):
        step, seen = f"Looked at from outside, {one.name}", done.get(one.name)
        if seen:
            settled = seen.data[GrantState.REVOKED] == seen.data["grants"]
            progress = Progress.OPEN if seen.data[GrantState.ACTIVE] else Progress.DONE if settled else Progress.UNKNOWN
            yield Row(step=step, progress=progress, what=what_was_seen(seen), verified=f"seen on {local(seen.at, plan.cutoff.zone)}")
        elif one.name in missed:
            yield Row(step=step, progress=Progress.UNKNOWN, what="missed: nothing of ours ran when it was due")
        else:
            when = "due since" if one.due <= exit_.now() else "due on"
            yield Row(step=step, progress=Progress.OPEN, what=f"{when} {local(one.due, plan.cutoff.zone)}")


def _anchored(exit_: Exit, plan: ExitPlan) -> Iterator[Row]:
    """Say which checkpoint of the record is out of our hands, in each way: of each who has one, the newest."""
    everybody, total = anchors(exit_), exit_.ledger.size()
    for way in ways_meant(exit_):
        newest = {one.data["by"]: one for one in everybody if one.data["how"] == way}
        held = [
            f"{by} has the first {one.data['size']} of {total} entries, {local(one.at, plan.cutoff.zone)}" for by, one in newest.items()
        ]
        failed = exit_.last(EntryKind.FAILED, subject=way.subject)
        away = failed and failed.number > max((one.number for one in newest.values()), default=-1)
        what = "; ".join([*held, *([f"last tried in vain: {failed.data['why']}"] if failed and away else [])])
        progress = Progress.UNKNOWN if away else _done(held)
        yield Row(step=STEPS[way][0], progress=progress, what=what, verified=STEPS[way][1] if held else "")


def _passed(gate: Callable[[Exit, ExitPlan], None], exit_: Exit, plan: ExitPlan) -> Progress:
    try:
        gate(exit_, plan)
    except Waiting:
        return Progress.OPEN
    return Progress.DONE


def _done(fact: object) -> Progress:
    return Progress.DONE if fact else Progress.OPEN


def _cutoff(plan: ExitPlan) -> str:
    return f"cutoff: {local(plan.cutoff.instant, plan.cutoff.zone)}"
