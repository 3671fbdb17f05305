"""Stages of an exit: the world as it was at one moment, to which it can be put back any number of times."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.model import LedgerEntry
    from tests.flows.exit_world import ExitWorld

OUTPUTS = ("archive", "archive-delta", "handover", "evidence", "state", "successor", "client", "checkpoints")


class Stage:
    """What the systems, the record and the outputs were like when this was made; kept in a folder of its own."""

    def __init__(self, world: "ExitWorld", kept: Path) -> None:
        self.world, self.kept, self.entries = world, kept, len(world.entries())
        keep(world, kept)

    def back(self) -> None:
        put_back(self.world, self.kept)

    def written_since(self) -> "tuple[LedgerEntry, ...]":
        return self.world.entries()[self.entries :]


def at_stage(world: "ExitWorld", name: str, prepare: Callable[[], object]) -> bool:
    """Bring a reset world to where `prepare` leads: the first time by doing it, later by a copy. Gives whether it was one."""
    kept = world.folder / "stages" / name
    if kept.exists():
        put_back(world, kept)
        return True
    prepare()
    keep(world, kept)
    return False


def keep(world: "ExitWorld", kept: Path) -> None:
    """Copy all that an exit changes and a person may edit. `kept` is there only once everything is."""
    begun = kept.with_suffix(".begun")
    begun.mkdir(parents=True)
    for name in (*OUTPUTS, "mail"):
        if (world.folder / name).exists():
            shutil.copytree(world.folder / name, begun / name)
    for path in (world.engagement_file, world.acme.register, world.authorized_keys):
        shutil.copy(path, begun / path.name)
    begun.rename(kept)


def put_back(world: "ExitWorld", kept: Path) -> None:
    for name in (*OUTPUTS, "mail"):
        shutil.rmtree(world.folder / name, ignore_errors=True)
        if (kept / name).exists():
            shutil.copytree(kept / name, world.folder / name)
    for path in (world.engagement_file, world.acme.register, world.authorized_keys):
        path.write_bytes((kept / path.name).read_bytes())
