"""A login of ours that is opened before our access is given up, stays open, and is tried after it (RFC 4254 section 5.1)."""

from typing import Final

from paramiko import ChannelException, SSHException

from connectors.ssh_host import verdicts
from connectors.ssh_host.guard import GuardedTransport
from connectors.ssh_host.kept import ANSWER_SECONDS
from core.model import GrantState, Verdict

_TOO_BUSY: Final = 4
"""SSH_OPEN_RESOURCE_SHORTAGE: no refusal of us."""


class SshSession:
    """An OpenSession over one connection that is logged in. `opened` says as whom."""

    def __init__(self, transport: GuardedTransport, opened: str) -> None:
        self._transport = transport
        self._given_up = False
        self.opened = opened

    def verify(self) -> Verdict:
        """Ask the server for one more channel on the open connection: whoever gets it can still run commands or forward ports."""
        if self._given_up:
            return verdicts.of_state(GrantState.UNKNOWN, f"{self.opened}: we let it go ourselves")
        try:
            self._transport.open_session(timeout=ANSWER_SECONDS).close()
        except ChannelException as exc:
            state = GrantState.UNKNOWN if exc.code == _TOO_BUSY else GrantState.REVOKED
            return verdicts.of_state(state, f"{self.opened}: the server opens nothing on it any more ({exc.text})")
        except (SSHException, OSError, EOFError) as exc:
            if not self._transport.is_over():
                return verdicts.of_state(GrantState.UNKNOWN, f"{self.opened}: no answer in {ANSWER_SECONDS:.0f} seconds")
            if self._transport.was_ended_by_server:
                return verdicts.of_state(GrantState.REVOKED, f"{self.opened}: the server has ended it")
            return verdicts.of_state(
                GrantState.UNKNOWN, f"{self.opened}: the line broke, which may have another reason ({type(exc).__name__})"
            )
        return verdicts.of_state(GrantState.ACTIVE, f"{self.opened}: it is still open, and the server opens more on it")

    def close(self) -> None:
        """Hang up. Twice is fine."""
        self._given_up = True
        self._transport.close()
