"""Many files over one SFTP session: what changes between two questions is noticed, and what is in flight is bounded."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.ssh_host.pipelined import SMALL, Reading, Whole, _whole, looked_at
from connectors.ssh_host.sftp import Sftp
from tests.contracts.data_source import MIB, content_of
from tests.servers.ssh_files import files_of
from tests.servers.ssh_world import SshWorld


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "data" / "file"
    made.parent.mkdir()
    made.write_bytes(b"old" * 1000)
    os.utime(made, (1_600_000_000, 1_600_000_000))
    return made


@pytest.fixture
def sftp(host: SshWorld, file: Path) -> Iterator[Sftp]:
    with host.target.sftp((os.fsencode(file.parent),)) as opened:
        yield opened


def whole_with(sftp: Sftp, file: Path, step: int, act: Callable[[], object]) -> Whole:
    """Go through the steps of one small file, and change something right before one of them is asked for."""
    steps = _whole(sftp, os.fsencode(file))
    wanted, number = next(steps), 0
    while True:
        number += 1
        if number == step:
            act()
        asked = [(sftp.send(request), request.answer) for request in wanted]
        try:
            wanted = steps.send([sftp.receive(*one) for one in asked])
        except StopIteration as end:
            result: Whole = end.value
            return result


def replace_by(file: Path, make: Callable[[Path], object]) -> None:
    file.rename(file.with_name("away"))
    make(file)


CHANGES: dict[str, Callable[[Path], object]] = {
    "grown": lambda file: file.write_bytes(b"old" * 1001),
    "shrunk": lambda file: os.truncate(file, 10),
    "overwritten": lambda file: file.write_bytes(b"new" * 1000),
    "a link": lambda file: replace_by(file, lambda path: path.symlink_to("/etc/passwd")),
    "another": lambda file: replace_by(file, lambda path: path.write_bytes(b"new" * 1000)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_small_file_that_changes_between_two_questions_is_not_taken_for_whole(sftp: Sftp, file: Path, change: str) -> None:
    assert whole_with(sftp, file, 99, file.unlink).content == b"old" * 1000
    assert whole_with(sftp, file, 2, lambda: CHANGES[change](file)).content is None


def test_a_small_file_that_changes_once_it_is_open_is_not_taken_for_whole(sftp: Sftp, file: Path) -> None:
    for change in ("overwritten", "grown", "shrunk"):
        assert whole_with(sftp, file, 3, lambda change=change: CHANGES[change](file)).content is None  # type: ignore[misc]  # bound now
    assert whole_with(sftp, file, 3, file.unlink).content is not None


def test_what_was_not_whole_comes_as_a_stream(host: SshWorld, sftp: Sftp, file: Path) -> None:
    for number in range(300):
        (file.parent / f"{number:03}").write_bytes(b"%d" % number)
    (file.parent / "larger").write_bytes(os.urandom(SMALL + 1))
    items = files_of(host.files(file.parent))
    (given,) = [one for one in Reading(sftp, items) if not isinstance(one.content, bytes) and content_of(one)]
    assert given.item.path.endswith("larger")
    assert [one.item for one in Reading(sftp, items)] == items


def test_no_more_than_some_files_are_asked_for_ahead(host: SshWorld, sftp: Sftp, file: Path) -> None:
    for number in range(40):
        (file.parent / f"{number:03}").write_bytes(bytes(2 * MIB))
    taken = []

    def watched() -> Iterator:  # type: ignore[type-arg]  # items
        for item in files_of(host.files(file.parent)):
            taken.append(item)
            yield item

    most = 0
    for number, _given in enumerate(Reading(sftp, watched())):
        most = max(most, len(taken) - number)
    assert 4 <= most <= 10
    assert len(taken) == 41


def test_looking_at_many_keeps_order_and_tells_what_is_gone(sftp: Sftp, file: Path) -> None:
    paths = [os.fsencode(file.with_name(f"{number}")) for number in range(700)] + [os.fsencode(file)]
    seen = list(looked_at(sftp, paths))
    assert [path for path, _now in seen] == paths
    assert all(isinstance(now, FileNotFoundError) for _path, now in seen[:-1])
    assert not isinstance(seen[-1][1], OSError)
