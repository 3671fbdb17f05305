"""Taking apart what GNU tar writes, against the real one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from connectors.ssh_host.tar_stream import BrokenTarError, TarStream
from tests.contracts.data_source import MIB

TAR = shutil.which("tar") or ""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


def stream_of(data: bytes) -> TarStream:
    pieces = iter([data[at : at + 1000] for at in range(0, len(data), 1000)])
    return TarStream(lambda: next(pieces, b""))


def read_up(stream: TarStream) -> list[tuple[bytes, bytes]]:
    seen = []
    while member := stream.following():
        seen.append((member.name, stream.body(member.size)))
    return seen


def test_every_cut_of_a_tar_is_noticed(root: Path) -> None:
    names = ("short", "l" * 150)
    for name in names:
        (root / name).write_bytes(b"x" * 700)
    whole = subprocess.run([TAR, "-cf-", "--format=gnu", "-b1", "-C", root, *names], stdout=subprocess.PIPE, check=True).stdout
    end = whole.rindex(b"x") + 1 + -(whole.rindex(b"x") + 1) % 512 + 1024
    for cut in range(0, end, 64):
        stream = stream_of(whole[:cut])
        with pytest.raises(BrokenTarError, match="ends early"):
            read_up(stream)
    seen = [(name.decode(), content) for name, content in read_up(stream_of(whole[:end]))]
    assert seen == [(name, b"x" * 700) for name in names]


def test_sizes_and_times_beyond_octal_digits_are_read(root: Path) -> None:
    with (root / "huge").open("wb") as stream:
        stream.truncate(9 * 1024 * MIB)
    os.utime(root / "huge", (-1000, -1000))
    with subprocess.Popen([TAR, "-cf-", "--format=gnu", "-C", root, "huge"], stdout=subprocess.PIPE) as tar:
        assert tar.stdout
        member = stream_of(tar.stdout.read(512)).following()
        tar.kill()
    assert member
    assert (member.size, member.mtime, member.is_file) == (9 * 1024 * MIB, -1000, True)
