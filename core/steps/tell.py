"""Tell the client and the successor: letters, each sent once, and only after the spoken word."""

from collections.abc import Mapping, Sequence

from core.actions import perform
from core.anchors.record import Way, anchors, named, record_anchor
from core.errors import HeldError, RefusedError, UnavailableError, Waiting
from core.evidence.bundle import expected_keys
from core.exit import Exit
from core.gates import conversations
from core.letters import Letter, render, review_letter
from core.letters.subjects import confirmation
from core.model import Action, EntryKind, ExitPlan, LedgerEntry, Message, Party, Receipt, Role, WaitingFor
from core.planning import cutoff_set_at
from core.signatures.statements import read_instant
from core.signed_statements import waived
from core.steps.sweep import sweeps

KEYS_FILE = "exit-keys.txt"
CHECKPOINT_FILE = "checkpoint"


def send_confirmation(exit_: Exit, plan: ExitPlan) -> Receipt:
    """Send the client the written confirmation of what was said. Raises HeldError if the letter is incomplete or unkind."""
    since = cutoff_set_at(exit_)
    if sent := _confirmed(exit_, plan):
        note_mailed(exit_, confirmation(plan), Party.CLIENT, "the client was told", since)
        return Receipt.model_validate(sent.data)
    spoken_at = read_instant(conversations(exit_, plan)[-1].one("held-at"))
    subject, body = write(exit_, plan, Letter.CONFIRMATION, spoken_at=spoken_at, keys_file=KEYS_FILE)
    faults = review_letter(body, exit_.engagement.model_copy(update={"cutoff": plan.cutoff}))
    if faults:
        raise HeldError(
            f"the confirmation letter is not fit to send: {'; '.join(faults)}",
            untouched="everything; no letter has left",
            todo="mend the decision's specifics and the transition in the engagement file, then start the exit again",
        )
    attached = keys(exit_)
    return send_with_checkpoint(
        exit_, plan, confirmation(plan), Party.CLIENT, (subject, body), why="the client was told", attachments=attached, since=since
    )


def send_closing_notice(exit_: Exit, plan: ExitPlan) -> None:
    """Tell the client that our access has ended and what we still hold; the successor, if it was told of the exit, gets the checkpoint."""
    closed = exit_.ledger.entries(kind=EntryKind.CLOSED)[-1]
    retained = ("the record of this exit", "the encrypted archive and the handover package, until you have had us dispose of them")
    counts = {"attested": closed.data.get("attested", 0), "waived": closed.data.get("waived", 0)}
    again = [one.due for one in sweeps(exit_, plan)]
    letter = write(exit_, plan, Letter.CLOSING, closed_at=closed.at, verified=len(plan.grants), retained=retained, sweeps=again, **counts)
    send_with_checkpoint(exit_, plan, f"closing notice for plan {plan.digest[:12]}", Party.CLIENT, letter, why="closed")
    if any(one.party == Party.SUCCESSOR for one in plan.recipients):
        letter = write(exit_, plan, Letter.CHECKPOINT, closed_at=closed.at)
        send_with_checkpoint(exit_, plan, f"last checkpoint for plan {plan.digest[:12]}", Party.SUCCESSOR, letter, why="closed")


def send_alarm(exit_: Exit, plan: ExitPlan, what: str, found: Sequence[str], since: int) -> None:
    """Tell our own people that ways in of ours work again, once under this name since that entry."""
    letter = write(exit_, plan, Letter.ALARM, found=found)
    send(exit_, plan, what, (exit_.engagement.provider.address,), *letter, since=since)


def keys(exit_: Exit) -> Mapping[str, bytes]:
    """Write the attachment by which a party can later check the record without believing the keys inside it."""
    stamper = exit_.systems.time_stamper
    roots = stamper.trusted_roots() if stamper else b""
    return {KEYS_FILE: expected_keys(exit_.engagement, exit_.key.vkey, roots).encode()}


def write(exit_: Exit, plan: ExitPlan, letter: Letter, **facts: object) -> tuple[str, str]:
    """Write one letter; returns subject and body."""
    executive = next(one for one in exit_.engagement.people if one.role == Role.EXECUTIVE)
    return render(letter, engagement=exit_.engagement, plan=plan, contact=executive.name, **facts)


def send_with_checkpoint(  # noqa: PLR0913 - the parts of a letter
    exit_: Exit,
    plan: ExitPlan,
    what: str,
    party: Party,
    letter: tuple[str, str],
    *,
    why: str,
    attachments: Mapping[str, bytes] | None = None,
    since: int = -1,
) -> Receipt:
    """Send a letter with the record's newest checkpoint attached, as `send` does, and put on record that the party has it.

    `why` is the boundary at which it is mailed.
    """
    to, attached, more = (plan.addresses[party],), dict(attachments or {}), {}
    if not _sent(exit_, what, since):
        checkpoint = exit_.ledger.checkpoint()
        attached[CHECKPOINT_FILE] = checkpoint.note.encode()
        more = {"carries": named(exit_, checkpoint)}
    receipt = send(exit_, plan, what, to, *letter, attachments=attached, since=since, more=more)
    note_mailed(exit_, what, party, why, since)
    return receipt


def note_mailed(exit_: Exit, what: str, party: Party, why: str, since: int) -> None:
    """Put on record that a letter that was sent carried a checkpoint; once, also if a pass was killed in between."""
    sent = _sent(exit_, what, since)
    intents = [one for one in exit_.ledger.entries(kind=EntryKind.INTENT, action=Action.NOTIFY, subject=what) if since < one.number]
    carried = intents[-1].data.get("carries") if sent and intents else None
    if carried and not any(one.data.get("letter") == what and one.number > since for one in anchors(exit_, Way.MAIL)):
        record_anchor(exit_, Way.MAIL, carried, {"by": f"the {party}", "why": why, "letter": what})


def send(  # noqa: PLR0913, PLR0917 - the parts of a letter
    exit_: Exit,
    plan: ExitPlan,
    what: str,
    to: tuple[str, ...],
    subject: str,
    body: str,
    attachments: Mapping[str, bytes] | None = None,
    since: int = -1,
    more: Mapping[str, object] | None = None,
) -> Receipt:
    """Send one message once; `more` goes into its intent.

    Where its delivery is uncertain a person has to say so; it is not sent again by itself.
    """
    letter = exit_.ledger.put_document(f"Subject: {subject}\n\n{body}".encode(), "text/plain")
    identifier = f"<{letter[:32]}.{exit_.engagement.slug}@{exit_.engagement.provider.domain}>"
    message = Message(to=to, subject=subject, body=body, identifier=identifier, attachments=attachments or {})

    def receivers(begun: LedgerEntry) -> str:
        return exit_.ledger.opened(", ".join(begun.data["to"]))

    def find_out(begun: LedgerEntry) -> Receipt | None:
        if waived(exit_, plan, f"message {what}"):
            return Receipt(done=f"taken as delivered by two executives' word: {what}")
        raise HeldError(
            f"it is not known whether this message has arrived: {what}, to {receivers(begun)}, Message-ID {identifier}",
            untouched="everything else; the message is not sent a second time by itself",
            todo=f"ask the receiver; once it is known to have arrived (hand it over yourself if not), two executives record it: "
            f"offboard sign waiver {exit_.engagement.slug} --subject 'message {what}' --reason TEXT --as PRINCIPAL --key PRIVATE_KEY",
        )

    return perform(
        exit_,
        Action.NOTIFY,
        what,
        intent=lambda: {"document": letter, "to": [exit_.ledger.put_personal(one) for one in to], **(more or {})},
        act=lambda: exit_.systems.notifier.send(message),
        find_out=find_out,
        not_done=(UnavailableError, RefusedError),  # a notifier raises these only if the other side never took it
        since=since,
    )


def require_confirmation(exit_: Exit, plan: ExitPlan) -> None:
    """See that the client has the written confirmation of this plan's cutoff."""
    if not _confirmed(exit_, plan):
        raise Waiting(WaitingFor.CONVERSATION, "The confirmation letter has not been sent; the next pass of client-exit sends it")


def _confirmed(exit_: Exit, plan: ExitPlan) -> LedgerEntry | None:
    """Find the receipt of the letter about the cutoff in force; one about an earlier date, even the same again, does not count."""
    return _sent(exit_, confirmation(plan), cutoff_set_at(exit_))


def _sent(exit_: Exit, what: str, since: int) -> LedgerEntry | None:
    sent = exit_.last(EntryKind.RECEIPT, action=Action.NOTIFY, subject=what)
    return sent if sent and sent.number > since else None
