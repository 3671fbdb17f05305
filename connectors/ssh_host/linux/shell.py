"""One logged-in connection to a host, on which commands of the table are run and files are reached by SFTP, as root where we may."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from paramiko import SSHException

from connectors.ssh_host.arriving import in_pieces
from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.host import SshHost
from connectors.ssh_host.kept import ANSWER_SECONDS, SILENCE_SECONDS, open_sftp
from connectors.ssh_host.linux.commands import SFTP_SERVERS, Commands, Root
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import temporary
from connectors.ssh_host.running import Running
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, UnavailableError

_PATIENCE: Final = 60.0
_KEEP: Final = 2000
_LONGEST: Final = 16 * 1024 * 1024


class Done(NamedTuple):
    """How a command ended (None: by a signal), and what it wrote."""

    status: int | None
    out: str


class Shell:
    """What can be done on a host over one connection. Raises UnavailableError when it breaks, RefusedError when root is refused."""

    def __init__(self, transport: GuardedTransport, commands: Commands, root: Root) -> None:
        self.transport = transport
        self._commands = commands
        self._root = root
        self._sftp_server = ""

    @property
    def is_root(self) -> bool:
        """Whether commands are run as root here."""
        return self._root != Root.NONE

    def require_root(self) -> None:
        """See that we are root where the engagement file says that we become it."""
        if self.is_root and self.run("user-id").out.strip() != "0":
            how = "logs in with other rights than root's" if self._root == Root.LOGIN else "may not become root by sudo without a password"
            raise RefusedError(
                f"our account {how}",
                untouched="everything on the host",
                todo="have the host allow it as long as it is needed, or write root: none: then less is seen",
            )

    def run(self, name: str, *values: str) -> Done:
        """Run one command of the table to its end."""
        with self.start(name, *values) as running:
            out = bytearray()
            while part := running.read():
                out += part
                if len(out) > _LONGEST:
                    raise RefusedError(f"the command {name} writes without end", untouched="what comes after it")
            return Done(running.status(), out.decode("utf-8", "surrogateescape"))

    def must(self, name: str, *values: str, failing: str) -> str:
        """Run one command that has to end well. Raises RefusedError, with `failing` as what did not work."""
        done = self.run(name, *values)
        if done.status != 0:
            raise RefusedError(f"{failing} (the host's command ended with {done.status})", untouched="what comes after it on this host")
        return done.out

    def start(self, name: str, *values: str) -> Running:
        """Start one command of the table, to be read and fed."""
        return Running(self.transport, self._commands.line(name, *values), patience=_PATIENCE, keep=_KEEP)

    @contextmanager
    def sftp(self, readable: Sequence[str], replaceable: Sequence[str] = ()) -> Iterator[Sftp]:
        """Open SFTP as root where we are it. Only these paths may be read, and only the `replaceable` replaced; none by who only looks."""
        may_change = () if self._commands.only_looks else replaceable
        may_replace: Mapping[bytes, bytes] = {temporary(encode(path)): encode(path) for path in may_change}
        guard = Guard(tuple(encode(path) for path in (*readable, *replaceable)), may_replace)
        sftp = self._as_root(guard) if self._root == Root.SUDO else open_sftp(self.transport, guard)
        try:
            yield sftp
        finally:
            sftp.hang_up()

    def _as_root(self, guard: Guard) -> Sftp:
        for path in (self._sftp_server,) if self._sftp_server else SFTP_SERVERS:
            try:
                channel = in_pieces(self.transport.open_session(timeout=ANSWER_SECONDS))
                channel.settimeout(SILENCE_SECONDS)
                channel.exec_command(self._commands.sftp_server(path))
                sftp = Sftp(channel, guard)
            except (SSHException, OSError, EOFError) as exc:
                raise UnavailableError(f"the server opened no session ({type(exc).__name__})") from exc
            except UnavailableError:
                if self.transport.is_over():
                    raise
                continue
            self._sftp_server = path
            return sftp
        raise RefusedError(
            f"sudo runs none of {', '.join(SFTP_SERVERS)} for our account",
            untouched="everything on the host",
            todo="have the client install OpenSSH's sftp-server and let our account run it by sudo",
        )


@contextmanager
def log_in(host: SshHost, commands: Commands, root: Root) -> Iterator[Shell]:
    """Come in by our own key for these commands and no others, and hang up at the end. Raises as `SshHost.log_in`."""
    transport = host.come_in()
    transport.commands = commands
    try:
        shell = Shell(transport, commands, root)
        shell.require_root()
        yield shell
    finally:
        transport.close()
