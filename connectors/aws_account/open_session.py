"""A session of the role by which we come in, held in memory: it outlives the trust that opened it, unless AWS is told to end it."""

import threading

from connectors.aws_account.errors import DeniedError, ExpiredError, WayInRefusedError
from connectors.aws_account.session import AwsSession
from core.errors import RefusedError, UnavailableError
from core.model import Assurance, GrantState, Verdict


class HeldRoleSession:
    """An OpenSession. It is tried by reading the role itself, since policies judge that; `GetCallerIdentity` nobody can be denied.

    Source: STS API Reference, GetCallerIdentity; IAM User Guide, Revoking IAM role temporary security credentials.
    """

    def __init__(self, session: AwsSession, role: str) -> None:
        """Take a session that is open, and see that it may read its role. Raises as ports do."""
        self._session: AwsSession | None = session
        self._role = role
        self._lock = threading.Lock()
        until = f", which AWS lets run until {session.ends}" if session.ends else ""
        self.opened = f"a session of the role {role} as {session.caller}{until}; it could read the role"
        session.call("iam", "GetRole", RoleName=role)

    def verify(self) -> Verdict:
        """Read the role once more: a clear refusal by AWS, or the end of the session's time, is its end; a silence is unknown."""
        with self._lock:
            session = self._session
        if session is None:
            return _verdict(GrantState.UNKNOWN, "it was let go before it was tried")
        try:
            session.call("iam", "GetRole", RoleName=self._role)
        except (DeniedError, ExpiredError, WayInRefusedError) as error:
            return _verdict(GrantState.REVOKED, f"{session.caller}: {error.what}")
        except (UnavailableError, RefusedError) as error:
            return _verdict(GrantState.UNKNOWN, f"{session.caller}: {error.what}")
        until = f"; AWS lets it run until {session.ends}" if session.ends else ""
        return _verdict(GrantState.ACTIVE, f"{session.caller} may still read the role {self._role}{until}")

    def close(self) -> None:
        """Forget its keys. AWS knows no logging out: what nobody holds any more runs out by itself."""
        with self._lock:
            self._session = None


def _verdict(state: GrantState, evidence: str) -> Verdict:
    assurance = Assurance.UNKNOWN if state == GrantState.UNKNOWN else Assurance.OBSERVED
    return Verdict(state=state, assurance=assurance, evidence=evidence)
