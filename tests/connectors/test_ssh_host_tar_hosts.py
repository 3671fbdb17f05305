"""Reading many files of odd hosts: another tar, a tar that fails, none at all, no commands, a start-up file that prints."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import UnavailableError
from tests.contracts.data_source import MIB, DataSourceContract, content_of, grow_tree
from tests.servers.ssh_files import BIG, FilesWorld, contents, files_of, large_ones, uses_tar
from tests.servers.ssh_world import SshWorld

TAR = shutil.which("tar") or ""


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)


def host_with(folder: Path, tar: str = "", *options: str) -> SshWorld:
    """Start a host where `tar` is this script: TAR stands for the real one with what it was called with."""
    programs = folder / "programs"
    programs.mkdir()
    if tar:
        program(programs, "tar", f'[ "$1" = --version ] && exec {TAR} --version\n' + tar.replace("TAR", f'{TAR} "$@"'))
    return SshWorld(folder, "openssh", (f"SetEnv PATH={programs}:{os.environ['PATH']}", *options))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


ODD_TARS = {
    "breaks off": "TAR | head -c 9000000",
    "breaks off at once": "exit 1",
    "fails at the end": "TAR; exit 2",
    "fails unheard of": "TAR; exit 77",
    "is preceded by noise": "echo welcome; TAR",
    "is followed by noise": "TAR; head -c 3000000 /dev/zero",
    "has a flipped header": "TAR | tr 0 1",
    "gives other files": "for i in $(seq $#); do [ $1 = --directory=/ ] && a=--directory=$OTHER || a=$1; set -- $@ $a; shift; done; TAR",
    "says much": "TAR; head -c 9000000 /dev/urandom | tr -d '\\n' >&2; exit 1",
}


@pytest.mark.parametrize("what", ODD_TARS)
def test_a_tar_that_is_odd_costs_time_only(tmp_path: Path, root: Path, what: str) -> None:
    old = large_ones(root)
    other = tmp_path / "other" / root.relative_to("/")
    other.mkdir(parents=True)
    for name in old:
        (other / name).write_bytes(b"not what was listed")
    host = host_with(tmp_path, f"OTHER={tmp_path}/other; " + ODD_TARS[what])
    try:
        source = host.files(root)
        files = files_of(source)
        given = [(file.item.path[-2:], content_of(file)) for file in source.read_all(files)]
        assert dict(given) == old
        if what in ("fails unheard of", "says much", "is followed by noise"):  # what came from such a tar is all read again
            assert given == list(old.items()) * 2
        assert uses_tar(source)
    finally:
        host.close()


def test_a_tar_that_complains_without_a_word_is_checked_by_looking_again(tmp_path: Path, root: Path) -> None:
    old, new = large_ones(root), b"\xff" * BIG
    host = host_with(tmp_path, "TAR 2>/dev/null")
    try:
        source = host.files(root)
        given = {}
        for file in source.read_all(files_of(source)):
            if not given:
                time.sleep(0.5)  # until tar stands in the middle of one, since nobody takes what it writes
                for name in list(old)[1:]:
                    with (root / name).open("r+b") as stream:
                        stream.write(new)
            given[file.item.path[-2:]] = content_of(file)
    finally:
        host.close()
    assert {name: content in (old[name], new) for name, content in given.items()} == dict.fromkeys(old, True)
    assert sum(given[name] != old[name] for name in old) >= 3


@pytest.mark.parametrize("what", ["no tar", "busybox", "sftp only", "start-up file that prints", "one session", "a tar that hangs"])
def test_where_there_is_no_gnu_tar_sftp_reads_it_all(tmp_path: Path, root: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    grow_tree(root)
    options = {"sftp only": ("ForceCommand internal-sftp",), "one session": ("MaxSessions 1",)}.get(what, ())
    programs = tmp_path / "programs"
    if what == "start-up file that prints":
        (tmp_path / ".bashrc").write_text("echo welcome to this host\n", encoding="ascii")
        options = (f"SetEnv HOME={tmp_path}",)
    elif what in ("no tar", "busybox", "a tar that hangs"):
        programs.mkdir()
        options = (f"SetEnv PATH={programs}",)
    if what == "busybox":
        (programs / "tar").symlink_to(shutil.which("busybox") or "busybox is not installed")
    if what == "a tar that hangs":
        program(programs, "tar", "exec /bin/sleep 60")
        monkeypatch.setattr("connectors.ssh_host.tar_files._ANSWER_SECONDS", 0.5)
    host = SshWorld(tmp_path, "openssh", options)
    try:
        source = host.files(root)
        files = files_of(source)
        for file in source.read_all(files):
            with open(b"/" + os.fsencode(file.item.path), "rb") as expected:  # noqa: PTH123 - a name that is not UTF-8
                assert content_of(file) == expected.read()
        assert not uses_tar(source)
        source.close()
    finally:
        host.close()


def test_a_host_that_shuts_us_into_a_folder(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="good-leaver-", dir="/run" if os.geteuid() == 0 else tmp_path))  # all above it must be root's
    folder.chmod(0o755)
    (folder / "data").mkdir()
    grow_tree(folder / "data")
    host = SshWorld(tmp_path, "openssh", (f"ChrootDirectory {folder}", "ForceCommand internal-sftp"))
    try:
        source = host.files(Path("/data"))
        if os.geteuid() != 0:  # such a server cannot, and lets nobody in instead
            with pytest.raises(UnavailableError):
                list(source.inventory())
            return
        for file in source.read_all(files_of(source)):
            with open(os.fsencode(folder) + b"/" + os.fsencode(file.item.path), "rb") as expected:  # noqa: PTH123 - a name that is not UTF-8
                assert content_of(file) == expected.read()
    finally:
        host.close()
        shutil.rmtree(folder)


def test_what_tar_may_not_read_is_asked_of_sftp(tmp_path: Path, root: Path) -> None:
    for number in range(10):
        (root / f"{number}").write_bytes(b"%d" % number)
    (root / "5").chmod(0)
    we_are_root = os.geteuid() == 0
    host = host_with(tmp_path, "exec setpriv --bounding-set=-all --inh-caps=-all TAR" if we_are_root else "TAR")
    try:
        source = host.files(root)
        got = contents(source, files_of(source))
    finally:
        host.close()
    denied = got.pop("5")
    assert denied == b"5" if we_are_root else isinstance(denied, PermissionError)
    assert got == {f"{number}": b"%d" % number for number in range(10) if number != 5}


def test_a_server_that_renews_its_keys_often_does_not_stall(tmp_path: Path, root: Path) -> None:
    for number in range(6000):
        (root / f"{number:04}").write_bytes(os.urandom(6000))
    (root / "large").write_bytes(os.urandom(40 * MIB))
    host = SshWorld(tmp_path, "openssh", ("RekeyLimit 24M",))
    started = time.monotonic()
    try:
        source = host.files(root)
        for file in source.read_all(files_of(source)):
            assert content_of(file) == Path("/", file.item.path).read_bytes()
    finally:
        host.close()
    assert time.monotonic() - started < 25


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshWorld]:
    made = SshWorld(tmp_path_factory.mktemp("host"), "openssh", ("ForceCommand internal-sftp",))
    yield made
    made.close()


class TestWithoutTar(DataSourceContract):
    """The promises of every data source, kept by SFTP alone."""

    @pytest.fixture
    def world(self, plain: SshWorld, root: Path) -> Iterator[FilesWorld]:
        grow_tree(root)
        source = plain.files(root)
        yield FilesWorld(source=source, root=root, prefix=f"{root}/"[1:])
        source.close()
