"""The one connection that a pass keeps to a host, opened when first needed and again when it broke."""

import os
import threading
import weakref
from typing import NamedTuple, Self

from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.host import SshHost
from connectors.ssh_host.kept import open_sftp
from connectors.ssh_host.sftp import Sftp
from connectors.ssh_host.tar_files import has_gnu_tar


class Session(NamedTuple):
    """A connection to a host, with an SFTP session on it that may only read what `guard` lets."""

    transport: GuardedTransport
    guard: Guard
    sftp: Sftp

    @property
    def usable(self) -> bool:
        """Whether it has not broken yet."""
        return self.transport.is_active() and not self.sftp.broken


class Line:
    """Holds what is no part of a connector's configuration: any two are equal.

    A copy, or a child process, starts without a connection.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._session: Session | None = None
        self._process = 0
        self._gnu_tar: bool | None = None

    def session(self, host: SshHost, readable: tuple[bytes, ...]) -> Session:
        """Give the open session, or log in and open one. Raises as `SshHost.log_in`."""
        with self._turn:
            if self._session is not None and self._process == os.getpid() and self._session.usable:
                return self._session
            _hang_up(self._session and self._session.transport, self._process)
            self._session, self._gnu_tar = None, None
            transport = host.log_in()
            self._process = os.getpid()
            weakref.finalize(self, _hang_up, transport, self._process)
            guard = Guard(readable)
            self._session = Session(transport, guard, open_sftp(transport, guard))
            return self._session

    def has_gnu_tar(self, session: Session) -> bool:
        """Ask the host once for each connection. Raises UnavailableError."""
        with self._turn:
            if self._gnu_tar is None:
                self._gnu_tar = has_gnu_tar(session.transport)
            return self._gnu_tar

    def close(self) -> None:
        """Hang up; the next use opens anew. Twice is fine."""
        with self._turn:
            _hang_up(self._session and self._session.transport, self._process)
            self._session = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Line)

    def __hash__(self) -> int:
        return hash(Line)

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def _hang_up(transport: GuardedTransport | None, process: int) -> None:
    """Close a connection in the process that opened it; a child that merely inherited it would cut its parent off."""
    if transport is not None and process == os.getpid():
        transport.close()
