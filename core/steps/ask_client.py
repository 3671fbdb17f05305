"""Ask the client to look for itself where nobody of ours can look any more; each request is sent once."""

from collections.abc import Collection

from core.client_check.asked import Asked
from core.client_check.asking import asked, counts_from, last_receipt
from core.client_check.request import request_text
from core.exit import Exit
from core.letters import Letter
from core.letters.subjects import look_request
from core.model import EntryKind, ExitPlan, GrantState, LedgerEntry, Party
from core.ports import LooksByComingIn, LooksForTheClient
from core.steps.proof import ask
from core.steps.rounds import is_receipted
from core.steps.side_by_side import side_by_side
from core.steps.tell import send, write


def ask_the_client_to_look(exit_: Exit, plan: ExitPlan, only: Collection[str] | None = None) -> tuple[str, ...]:
    """Send the client a request for each system on which something cannot be seen from outside. Returns these systems.

    `only`: the systems to ask about, all where it is not given. One that does not answer now is asked about by the next pass. Raises as
    `send` does.
    """
    systems = sorted({grant.system for grant in plan.grants if is_receipted(exit_, grant)})
    able = [name for name in systems if (only is None or name in only) and isinstance(exit_.systems.target(name), LooksForTheClient)]
    questions = {name: asked(exit_, plan, name) for name in able}
    unseen = side_by_side(able, lambda name: _is_unseen(exit_, plan, questions[name]))
    to_ask = tuple(name for name, answer in unseen.items() if answer is True)
    for name in to_ask:
        if not sent_request(exit_, plan, questions[name]):
            _send(exit_, plan, questions[name])
    return to_ask


def request_file(system: str) -> str:
    """Name the file with a request about one system."""
    return f"look-at-{''.join(one if one.isalnum() or one in '-_' else '-' for one in system)}.yaml"


def sent_request(exit_: Exit, plan: ExitPlan, question: Asked) -> LedgerEntry | None:
    """Find the receipt of the letter with this very request, sent since the last of ours was taken away there."""
    last = last_receipt(exit_, plan, question.system)
    sent = exit_.last(EntryKind.RECEIPT, subject=look_request(question.digest, question.system))
    return sent if last and sent and sent.number > last.number else None


def _is_unseen(exit_: Exit, plan: ExitPlan, question: Asked) -> bool:
    if sent_request(exit_, plan, question):
        return True
    target = exit_.systems.target(question.system)
    tried = plan.negative_login and isinstance(target, LooksByComingIn)  # our own way in, at the second check
    grants = [grant for grant in question.grants if not (grant.own and tried)]
    return any(ask(exit_, grant, log_in=False).state == GrantState.UNKNOWN for grant in grants)


def _send(exit_: Exit, plan: ExitPlan, question: Asked) -> None:
    system, last = question.system, last_receipt(exit_, plan, question.system)
    attachment, counts = request_file(system), counts_from(exit_, plan, system)
    facts = {"system": system, "attachment": attachment, "looked_for": len(question.grants), "counts_from": counts}
    letter = write(exit_, plan, Letter.LOOK_REQUEST, **facts)
    send(
        exit_,
        plan,
        look_request(question.digest, system),
        (plan.addresses[Party.CLIENT],),
        *letter,
        attachments={attachment: request_text(exit_, plan, (system,)).encode()},
        since=last.number if last else -1,
    )
