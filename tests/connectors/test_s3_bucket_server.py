"""The simulated S3 server: on loopback alone, kept in its folder, and gone with whoever started it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from demo.s3_server import PORTS, SOCKETS, S3Server
from tests.servers.s3_world import S3World, stranger

STARTER = """
import sys, time
from pathlib import Path
from demo.s3_server import S3Server
print(S3Server.start(Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_it_dies_with_whoever_started_it(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path / "server")], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_alive(pid)
        starter.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(pid)


def test_it_listens_on_loopback_alone_and_keeps_what_it_was_given(tmp_path: Path) -> None:
    with S3Server.start(tmp_path / "server") as server:
        listing = subprocess.run(["ss", "-Hltnup"], capture_output=True, text=True, check=True).stdout
        addresses = [line.split()[4] for line in listing.splitlines() if f"pid={server.pid}," in line]
        assert len(addresses) == len(PORTS)
        assert all(address.startswith("127.0.0.1:") for address in addresses)
        world = S3World(tmp_path, server)
        world.put("one", b"1")
        sockets = [Path(f"/tmp/seaweedfs-{name}-grpc-{server._ports[port]}.sock") for name, port in SOCKETS.items()]  # noqa: S108, SLF001 - theirs
        assert all(path.is_socket() for path in sockets)
    server.stop()
    assert not any(path.exists() for path in sockets)
    with S3Server.start(tmp_path / "server") as again:
        assert stranger(again).get_object(Bucket=world.bucket, Key="one")["Body"].read() == b"1"
