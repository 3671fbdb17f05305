"""A disk that is full: the pass is Held, what is finished stays, and once there is room the next pass goes on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connectors.folder import FolderStore
from core.archive.verify import verify_archive
from core.model import Action, EntryKind
from tests.flows.exit_world import CONFIRMED, PACKED, ExitWorld
from tests.flows.killed_pass import Pass

ROOM = 4_000_000
"""Bytes: more than the ledger has, less than the archive needs."""


@contextmanager
def a_small_disk(folder: Path) -> Iterator[bool]:
    """Mount a tiny file system there, if this machine lets us; otherwise give False."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def much_data(world: ExitWorld) -> Iterator[ExitWorld]:
    """Eight million bytes that cannot be compressed, and everything signed."""
    noise = world.acme.source / "noise.raw"
    noise.write_bytes(os.urandom(2 * ROOM))
    world.engage()
    world.walk()
    world.sign_everything()
    yield world
    noise.unlink()


FULL = ("there is no room left to write ", "What to do: make room, or take a larger disk, and start again")
TOO_LARGE = ("takes no file as large as ", "What to do: write largest_file: ")
"""What a limit on the size of files looks like: as a FAT drive does."""


def held_for_room(world: ExitWorld, name: str, message: str, told: tuple[str, str]) -> None:
    assert name == "Held", message
    assert "Left untouched: " in message
    assert all(part in message for part in told)
    assert len(world.letters()) == CONFIRMED  # the confirmation; nothing is announced that is not there
    assert world.entries(EntryKind.RECEIPT, Action.EXPORT) == ()
    assert world.entries(EntryKind.INTENT, Action.HAND_OVER) == ()
    assert world.authorized_keys.read_bytes() == world.first_key_lines


def goes_on(world: ExitWorld) -> None:
    state = world.walk()
    assert state.name == "Waiting for receipt", state.message
    report = verify_archive(FolderStore(kind="folder", path=world.folder / "archive"), [world.acme.keys / "client.txt"])
    assert not report.faults
    assert len(world.entries(EntryKind.RECEIPT, Action.EXPORT)) == 1
    assert len(world.letters()) == PACKED


def test_no_room_for_the_archive(much_data: ExitWorld) -> None:
    """By a limit on the size of files, as every account can set it for itself."""
    name, message = Pass("client-exit", much_data.plan().digest, largest_file=ROOM).state()
    held_for_room(much_data, name, message, TOO_LARGE)
    goes_on(much_data)


def test_a_disk_that_is_really_full(much_data: ExitWorld) -> None:
    """By a file system of its own where we are root; the limit serves where we are not."""
    with a_small_disk(much_data.folder / "archive") as mounted:
        if mounted:
            state = much_data.walk()
            held_for_room(much_data, state.name, state.message, FULL)
            command = ["mount", "-o", "remount,size=64m", str(much_data.folder / "archive")]
            subprocess.run(command, check=True)
        else:
            held_for_room(much_data, *Pass("client-exit", much_data.plan().digest, largest_file=ROOM).state(), TOO_LARGE)
        goes_on(much_data)
