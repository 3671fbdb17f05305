"""An access token of our application, held in memory: it outlives the application's end, unless access is evaluated continuously."""

import threading
from typing import Final

from connectors.microsoft.entra_tenant.looking import verdict
from connectors.microsoft.errors import WayInRefusedError
from connectors.microsoft.session import Service
from core.errors import RefusedError, UnavailableError
from core.model import GrantState, Verdict

_RUNS_OUT: Final = (
    "Entra gives a token for 60 to 90 minutes, and lets it run out by itself unless the tenant evaluates access continuously (CAE)"
)


class HeldToken:
    """An OpenSession. It is tried by reading the organisation, which changes nothing and shows nobody's data.

    Source: learn.microsoft.com, "Access tokens in the Microsoft identity platform", token lifetime; "Continuous access evaluation".
    """

    def __init__(self, service: Service, who: str) -> None:
        """Take a service that signs in once, and see that its token is accepted. Raises as ports do."""
        self._service: Service | None = service
        self._lock = threading.Lock()
        self.opened = f"an access token of {who}; Graph took it"
        _read(service)

    def verify(self) -> Verdict:
        """Read the organisation once more: a refused token (401) is its end; a silence, or any other refusal, is unknown."""
        with self._lock:
            service = self._service
        if service is None:
            return verdict(GrantState.UNKNOWN, "it was let go before it was tried")
        try:
            _read(service)
        except WayInRefusedError as error:
            return verdict(GrantState.REVOKED, error.what)
        except (UnavailableError, RefusedError) as error:
            return verdict(GrantState.UNKNOWN, error.what)
        return verdict(GrantState.ACTIVE, f"Graph still takes it: {_RUNS_OUT}")

    def close(self) -> None:
        """Forget it. An application's token cannot be handed back: what nobody holds any more runs out by itself."""
        with self._lock:
            self._service = None


def _read(service: Service) -> None:
    for _one in service.pages("list_organization"):
        return
