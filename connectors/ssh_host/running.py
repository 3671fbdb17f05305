"""One command that runs on the host, and what it writes (RFC 4254 sections 6.5 and 6.10)."""

import threading
import time
from contextlib import suppress
from typing import Final, Self

from paramiko import SSHException

from connectors.ssh_host.arriving import await_close, in_pieces
from connectors.ssh_host.guard import GuardedTransport
from core.errors import RefusedError, UnavailableError

OPEN_SECONDS: Final = 30.0
_PIECE: Final = 32 * 1024
_RECEIVE: Final = 1024 * 1024
_FAREWELL_SECONDS: Final = 5.0


class Running:
    """A command from its start on. Its standard error is taken in all the while, so that it cannot block.

    `patience`: how many seconds it may be silent. Raises RefusedError if the server runs no command for us, UnavailableError if the
    connection is lost or the command is silent for longer.
    """

    def __init__(self, transport: GuardedTransport, command: bytes, *, patience: float, keep: int = 0) -> None:
        self._transport = transport
        self._keep = keep
        self.said = bytearray()
        """The beginning of its standard error, up to `keep` bytes."""
        self.lines = 0
        """How many lines its standard error had."""
        try:
            self._channel = in_pieces(transport.open_session(timeout=OPEN_SECONDS))
            self._channel.settimeout(patience)
            self._channel.exec_command(command)
        except (SSHException, OSError, EOFError) as exc:
            if transport.is_over():
                raise UnavailableError(f"the connection broke off ({type(exc).__name__})") from exc
            raise RefusedError(
                "the server runs no command for our account",
                untouched="everything on the host",
                todo="have the client allow it for this account (a shell, no ForceCommand)",
            ) from exc
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def feed(self, data: bytes) -> None:
        """Give it its standard input, and its end, in the background."""
        threading.Thread(target=self._feed, args=(data,), daemon=True).start()

    def read(self) -> bytes:
        """Give what has come of its standard output, at least one byte; nothing at the end."""
        try:
            return self._channel.recv(_RECEIVE)
        except TimeoutError as exc:
            raise UnavailableError(f"the command was silent for {self._channel.gettimeout():.0f} seconds") from exc
        except (SSHException, OSError, EOFError) as exc:  # it also sends, to ask for more
            raise UnavailableError("the connection broke off while the command ran") from exc

    def status(self) -> int | None:
        """Wait for its end and give its exit status; None if it was ended by a signal or the server does not say."""
        patience = self._channel.gettimeout()
        if not self._channel.status_event.wait(patience):
            raise UnavailableError(f"the command did not end within {patience:.0f} seconds after its output had ended")
        status = self._channel.recv_exit_status()
        if status < 0:
            self._require_connection()
            return None
        self._listener.join(patience)
        await_close(self._channel, _FAREWELL_SECONDS)
        return status

    def close(self) -> None:
        """Leave it: if it still runs, its output goes nowhere from now on. Twice is fine."""
        with suppress(SSHException, OSError, EOFError):
            self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _require_connection(self) -> None:
        """Tell a lost connection from a command that ended without a status: the one ends paramiko's thread within moments."""
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while self._transport.is_active() and not self._channel.eof_received and time.monotonic() < deadline:
            time.sleep(0.01)
        if not self._transport.is_active():
            raise UnavailableError("the connection broke off while the command ran")

    def _listen(self) -> None:
        while True:
            try:
                heard = self._channel.recv_stderr(_PIECE)
            except TimeoutError:
                continue
            except (SSHException, OSError, EOFError):
                return
            if not heard:
                return
            self.lines += heard.count(b"\n")
            self.said += heard[: max(0, self._keep - len(self.said))]

    def _feed(self, data: bytes) -> None:
        left = memoryview(data)
        with suppress(SSHException, OSError, EOFError):
            while left:
                with suppress(TimeoutError):  # it does not read just now: what it writes is not read either
                    left = left[self._channel.send(bytes(left[:_PIECE])) :]
            self._channel.shutdown_write()
