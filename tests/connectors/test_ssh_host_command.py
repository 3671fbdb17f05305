"""What a command of a host writes, as a data source, against OpenSSH's server."""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.ssh_host import SshCommand
from core.errors import GuardError, RefusedError, UnavailableError
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind
from core.ports import DataSource
from demo.ssh_server import SshServer, descendants
from tests.contracts.data_source import MIB, ReadAllContract
from tests.servers.ssh_world import SshWorld

SECRET = "hunter2-do-not-tell"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshWorld]:
    made = SshWorld(tmp_path_factory.mktemp("host"), "openssh")
    yield made
    made.close()


class TestReading(ReadAllContract):
    """The promises of every source."""

    @pytest.fixture
    def source(self, host: SshWorld) -> DataSource:
        return host.command("printf 'one\\ntwo\\n'; seq 200000")


def item_of(source: SshCommand) -> InventoryItem:
    (item,) = source.inventory()
    return item


def read(source: SshCommand) -> bytes:
    with source.open(item_of(source)) as stream:
        return stream.read()


def test_one_file_of_unknown_size_is_listed_and_nothing_is_run(host: SshWorld, tmp_path: Path) -> None:
    source = host.command(f"touch {tmp_path}/ran", port=1)
    expected = InventoryItem(dataset="db1", path="dumps/patients.dump", kind=ItemKind.FILE, size=UNKNOWN_SIZE, mode=0o600)
    assert list(source.inventory()) == [expected]
    assert source.dataset().selectors == (f"command: touch {tmp_path}/ran", "file: dumps/patients.dump")
    assert not (tmp_path / "ran").exists()


def test_much_output_comes_whole_and_in_pieces(host: SshWorld, tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(os.urandom(MIB) * 200)
    source = host.command(f"cat {tmp_path}/dump")
    (file,) = source.read_all([item_of(source)])
    assert (file.size, file.mtime_ns) == (UNKNOWN_SIZE, 0)
    for file in source.read_all([item_of(source)]):
        digest, count = hashlib.sha256(), 0
        assert not isinstance(file.content, bytes | OSError | RefusedError)
        assert not hasattr(file.content, "stat_now")
        while piece := file.content.read(MIB):
            digest.update(piece)
            count += len(piece)
    assert count == 200 * MIB
    assert digest.digest() == hashlib.sha256((tmp_path / "dump").read_bytes()).digest()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"seq 10; echo {SECRET} >&2; exit 3", "ended with status 3; it wrote 1 lines"),
        ("exit 1", "ended with status 1; it wrote 0 lines"),
        ("no-such-program-anywhere", "ended with status 127; it wrote 1 lines"),
        ("seq 10; kill -9 $$", "was ended before it had finished"),
        ("seq 10; exec >&-; sleep 0.5; exit 4", "ended with status 4"),
    ],
)
def test_a_command_that_fails_is_never_taken_for_a_whole_file(host: SshWorld, command: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as caught:
        read(host.command(command))
    assert SECRET not in str(caught.value)
    assert "by hand" in caught.value.todo


def test_what_came_before_the_failure_is_given_and_the_end_is_not(host: SshWorld) -> None:
    source = host.command("seq 10; exit 3")
    with source.open(item_of(source)) as stream:
        assert stream.read(5) == b"1\n2\n3"
        assert len(stream.read(1000)) == 16
        with pytest.raises(RefusedError, match="status 3"):
            stream.read(1000)
        with pytest.raises(RefusedError, match="status 3"):
            stream.read(1000)


def test_output_that_is_closed_early_waits_for_the_end(host: SshWorld) -> None:
    started = time.monotonic()
    assert read(host.command("seq 3; exec >&- 2>&-; sleep 1")) == b"1\n2\n3\n"
    assert time.monotonic() - started >= 1


def test_noise_on_standard_error_blocks_nothing(host: SshWorld) -> None:
    noisy = "head -c 30000000 /dev/urandom | base64 >&2; seq 5"
    assert read(host.command(noisy)) == b"1\n2\n3\n4\n5\n"
    both = "for i in $(seq 200); do head -c 9000 /dev/zero; head -c 9000 /dev/zero >&2; done"
    assert read(host.command(both)) == bytes(200 * 9000)


def test_a_command_may_think_but_not_for_ever(host: SshWorld) -> None:
    assert read(host.command("sleep 1.5; echo done", patience_seconds=10)) == b"done\n"
    with pytest.raises(UnavailableError, match="silent for 1 seconds"):
        read(host.command("echo begun; sleep 30", patience_seconds=1))
    with pytest.raises(UnavailableError, match="did not end within 1 seconds"):
        read(host.command("exec >&- 2>&-; sleep 30", patience_seconds=1))


def cut(server: SshServer) -> None:
    """End the server before the command, which else the server would still say has ended."""
    for pid in [server.pid, *reversed(descendants(server.pid))]:
        os.kill(pid, signal.SIGKILL)


def test_a_connection_that_breaks_is_worth_a_retry(host: SshWorld, tmp_path: Path) -> None:
    server = SshServer.start(tmp_path / "server", authorized_keys=host.file, implementation="openssh")
    source = host.command("seq 10; sleep 30", port=server.port, host_key=server.host_key_line)
    with source.open(item_of(source)) as stream:
        assert stream.read(10)
        threading.Timer(0.3, cut, (server,)).start()
        with pytest.raises(UnavailableError, match="broke off"):
            stream.read()
    server.stop()


def test_the_connection_that_is_cut_at_the_end_is_no_success(host: SshWorld, tmp_path: Path) -> None:
    server = SshServer.start(tmp_path / "server", authorized_keys=host.file, implementation="openssh")
    source = host.command("seq 10; exec >&- 2>&-; sleep 30", port=server.port, host_key=server.host_key_line)
    with source.open(item_of(source)) as stream:
        assert len(stream.read(21)) == 21
        threading.Timer(0.5, cut, (server,)).start()
        with pytest.raises(UnavailableError, match="broke off"):
            stream.read()
    server.stop()


def test_leaving_early_ends_the_command(host: SshWorld, tmp_path: Path) -> None:
    source = host.command(f"echo $$ > {tmp_path}/pid; exec yes")
    with source.open(item_of(source)) as stream:
        assert stream.read(4) == b"y\ny\n"
        pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_a_server_that_runs_no_commands_says_so(tmp_path: Path) -> None:
    host = SshWorld(tmp_path, "openssh", ("MaxSessions 0",))
    try:
        with pytest.raises(RefusedError, match="runs no command for our account"):
            read(host.command("true"))
    finally:
        host.close()


def test_only_this_very_command_passes(host: SshWorld) -> None:
    source = host.command("echo this")
    transport = source.log_in()
    try:
        for other in ("echo that", "echo this; id", " echo this", "echo this ", "echo", "", "tar --version"):
            with pytest.raises(GuardError):
                transport.open_session().exec_command(other)
        with pytest.raises(GuardError):
            transport.open_session().invoke_subsystem("netconf")
        assert transport.is_active()
    finally:
        transport.close()


@pytest.mark.parametrize("file", ["", "/abs", "a/../b", "a//b", "a/", ".", "a\0b", "a\nb"])
def test_the_file_is_a_plain_relative_path(host: SshWorld, file: str) -> None:
    with pytest.raises(ValidationError, match="relative path"):
        SshCommand(**host.settings(), command="true", file=file)


@pytest.mark.parametrize("command", ["", "  ", "a\0b"])
def test_there_is_a_command(host: SshWorld, command: str) -> None:
    with pytest.raises(ValidationError, match="as you would type it"):
        SshCommand(**host.settings(), command=command, file="x")
