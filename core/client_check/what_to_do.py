"""What a held exit says about a system that only the client can look at."""

from core.client_check.asking import asked, counts_from, second_look_on
from core.client_check.second_look import systems_closed_by_others
from core.dates import local
from core.exit import Exit
from core.letters.subjects import look_request
from core.model import EntryKind, ExitPlan
from core.ports import LooksForTheClient


def what_to_do(exit_: Exit, plan: ExitPlan, system: str) -> str:
    """Say who looks at a system, from when on, by which commands; and how two executives do without it."""
    if system not in {one.name for one in exit_.systems.access_targets}:
        return f"Put the system {system} back into the engagement file under its old name"
    if not isinstance(exit_.systems.target(system), LooksForTheClient):
        return f"On {system} nobody can look with this program: ask the client to look by hand"
    after = local(counts_from(exit_, plan, system), plan.cutoff.zone)
    sent = exit_.last(EntryKind.RECEIPT, subject=look_request(asked(exit_, plan, system).digest, system))
    make = f"offboard client-check request {plan.engagement} --system {system} --out REQUEST.yaml"
    has = f"it has the request by mail, entry {sent.number}" if sent else f"make its request with: {make}"
    waiver = f"offboard sign waiver {plan.engagement} --subject '{second_look_on(system)}' --reason TEXT --as PRINCIPAL --key PRIVATE_KEY"
    closed = system in systems_closed_by_others(exit_, plan)  # of what is left of our own way in there nobody waives a look
    without = "" if closed else f". If it does not, two executives may waive it once it has the request: {waiver}"
    return (
        f"On {system} nobody of ours can look any more: have the client look itself, not before {after} ({has}): "
        f"offboard client-check look REQUEST.yaml --out looks; take in what it signs: offboard sign take-in {plan.engagement} TEXT "
        f"(or by the form record-look){without}"
    )
