"""The one connection that a pass keeps to a host, opened when first needed and again when it broke."""

import os
import threading
import weakref
from typing import Self

from connectors.ssh_host.guard import Guard, GuardedTransport
from connectors.ssh_host.host import SshHost, open_sftp
from connectors.ssh_host.sftp import Sftp


class Line:
    """Holds what is no part of a connector's configuration: any two are equal.

    A copy, or a child process, starts without a connection.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._transport: GuardedTransport | None = None
        self._sftp: Sftp | None = None
        self._process = 0

    def sftp(self, host: SshHost, readable: tuple[bytes, ...]) -> Sftp:
        """Give the open session, or log in and open one that may only read. Raises as `SshHost.log_in`."""
        with self._turn:
            usable = self._process == os.getpid() and self._transport is not None and self._transport.is_active()
            if usable and self._sftp is not None and not self._sftp.broken:
                return self._sftp
            _hang_up(self._transport, self._process)
            self._transport = host.log_in()
            self._process = os.getpid()
            weakref.finalize(self, _hang_up, self._transport, self._process)
            self._sftp = open_sftp(self._transport, Guard(readable))
            return self._sftp

    def close(self) -> None:
        """Hang up; the next use opens anew. Twice is fine."""
        with self._turn:
            _hang_up(self._transport, self._process)
            self._transport = self._sftp = None

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
