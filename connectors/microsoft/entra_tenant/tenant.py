"""The AccessTarget: what of an Entra tenant is ours is found, taken away, seen to be refused, and put back."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from pydantic import PrivateAttr

from connectors.microsoft.entra_tenant.applications import Applications
from connectors.microsoft.entra_tenant.consents import Consents, Permissions
from connectors.microsoft.entra_tenant.control import ENOUGH, look_for_control
from connectors.microsoft.entra_tenant.exclusions import Exclusions
from connectors.microsoft.entra_tenant.gdap import AccessAssignments, Relationships
from connectors.microsoft.entra_tenant.keys import Federations, Keys
from connectors.microsoft.entra_tenant.links import Links
from connectors.microsoft.entra_tenant.locations import Locations
from connectors.microsoft.entra_tenant.people import People
from connectors.microsoft.entra_tenant.reseller import Reseller
from connectors.microsoft.entra_tenant.roles import Eligibilities, Roles
from connectors.microsoft.entra_tenant.settings import Tenant
from connectors.microsoft.entra_tenant.trust import Contacts, Partners
from connectors.microsoft.entra_tenant.visit import Kind, Visit, already
from connectors.microsoft.errors import WayInRefusedError
from connectors.microsoft.settings import Credential
from connectors.microsoft.sign_in import SignIn
from core.errors import GuardError, RefusedError, UnavailableError
from core.model import Assurance, ClientControl, EndState, Grant, GrantState, Holder, Receipt, Verdict

_LINKS, _KEYS, _RESELLER = Links(), Keys(), Reseller()
KINDS: Final[dict[str, Kind]] = {
    "application": Applications(),
    "consent": Consents(),
    "contact": Contacts(),
    "eligibility": Eligibilities(),
    "exclusion": Exclusions(),
    "federation": Federations(),
    "gdap-access": AccessAssignments(),
    "location": Locations(),
    "membership": _LINKS,
    "owner": _LINKS,
    "partner": Partners(),
    "permission": Permissions(),
    "role": Roles(),
    "user": People(),
    "uses-certificate": _KEYS,
    "uses-secret": _KEYS,
    "relationship": Relationships(),
    "reseller": _RESELLER,
    "delegated-access": _RESELLER,
}
"""By the first word of a grant's id. Plans are in the order of ids: what an account owns and may do goes before the account itself."""
AT_HOME: Final = frozenset({"gdap-access", "relationship", "reseller", "delegated-access"})
"""Seen and ended from our own tenant: they can be looked at when the client's is closed to us."""
NEVER_LOOKED_AT: Final = (
    "Exchange: forwarding, full access to mailboxes, connectors, transport and journal rules, alert recipients",
    "Intune, Defender and Azure: their own roles, Lighthouse, Key Vault, scripts on machines",
    "administrative units' and applications' own roles, access packages, and groups that our people are in without a role",
    "accounts of the client's whose password or second factor we know",
    "vendors' applications, backup and protection that we resell: they are their vendors'",
    "sign-ins of applications without a person, which Graph v1.0 does not show",
)


class Tried(NamedTuple):
    """What came of one try to sign in. `refused`: None if it is unclear."""

    refused: bool | None
    evidence: str


class EntraTenant(Tenant):
    """An AccessTarget on one Entra tenant: our accounts, applications, roles, relationships, and the exceptions made for us.

    Raises UnavailableError when Microsoft does not answer clearly, RefusedError for everything that needs a person.
    """

    kind: Literal["entra_tenant"] = "entra_tenant"
    name: str
    _unseen: list[str] = PrivateAttr(default_factory=list)

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every grant of these holders and no other. Changes nothing. Raises RefusedError if our own way in belongs to nobody."""
        names = tuple(sorted({holder.name for holder in holders} & self.ours.holders))
        if not names:
            return ()
        visit = self._visit(names)
        kinds = {word: kind for word, kind in KINDS.items() if self.partner or word not in AT_HOME}
        grants = [grant for kind in dict.fromkeys(kinds.values()) for grant in kind.discover(visit)]
        strangers = sorted(self.ours.holders - {holder.name for holder in holders})
        missing = () if self.partner else ("GDAP and the reseller link (the engagement file does not name our own tenant)",)
        self._unseen[:] = dict.fromkeys(
            [*visit.unseen, *missing, *(f"what belongs to {name}, who was not asked for" for name in strangers)]
        )
        if self.ours.application(visit.own).holder in names and not any(grant.own for grant in grants):
            raise RefusedError(
                f"application {visit.own}, by which we come into {self.tenant_id}, is not found there",
                untouched="the tenant",
                todo="have the client consent to it, or correct client_id: the appId, not an object id",
            )
        return tuple(sorted(grants, key=lambda grant: (grant.own, grant.irreversible, grant.id)))

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the last discovery left out: what we may not see, and what this connector does not know."""
        return (*self._unseen, *NEVER_LOOKED_AT)

    def revoke(self, grant: Grant) -> Receipt:
        """Take one grant away. Twice is fine. Raises RefusedError before anything is changed where others would lose something."""
        kind = self._kind(grant)
        self._refuse_unless_on_loopback("revoked")
        try:
            return kind.revoke(self._visit((grant.holder,)), grant)
        except WayInRefusedError as error:
            if grant.own and error.closed:
                return already(grant, error.what)
            raise

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether the grant still opens anything: by looking, as long as we can, and by trying its credential with a fresh token.

        Once our own way in is closed, only what is seen from our own tenant, and applications whose credential the engagement file
        names, can be judged; all else is unknown, not revoked.
        """
        kind = self._kind(grant)
        tried = self._try(grant) if log_in else None
        try:
            seen = kind.look(self._visit((grant.holder,)), grant)
        except WayInRefusedError as error:
            return _from_outside(grant, tried, error)
        except (UnavailableError, RefusedError) as error:
            if isinstance(error, GuardError):
                raise
            return _verdict(GrantState.UNKNOWN, error.what, tried)
        if grant.own or (tried and tried.refused is False):
            return _verdict(GrantState.ACTIVE, f"{seen.evidence}; we are let in", tried)
        if tried and tried.refused is None and not seen.stands:
            return _verdict(GrantState.UNKNOWN, seen.evidence, tried)
        return _verdict(GrantState.ACTIVE if seen.stands else GrantState.REVOKED, seen.evidence, tried)

    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what was taken away, from `grant.undo`. Twice is fine. Raises RefusedError if we no longer come in ourselves."""
        self._refuse_unless_on_loopback("reinstated")
        return self._kind(grant).reinstate(self._visit((grant.holder,)), grant)

    def client_control(self) -> ClientControl:
        """See that two named global administrators and an emergency account of the client's are in force, and when one last signed in."""
        found = look_for_control(self._visit())
        return ClientControl(system=self.name, proved=found.proved, evidence=found.evidence, acted_at=found.acted_at)

    def end_state(self, _grants: Sequence[Grant]) -> EndState:
        """Say who of the client's would administer the tenant without us: what lets them do so is no grant of ours."""
        found = look_for_control(self._visit())
        enough = len(found.administrators) >= ENOUGH
        return EndState(system=self.name, administrators=found.administrators, enough=enough, evidence=found.evidence)

    def operations(self, grants: Sequence[Grant]) -> tuple[str, ...]:
        """Tell what would be sent, each held against the guard; nothing that writes is sent. Raises GuardError."""
        found = list[str]()
        for grant in grants:
            visit = self._visit((grant.holder,))
            told = visit.rehearse()
            try:
                self._kind(grant).revoke(visit, grant)
            except GuardError:
                raise
            except RefusedError as error:
                told = [f"held for a person: {error.what}"]
            found += [f"{grant.id}: {one}" for one in told or ["nothing: it is not there"]]
        return tuple(found)

    def _visit(self, holders: tuple[str, ...] = ()) -> Visit:
        return Visit(self, self.name, holders)

    def _kind(self, grant: Grant) -> Kind:
        kind = KINDS.get(grant.id.partition(" ")[0])
        if kind is None or grant.system != self.name:
            raise RefusedError(f"{grant.subject} is no grant in {self.name}", untouched="everything in the tenant")
        return kind

    def _try(self, grant: Grant) -> Tried | None:
        """Try once, by a sign-in of its own: what an application of ours was given."""
        credential = self._credential_of(grant)
        if credential is None:
            return None
        try:
            SignIn(self).token(self.tenant_id, credential, self.services.graph_resource)
        except WayInRefusedError as error:
            return Tried(True if error.closed else None, error.what)
        except (UnavailableError, RefusedError) as error:
            return Tried(None, error.what)
        return Tried(refused=False, evidence=f"application {credential.client_id} was given a fresh token")

    def _credential_of(self, grant: Grant) -> Credential | None:
        if grant.own:
            return self.access
        if not grant.id.startswith("application "):
            return None
        named = (one for one in self.ours.applications if one.credential and f"(application {one.app_id})" in grant.privilege)
        return next((one.credential for one in named), None)

    def _refuse_unless_on_loopback(self, what: str) -> None:
        if self.endpoints is None:
            raise RefusedError(
                f"access in the tenant {self.tenant_id} is not {what} by this version: it changes servers on this very machine only",
                untouched="the tenant; no connection was made",
                todo="have it done by hand, or wait for the version that arms a way back first",
            )


def _from_outside(grant: Grant, tried: Tried | None, error: WayInRefusedError) -> Verdict:
    """Judge when we cannot look any more: our own way in by its refusal, another application by its own credential alone."""
    if grant.own and error.closed:
        return _verdict(GrantState.REVOKED, error.what, None)
    if tried and tried.refused is not None:
        state = GrantState.REVOKED if tried.refused else GrantState.ACTIVE
        return _verdict(state, "we cannot look into the tenant any more", tried)
    return _verdict(GrantState.UNKNOWN, f"we cannot look into the tenant any more ({error.what})", tried)


def _verdict(state: GrantState, evidence: str, tried: Tried | None) -> Verdict:
    assurance = Assurance.UNKNOWN if state == GrantState.UNKNOWN else Assurance.OBSERVED
    return Verdict(state=state, assurance=assurance, evidence="; ".join([evidence, *([tried.evidence] if tried else [])]))
