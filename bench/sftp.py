"""Rows of `sftp`: pulling from a real OpenSSH server on loopback, against OpenSSH's own clients and rsync, near and 20 ms away."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.archives import shell
from bench.measure import PROJECT
from bench.pulls import arrived, own
from bench.rows import Contender, Row, against, contest, take_turns
from bench.workplace import Workplace, missing
from demo.ssh_server import SshServer

ONE_WAY_MILLISECONDS = 10
ONE_GOAL, TAR_GOAL, PIPELINED_GOAL, AHEAD = 1.1, 0.15, 0.35, 1.0
SFTP_ONLY = 'command="internal-sftp",restrict '


class Host(NamedTuple):
    """A running server as its clients see it: `port` is its own, or that of the proxy before it."""

    server: SshServer
    folder: Path
    port: int

    def source(self, key: str, data: Path) -> dict[str, object]:
        """Give a source as it stands in an engagement file."""
        return {
            "kind": "ssh_host",
            "name": "bench",
            "host": self.server.host,
            "port": self.port,
            "user": self.server.user,
            "host_key": self.server.host_key_line,
            "private_key": f"file:{self.folder / key}",
            "paths": [str(data)],
        }

    @property
    def options(self) -> str:
        """Spell the options that OpenSSH's clients have in common."""
        known, key = self.folder / "known_hosts", self.folder / "whole"
        return shlex.join(
            ("-F", "none", "-i", str(key), "-o", f"UserKnownHostsFile={known}", "-o", "HostKeyAlias=bench", "-o", "BatchMode=yes")
        )


def sftp(workplace: Workplace) -> list[Row]:
    """Pull one big file and many small ones."""
    lacking = missing("sshd", "sftp", "ssh-keygen")
    if lacking:
        return [Row("SFTP pull", "OpenSSH sftp", f"{lacking} not installed")]
    rows = list[Row]()
    with serving(workplace) as near:
        rows += one_file(workplace, near, "SFTP, 1 GB file", workplace.runs)
        rows += many_files(workplace, near, "SFTP, 20,000 files", "20000", workplace.runs)
        with delayed(near) as far:
            rows += one_file(workplace, far, "SFTP at 20 ms, 1 GB file", 1)
            rows += many_files(workplace, far, "SFTP at 20 ms, 1,000 files", "1000", 1)
            rows += many_files(workplace, far, "SFTP at 20 ms, 20,000 files", "20000", 1, with_sftp=False)
    return rows


@contextmanager
def serving(workplace: Workplace) -> Iterator[Host]:
    """Start a server that lets two keys in: `whole` may run commands, `narrow` may only speak SFTP."""
    folder = workplace.scratch / "ssh"
    folder.mkdir(mode=0o700)
    lines = list[str]()
    for key, before in (("whole", ""), ("narrow", SFTP_ONLY)):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(folder / key)], check=True)
        lines.append(before + (folder / f"{key}.pub").read_text("ascii"))
    (folder / "authorized_keys").write_text("".join(lines), "ascii")
    with SshServer.start(folder) as server:
        (folder / "known_hosts").write_text(f"bench {server.host_key_line}\n", "ascii")
        yield Host(server, folder, server.port)


@contextmanager
def delayed(near: Host) -> Iterator[Host]:
    """Give the same host behind a line with a round trip of 20 ms."""
    command = [
        sys.executable,
        "-m",
        "bench.delay_proxy",
        "--listen",
        "0",
        "--to",
        str(near.port),
        "--milliseconds",
        str(ONE_WAY_MILLISECONDS),
    ]
    with ExitStack() as stack:
        proxy = stack.enter_context(subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True))
        stack.callback(proxy.terminate)
        said = proxy.stdout.readline() if proxy.stdout else ""
        found = re.search(r"\d+$", said.strip())
        if found is None:
            raise RuntimeError(f"the delay proxy did not say its port, but {said!r}")
        yield near._replace(port=int(found[0]))


def one_file(workplace: Workplace, host: Host, work: str, runs: int) -> list[Row]:
    """Pull one big file."""
    data = workplace.data("one")
    file = data / "one.bin"
    place = workplace.place(None)
    get = f"get {file}"
    peers = [
        _sftp("OpenSSH sftp", host, data, get, goal=ONE_GOAL),
        _sftp("OpenSSH sftp, aes128-gcm", host, data, get, more="-c aes128-gcm@openssh.com"),
        _rsync(host, data, file),
    ]
    return contest(work, own(workplace, "Good Leaver", host.source("whole", data), data), peers, place, runs=runs, tell=workplace.tell)


def many_files(workplace: Workplace, host: Host, work: str, name: str, runs: int, *, with_sftp: bool = True) -> list[Row]:
    """Pull many small files: through the host's tar, and as from a host that speaks SFTP alone.

    Without `with_sftp` the only peer is rsync: far away, `sftp -r` would take a quarter of an hour for 20,000 files.
    """
    data, place = workplace.data(name), workplace.place(None)
    by_tar = own(workplace, "Good Leaver by tar", host.source("whole", data), data)
    alone = own(workplace, "Good Leaver by SFTP alone", host.source("narrow", data), data)
    get = f"get -r {data}"
    by_tar_peers, alone_peers = (
        (*((_sftp("OpenSSH sftp -r", host, data, get, goal=goal),) if with_sftp else ()), _rsync(host, data, data, goal=AHEAD))
        for goal in (TAR_GOAL, PIPELINED_GOAL)
    )
    figures = take_turns(work, (by_tar, alone, *by_tar_peers), place, runs=runs, tell=workplace.tell)
    return [
        *against(f"{work}, by tar", by_tar, by_tar_peers, figures),
        *against(f"{work}, SFTP alone", alone, alone_peers, figures),
    ]


def _sftp(name: str, host: Host, data: Path, get: str, *, goal: float | None = None, more: str = "") -> Contender:
    script = f'cd "$OUT"; sftp -q {host.options} {more} -P {host.port} -b - {host.server.user}@{host.server.host} <<< {shlex.quote(get)}'
    return Contender(name, shell(script), missing("sftp"), check=arrived(data), goal=goal)


def _rsync(host: Host, data: Path, what: Path, *, goal: float | None = None) -> Contender:
    remote = shlex.quote(f"ssh {host.options} -p {host.port}")
    script = f'rsync -a -W -e {remote} {host.server.user}@{host.server.host}:{what} "$OUT"'
    return Contender("rsync -a -W", shell(script), missing("rsync"), check=arrived(data), goal=goal)
