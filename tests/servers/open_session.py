"""Sessions on a host of the tests, opened by OpenSSH's client, which stay."""

import subprocess

from tests.servers.linux_world import LinuxWorld


def start_session(world: LinuxWorld, who: str, account: str, *options: str, port: int | None = None) -> subprocess.Popen[bytes]:
    """Log in by somebody's key and stay, over another port of the same server where one is given."""
    line = world.people.ssh(world.server, who, account, "echo in; sleep 600")
    line[line.index("-p") + 1] = str(port or world.server.port)
    line[1:1] = ["-o", f"HostKeyAlias=[127.0.0.1]:{world.server.port}", *options]
    session = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert session.stdout is not None
    assert session.stdout.readline() == b"in\n"
    return session


def end(session: subprocess.Popen[bytes]) -> None:
    """Have the client gone."""
    session.kill()
    session.wait()
