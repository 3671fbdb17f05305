"""Reading files of a host by SSH, against OpenSSH's server and asyncssh's."""

import copy
import os
import pickle
import shutil
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path
from typing import BinaryIO

import pytest
from pydantic import ValidationError

from connectors.ssh_host import SshFiles
from connectors.ssh_host.reader import IN_FLIGHT, READ_SIZE, SftpReader
from core.errors import RefusedError, UnavailableError
from core.model import InventoryItem
from core.signatures.public_key import fingerprint
from demo.ssh_server import Implementation, SshServer
from tests.contracts.data_source import DataSourceContract
from tests.servers.ssh_files import FilesWorld
from tests.servers.ssh_world import IMPLEMENTATIONS, SshWorld, make_key

MIB = 1024 * 1024


@pytest.fixture
def world(files_world: FilesWorld) -> FilesWorld:
    return files_world


class TestDataSource(DataSourceContract):
    """The promises of every data source."""

    @pytest.fixture
    def world(self, world: FilesWorld) -> FilesWorld:
        return world


def find(world: FilesWorld, name: str) -> InventoryItem:
    return next(item for item in world.source.inventory() if item.path == world.prefix + name)


@pytest.mark.parametrize(("written", "bytes_a_second"), [("20MB", 20_000_000), ("1MiB", MIB), ("500", 500)])
def test_the_limit_is_written_with_its_unit(host: SshWorld, world: FilesWorld, written: str, bytes_a_second: int) -> None:
    assert host.files(world.root, rate_limit=written).rate_limit == bytes_a_second
    for wrong in ("0", "-1", "fast", "20 apples"):
        with pytest.raises(ValidationError):
            host.files(world.root, rate_limit=wrong)


def test_another_host_key_is_refused_before_anything_is_read(host: SshWorld, world: FilesWorld, tmp_path: Path) -> None:
    expected = make_key(tmp_path, "other-host")
    with pytest.raises(RefusedError) as caught:
        list(host.files(world.root, host_key=expected).inventory())
    for text in (fingerprint(expected), fingerprint(host.server.host_key_line), "nothing was read"):
        assert text in str(caught.value)
    assert expected.split()[1] not in str(caught.value)


def test_unreachable_is_worth_a_retry_and_a_refused_login_is_not(host: SshWorld, world: FilesWorld) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        list(host.files(world.root, port=1).inventory())
    with pytest.raises(RefusedError, match="does not let us in"):
        list(host.files(world.root, private_key=f"file:{host.folder / 'stranger'}").inventory())


def read_while_it_stops(server: SshServer, stream: BinaryIO) -> None:
    stream.read(MIB)
    server.stop()
    stream.read()


def test_a_server_that_goes_away_and_comes_back(host: SshWorld, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "large").write_bytes(os.urandom(12 * MIB))
    kind = host.server.implementation
    server = SshServer.start(tmp_path / "server", authorized_keys=host.file, implementation=kind)
    source = host.files(root, port=server.port, host_key=server.host_key_line)
    item = list(source.inventory())[-1]
    with pytest.raises(UnavailableError), source.open(item) as stream:
        read_while_it_stops(server, stream)
    with pytest.raises(UnavailableError):
        list(source.inventory())
    with SshServer.start(tmp_path / "server", authorized_keys=host.file, implementation=kind, port=server.port):
        with source.open(item) as stream:
            assert stream.read() == (root / "large").read_bytes()
        source.close()
        source.close()
        assert list(source.inventory())[-1] == item


def test_one_connection_serves_the_whole_pass(world: FilesWorld) -> None:
    list(world.source.inventory())
    first = world.source._line._session  # noqa: SLF001 - whether it is the same one is the question
    for item in world.source.inventory():
        if item.kind == "file":
            with world.source.open(item) as stream:
                stream.read()
    assert world.source._line._session is first  # noqa: SLF001 - the same
    assert first is not None
    assert first.transport.local_cipher == "aes128-gcm@openssh.com"


def test_a_large_file_is_read_fast_in_bounded_memory(world: FilesWorld) -> None:
    with (world.root / "huge").open("wb") as stream:
        stream.truncate(200 * MIB)
    item = find(world, "huge")
    started = time.monotonic()
    with world.source.open(item) as reader:
        count = 0
        while block := reader.read(MIB):
            count += len(block)
    assert count == 200 * MIB
    assert time.monotonic() - started < 20
    tracemalloc.start()
    with world.source.open(item) as reader:
        for _ in range(20):
            reader.read(MIB)
            time.sleep(0.01)  # a slow consumer: what is asked for piles up
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * IN_FLIGHT * READ_SIZE


def test_a_reader_sees_that_its_file_changed(world: FilesWorld) -> None:
    item = find(world, "plain.txt")
    with world.source.open(item) as reader:
        assert isinstance(reader, SftpReader)
        assert reader.stat_now() == (item.size, item.mtime_ns)
        with (world.root / "plain.txt").open("ab") as stream:
            stream.write(b"more")
        size, mtime_ns = reader.stat_now()
        assert size == item.size + 4
        assert mtime_ns > item.mtime_ns
        assert reader.read() == b"hello\n"


def test_a_file_that_is_cut_while_read_ends_early(world: FilesWorld) -> None:
    (world.root / "shrinking").write_bytes(b"x" * 20 * MIB)
    with world.source.open(find(world, "shrinking")) as reader:
        got = len(reader.read(MIB))
        os.truncate(world.root / "shrinking", 10 * MIB)
        while block := reader.read(MIB):
            got += len(block)
    assert 10 * MIB <= got < 20 * MIB
    with world.source.open(find(world, "plain.txt")) as reader:
        assert reader.read() == b"hello\n"


def test_a_reader_left_in_the_middle_leaves_the_session_usable(world: FilesWorld) -> None:
    (world.root / "long").write_bytes(os.urandom(8 * MIB))
    item = find(world, "long")
    for _ in range(5):
        with world.source.open(item) as reader:
            reader.read(10)
    with world.source.open(item) as first, world.source.open(item) as second:
        assert first.read(MIB) == second.read(MIB)
    assert find(world, "long") == item


def test_threads_may_share_it(world: FilesWorld) -> None:
    contents = {f"part-{number}": os.urandom(3 * MIB) for number in range(6)}
    for name, content in contents.items():
        (world.root / name).write_bytes(content)
    items = {item.path.removeprefix(world.prefix): item for item in world.source.inventory()}
    got: dict[str, bytes] = {}

    def read(name: str) -> None:
        with world.source.open(items[name]) as stream:
            got[name] = b"".join(iter(lambda: stream.read(300_000), b""))

    threads = [threading.Thread(target=read, args=(name,)) for name in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == contents


def test_a_copy_is_equal_and_connects_for_itself(world: FilesWorld) -> None:
    items = list(world.source.inventory())
    for twin in (pickle.loads(pickle.dumps(world.source)), copy.deepcopy(world.source)):  # noqa: S301 - just pickled here
        assert twin == world.source
        assert hash(twin) == hash(world.source)
        assert list(twin.inventory()) == items
        twin.close()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if list(world.source.inventory()) == items else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert list(world.source.inventory()) == items


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_what_an_ordinary_account_may_not_read_is_said(implementation: Implementation) -> None:
    folder = Path(tempfile.mkdtemp(prefix="good-leaver-"))  # pytest's own folders are closed to other accounts
    folder.chmod(0o755)
    (folder / "authorized_keys").write_text(make_key(folder, "ours") + "\n", encoding="ascii")
    (folder / "authorized_keys").chmod(0o644)
    closed, secret = folder / "data" / "closed", folder / "data" / "secret"
    closed.mkdir(parents=True)
    secret.write_bytes(b"not for us")
    secret.chmod(0)
    account = "nobody" if os.geteuid() == 0 else None
    keys = folder / "authorized_keys"
    with SshServer.start(folder / "server", authorized_keys=keys, implementation=implementation, account=account) as server:
        settings = {"name": "db1", "host": server.host, "port": server.port, "user": server.user, "host_key": server.host_key_line}
        source = SshFiles(**settings, private_key=f"file:{folder / 'ours'}", paths=(str(folder / "data"),))
        item = next(item for item in source.inventory() if item.path.endswith("secret"))
        with pytest.raises(PermissionError), source.open(item) as stream:
            stream.read()
        (given,) = source.read_all([item])
        assert isinstance(given.content, PermissionError)
        closed.chmod(0)
        with pytest.raises(RefusedError, match="data/closed of db1 cannot be listed"):
            list(source.inventory())
        source.close()
    closed.chmod(0o700)
    shutil.rmtree(folder)
