"""Whether a grant still opens anything: by looking from inside, as long as we come in, and by what is seen from outside."""

from typing import Final, NamedTuple

from connectors.microsoft.entra_tenant.settings import Tenant
from connectors.microsoft.entra_tenant.visit import Kind, Visit
from connectors.microsoft.errors import WayInRefusedError, making_sense
from connectors.microsoft.settings import Credential
from connectors.microsoft.sign_in import SignIn
from core.errors import GuardError, RefusedError, UnavailableError
from core.model import Assurance, Grant, GrantState, Verdict

AT_HOME: Final = frozenset({"gdap-access", "relationship", "reseller", "delegated-access"})
"""Seen and ended from our own tenant: that is outside, whether the client's is open to us or not."""
_NO_LOOK: Final = "we cannot look into the tenant any more"
_OUT: Final = "to look would be to try our own way in once more"


class Tried(NamedTuple):
    """What came of one try to sign in. `refused`: None if it is unclear."""

    refused: bool | None
    evidence: str


def is_at_home(grant: Grant) -> bool:
    """Whether a grant is seen from our own tenant."""
    return grant.id.partition(" ")[0] in AT_HOME


def is_way_in(settings: Tenant, grant: Grant) -> bool:
    """Whether a grant is the application by which we come in, as the engagement file has it now: of another, `access` shows nothing."""
    return grant.own and _names(grant, settings.access.client_id)


def from_inside(settings: Tenant, visit: Visit, kind: Kind, grant: Grant, *, log_in: bool) -> Verdict:
    """Look, and try once what an application of ours was given; its credential alone decides where our own way in is closed.

    Our own way in is not tried apart: to look is to try it.
    """
    own = is_way_in(settings, grant)
    tried = _try(settings, _credential_of(settings, grant)) if log_in and not own else None
    try:
        with making_sense():
            seen = kind.look(visit, grant)
    except WayInRefusedError as error:
        if own and error.closed:
            return verdict(GrantState.REVOKED, error.what)
        return _by_its_credential(tried, _what_it_says(error))
    except (UnavailableError, RefusedError) as error:
        if isinstance(error, GuardError):
            raise
        return verdict(GrantState.UNKNOWN, error.what, tried)
    if own or (tried and tried.refused is False):
        return verdict(GrantState.ACTIVE, f"{seen.evidence}; we are let in", tried)
    if tried and tried.refused is None and not seen.stands:
        return verdict(GrantState.UNKNOWN, seen.evidence, tried)
    return verdict(GrantState.ACTIVE if seen.stands else GrantState.REVOKED, seen.evidence, tried)


def from_outside(settings: Tenant, visit: Visit, kind: Kind, grant: Grant, *, log_in: bool) -> Verdict:
    """Judge without coming into the client's tenant: from our own tenant, or with `log_in` by asking once for a fresh token."""
    if is_at_home(grant):
        return from_inside(settings, visit, kind, grant, log_in=False)
    if grant.own and not is_way_in(settings, grant):
        return verdict(
            GrantState.UNKNOWN, f"the engagement file names another way in than the plan: application {settings.access.client_id}"
        )
    credential = settings.access if grant.own else _credential_of(settings, grant)
    return _by_its_credential(_try(settings, credential) if log_in else None, _OUT)


def verdict(state: GrantState, evidence: str, tried: Tried | None = None) -> Verdict:
    """Say what was seen, and of what was tried; what is unknown is not observed."""
    assurance = Assurance.UNKNOWN if state == GrantState.UNKNOWN else Assurance.OBSERVED
    refused = state == GrantState.ACTIVE and tried is not None and tried.refused is True
    told = "; ".join([evidence, *([tried.evidence] if tried else [])])
    return Verdict(state=state, assurance=assurance, evidence=told, refused=refused)


def _by_its_credential(tried: Tried | None, why: str) -> Verdict:
    if tried and tried.refused is not None:
        return verdict(GrantState.REVOKED if tried.refused else GrantState.ACTIVE, _NO_LOOK, tried)
    return verdict(GrantState.UNKNOWN, f"{_NO_LOOK} ({why})", tried)


def _what_it_says(error: WayInRefusedError) -> str:
    """Say what a refusal proves: the end of a way in, or nothing but that we are not let in just now, and what to do about that."""
    if error.closed:
        return error.what
    return f"{error.what}; that does not show that it was given up, as our own side may cause it. What to do: {error.todo}"


def _credential_of(settings: Tenant, grant: Grant) -> Credential | None:
    """Find what is tried for a grant: what the engagement file names for an application of ours."""
    if not grant.id.startswith("application "):
        return None
    named = (one for one in settings.ours.applications if one.credential and _names(grant, one.app_id))
    return next((one.credential for one in named), None)


def _names(grant: Grant, app_id: str) -> bool:
    return f"(application {app_id})" in grant.privilege.lower()


def _try(settings: Tenant, credential: Credential | None) -> Tried | None:
    """Ask once for a token, by a sign-in of its own."""
    if credential is None:
        return None
    try:
        SignIn(settings).token(settings.tenant_id, credential, settings.services.graph_resource)
    except WayInRefusedError as error:
        return Tried(True if error.closed else None, _what_it_says(error))
    except (UnavailableError, RefusedError) as error:
        return Tried(None, error.what)
    return Tried(refused=False, evidence=f"application {credential.client_id} was given a fresh token")
