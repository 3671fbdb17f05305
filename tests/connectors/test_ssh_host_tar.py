"""Reading many files by the host's own tar: no wrong byte, whatever happens to the files, the tar or the host meanwhile."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.ssh_host import SshFiles
from core.errors import UnavailableError
from core.model import InventoryItem
from core.ports import ReadFile
from demo.ssh_server import SshServer, descendants
from tests.contracts.data_source import MIB, content_of, grow_tree
from tests.servers.ssh_files import BIG, COUNT, contents, files_of, large_ones, uses_tar
from tests.servers.ssh_world import SshWorld

TAR = shutil.which("tar") or ""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshWorld]:
    made = SshWorld(tmp_path_factory.mktemp("host"), "openssh")
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


def test_odd_names_and_files_come_through_tar(host: SshWorld, root: Path) -> None:
    grow_tree(root)
    deep = root
    for letter in "abcdefg":
        deep /= letter * 90
    deep.mkdir(parents=True)
    (deep / ("x" * 200)).write_bytes(b"far down")
    for length in range(60, 110):  # around the 100 bytes that fit into a header
        (root / ("n" * length)).write_bytes(b"%d" % length)
    (root / "back\\nslash: a\\\\b\t").write_bytes(b"escaped")
    os.link(root / "plain.txt", root / "second name")
    with (root / "sparse").open("wb") as stream:
        stream.truncate(3 * MIB)
        stream.seek(MIB)
        stream.write(b"island")
    source = host.files(root)
    files = files_of(source)
    for file in source.read_all(files):
        with open(b"/" + os.fsencode(file.item.path), "rb") as expected:  # noqa: PTH123 - a name that is not UTF-8
            assert file.content == expected.read()
    assert uses_tar(source)
    linked = {item.path.rsplit("/", 1)[1]: item.aside for item in files if item.aside}
    assert linked == {"plain.txt": "one of 2 hard links", "second name": "one of 2 hard links"}


def test_more_files_than_one_tar_is_asked_for(host: SshWorld, root: Path) -> None:
    for number in range(4200):
        (root / f"{number:05}").write_bytes(b"%d" % number)
    source = host.files(root)
    given = [(file.item.path[-5:], file.content) for file in source.read_all(files_of(source))]
    assert given == [(f"{number:05}", b"%d" % number) for number in range(4200)]


def test_large_files_between_small_ones_keep_the_order(host: SshWorld, root: Path) -> None:
    expected = {}
    for number in range(40):
        expected[f"{number:02}"] = os.urandom(9 * MIB if number % 13 == 5 else 1000 + number)
        (root / f"{number:02}").write_bytes(expected[f"{number:02}"])
    source = host.files(root)
    assert list(contents(source, files_of(source)).items()) == list(expected.items())


def grown(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"more")


def overwritten(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"\xff" * BIG)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as rsync and many others do: only ctime tells


def replaced(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_bytes(b"\xee" * BIG)
    beside.replace(path)


def became(make: Callable[[Path], None]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


CHANGES: dict[str, tuple[Callable[[Path], None], Callable[[bytes], bytes | None]]] = {
    "grown": (grown, lambda old: old + b"more"),
    "shrunk": (lambda path: os.truncate(path, MIB), lambda old: old[:MIB]),
    "emptied": (lambda path: os.truncate(path, 0), lambda _old: b""),
    "overwritten": (overwritten, lambda _old: b"\xff" * BIG),
    "replaced": (replaced, lambda _old: b"\xee" * BIG),
    "vanished": (Path.unlink, lambda _old: None),
    "a link": (became(lambda path: path.symlink_to("/etc/passwd")), lambda _old: None),
    "a directory": (became(Path.mkdir), lambda _old: None),
    "a pipe": (became(os.mkfifo), lambda _old: None),
}


def after_the_first(source: SshFiles, files: list[InventoryItem], act: Callable[[], object]) -> list[ReadFile]:
    given = []
    for file in source.read_all(files):
        if not given:
            time.sleep(0.5)  # until tar stands, since nobody takes what it writes
            act()
        given.append(file._replace(content=content_of(file)))  # type: ignore[arg-type]  # bytes or an error
    return given


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_under_tar_comes_as_before_or_as_after_never_mixed(host: SshWorld, root: Path, change: str) -> None:
    act, new = CHANGES[change]
    old = large_ones(root)
    source = host.files(root)
    files = files_of(source)
    given = after_the_first(source, files, lambda: [act(root / name) for name in list(old)[1:]])
    last: dict[str, object] = {file.item.path[-2:]: file.content for file in given}
    assert list(last) == list(old)
    changed = 0
    for name, content in last.items():
        if content != old[name]:
            changed += 1
            expected = new(old[name])
            assert isinstance(content, FileNotFoundError) if expected is None else content == expected
    assert changed >= 3
    if change in ("grown", "shrunk", "emptied", "overwritten"):  # tar stood in the middle of one of them, and said so at its end
        assert len(given) > len(files)


def test_a_small_file_that_became_huge_is_not_passed_through_tar(host: SshWorld, root: Path) -> None:
    old = large_ones(root)
    source = host.files(root)
    files = files_of(source)
    os.truncate(root / "06", 9 * 1024 * MIB)
    last: dict[str, object] = {}
    for file in source.read_all(files):
        last[file.item.path[-2:]] = file.content if isinstance(file.content, bytes) else file.content.read(BIG)  # type: ignore[union-attr]  # no errors here
        assert file.size == (9 * 1024 * MIB if file.item.path.endswith("06") else BIG)
    assert last == old


def tar_processes(server: SshServer) -> list[int]:
    return [pid for pid in descendants(server.pid) if Path(f"/proc/{pid}/comm").read_text(encoding="ascii") == "tar\n"]


def test_a_tar_that_is_killed_costs_time_only(host: SshWorld, root: Path) -> None:
    old = large_ones(root)
    source = host.files(root)
    given = after_the_first(source, files_of(source), lambda: [os.kill(pid, signal.SIGKILL) for pid in tar_processes(host.server)])
    assert len(given) > COUNT
    assert {file.item.path[-2:]: file.content for file in given} == old
    assert uses_tar(source)


def test_a_host_that_goes_away_under_tar_is_worth_a_retry(host: SshWorld, root: Path, tmp_path: Path) -> None:
    large_ones(root)
    server = SshServer.start(tmp_path / "server", authorized_keys=host.file, implementation="openssh")
    source = host.files(root, port=server.port, host_key=server.host_key_line)
    files = files_of(source)
    with pytest.raises(UnavailableError):
        after_the_first(source, files, server.stop)
