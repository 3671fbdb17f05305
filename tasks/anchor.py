"""Have others vouch for the record as it stands."""

from core.anchors.anchor import anchor_phase
from core.anchors.cosignature import record_cosignature
from core.exit import Exit
from tasks.step import step


@step(name="Anchor the record", task_run_name="Anchor the record: {phase}")
def anchor_record(exit_: Exit, phase: str) -> None:
    """Have the record time stamped and copied at the boundary of a phase, once. Who is away keeps nothing from going on."""
    anchor_phase(exit_, phase)


@step(name="Check and record the cosignature")
def take_in_cosignature(exit_: Exit, signature: str) -> str:
    """Put a signature over a checkpoint on record, if it counts. Returns what is on record; again is harmless."""
    return record_cosignature(exit_, signature)
