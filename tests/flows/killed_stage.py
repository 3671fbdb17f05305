"""What the tests that kill passes have in common: the points to kill at, and what has to hold afterwards."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.folder import FolderStore
from core.archive.extract import extract
from core.evidence.bundle import write_bundle
from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind, LedgerEntry
from tests.flows.exit_world import ExitWorld
from tests.flows.killed_pass import Flow, KillPoint, Pass, Points
from tests.flows.stage import Stage, keep, put_back

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

RESTLESS = "appointments.log"


def _points(written: tuple[LedgerEntry, ...]) -> list[KillPoint]:
    """Name all points of a walk that wrote these entries."""
    points = Points()
    return [point for entry in written for point in points.of(entry.kind, entry.action, entry.subject)]


Left = dict[KillPoint, Path]
"""Where it is kept what a kill at each of these points leaves behind."""


def walk_with_stops(flow: Flow, world: ExitWorld, stage: Stage, folder: Path) -> tuple[str, Left]:
    """Walk once from this stage to the end, and copy everything while the walk is stopped at each point. Gives the state it ends in.

    Of points between which nothing was done the first is given: what a kill leaves behind is the same.
    """
    stage.back()
    walk, walked, left = Pass(flow, world.plan().digest, stopping=True), list[KillPoint](), dict[object, tuple[KillPoint, Path]]()
    for point, on_record in walk.stops():
        kept = folder / f"point-{len(walked)}"
        keep(world, kept)
        walked.append(point)
        left.setdefault((on_record, str(_files(kept))), (point, kept))
    state, _ = walk.state()
    assert sorted(map(str, walked)) == sorted(map(str, _points(stage.written_since()))), "it was not stopped at every point"
    return state, dict(left.values())


def each_left(flow: Flow, world: ExitWorld, stage: Stage, left: Left) -> Iterator[KillPoint]:
    """Put the world to what is left behind at each point, and give the point.

    For each action the pass is killed indeed once, where it is done and not on record yet, and leaves the files that the copy has.
    """
    really = {point.action: point for point in left if (point.kind, point.when) == ("receipt", "before")}
    for point, kept in left.items():
        if point in really.values():
            killed(flow, world, stage, point)
            again = kept.with_suffix(".killed")
            keep(world, again)
            assert _how_many(again) == _how_many(kept), point
        else:
            put_back(world, kept)
        yield point


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


def _files(kept: Path) -> dict[str, str]:
    """Give the sum of every file that is kept but those of the record, which says of itself how far it has come."""
    files = (path for path in sorted(kept.rglob("*")) if path.is_file() and not path.is_symlink())
    found = {str(path.relative_to(kept)): path for path in files}
    return {name: _sum(path) for name, path in found.items() if not name.startswith("state/")}


def _how_many(kept: Path) -> Counter[tuple[str, str]]:
    """Count the files of each sort in each place; what is encrypted, or named by its sum, differs each time."""
    return Counter((name.partition("/")[0], Path(name).suffix) for name in _files(kept))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def killed(flow: Flow, world: ExitWorld, stage: Stage, point: KillPoint) -> None:
    stage.back()
    assert Pass(flow, world.plan().digest, kill=point).was_killed(), f"no pass came to {point}"
