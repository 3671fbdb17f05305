"""Two passes of one engagement at once, in processes of their own: one works, the other waits or is Held; nothing happens twice."""

from collections import Counter

from core.model import Action, EntryKind
from tests.flows.exit_world import ENDED, PACKED, ExitWorld
from tests.flows.killed_pass import Flow, Pass


def both(flow: Flow, digest: str) -> list[tuple[str, str]]:
    return [one.state() for one in (Pass(flow, digest), Pass(flow, digest))]


def nothing_twice(world: ExitWorld) -> None:
    for kind in (EntryKind.INTENT, EntryKind.RECEIPT):
        counted = Counter((entry.action, entry.subject) for entry in world.entries(kind))
        assert set(counted.values()) == {1}, counted
    assert len(world.letters()) == len(set(world.letters()))


def test_two_walks(world: ExitWorld) -> None:
    world.engage()
    world.walk()
    world.sign_everything()
    ends = both("client-exit", world.plan().digest)
    assert "Waiting for receipt" in [name for name, _ in ends], ends
    for name, message in ends:
        assert name == "Waiting for receipt" or (name == "Completed" and "is at work on acme-dental since" in message), message
    nothing_twice(world)
    assert len(world.letters()) == PACKED
    assert len(world.scheduled_runs()) == 1


def test_two_cutoffs(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    ends = both("cutoff", world.plan().digest)
    assert "Closed" in [name for name, _ in ends], ends
    for name, message in ends:
        assert name == "Closed" or (name == "Completed" and "is at work on acme-dental since" in message), message
    nothing_twice(world)
    assert len(world.entries(EntryKind.RECEIPT, Action.REVOKE)) == 2
    assert world.authorized_keys.read_bytes() == world.last_key_lines
    assert len(world.letters()) == ENDED
