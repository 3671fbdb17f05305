"""What the tests that kill passes have in common: the points to kill at, and what has to hold afterwards."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.folder import FolderStore
from core.archive.extract import extract
from core.evidence.bundle import write_bundle
from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind, LedgerEntry
from tests.flows.exit_world import ExitWorld
from tests.flows.killed_pass import Flow, KillPoint, Pass
from tests.flows.stage import Stage

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

KILLED_AT = {EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT, EntryKind.INVENTORY, EntryKind.CLOSED}
AFTER_THE_PACKAGE = {"notice", "passphrase"}
RESTLESS = "appointments.log"


def kill_points(written: tuple[LedgerEntry, ...]) -> list[KillPoint]:
    """Each intent and receipt on both sides of its commit; of what is only seen, each first entry, before its commit."""
    points, seen = [], Counter[tuple[str, str | None, str]]()
    for entry in written:
        subject = entry.subject.partition(" of package ")[0]
        key = (str(entry.kind), str(entry.action) if entry.action else None, subject)
        if entry.kind in KILLED_AT and not (entry.kind == EntryKind.VERDICT and seen[key]):
            points.append(KillPoint(*key, seen[key], "before"))
            if entry.kind in {EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.CLOSED}:
                points.append(KillPoint(*key, seen[key], "after"))
        seen[key] += 1
    return points


def ended(world: ExitWorld, go_on: Callable[[], "State[Any]"], wanted: str, point: KillPoint) -> None:
    """Go on until the end. A letter of which nobody knows whether it left is asked for, once, and waived."""
    state = go_on()
    uncertain = point.action == Action.NOTIFY and (point.kind, point.when) in {("intent", "after"), ("receipt", "before")}
    if uncertain:
        assert state.name == "Held", (point, state)
        assert "it is not known whether this message has arrived" in state.message
        world.waive(f"message {world.entries(EntryKind.INTENT, Action.NOTIFY)[-1].subject}")
        state = go_on()
    assert state.name == wanted, (point, state)


def nothing_happened_twice(world: ExitWorld, point: KillPoint, undisturbed: list[str]) -> None:
    receipts = Counter((entry.action, entry.subject) for entry in world.entries(EntryKind.RECEIPT))
    assert set(receipts.values()) == {1}, (point, receipts)
    letters = world.letters()
    assert len(letters) == len(set(letters)), (point, letters)
    lost = set(undisturbed) - set(letters)
    assert len(lost) == ((point.kind, point.action, point.when) == ("intent", "NOTIFY", "after")), (point, lost)


def evidence_holds(world: ExitWorld, folder: Path) -> None:
    with world.opened() as exit_:
        write_bundle(exit_.ledger, exit_.engagement, folder, key=exit_.key, now=exit_.now(), audience="the test")
    failed = [one for one in verify_bundle(folder, None).checks if one.status != "OK"]
    assert failed == []
    shutil.rmtree(folder)


def contents(world: ExitWorld, archive: str, desk: Path) -> dict[str, str]:
    """Open an archive, and give the sum of every file but the one that never rests."""
    extract(FolderStore(kind="folder", path=world.folder / archive), [world.acme.keys / "client.txt"], desk)
    found = {str(path.relative_to(desk)): _sum(path) for path in sorted(desk.rglob("*")) if path.is_file() and not path.is_symlink()}
    shutil.rmtree(desk)
    return {name: value for name, value in found.items() if not name.endswith(RESTLESS)}


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def killed(flow: Flow, world: ExitWorld, stage: Stage, point: KillPoint) -> None:
    stage.back()
    assert Pass(flow, world.plan().digest, kill=point).was_killed(), f"no pass came to {point}"
