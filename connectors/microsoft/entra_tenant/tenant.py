"""The AccessTarget: what of an Entra tenant is ours is found, taken away, seen to be refused, and put back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import PrivateAttr

from connectors.microsoft.entra_tenant.applications import Applications
from connectors.microsoft.entra_tenant.clients_view import ClientsTenant, to_be_looked_at, way_in_of_the_client
from connectors.microsoft.entra_tenant.consents import Consents, Permissions
from connectors.microsoft.entra_tenant.control import look_for_control
from connectors.microsoft.entra_tenant.delegations import Delegations
from connectors.microsoft.entra_tenant.exclusions import Exclusions
from connectors.microsoft.entra_tenant.gdap import AccessAssignments, Relationships
from connectors.microsoft.entra_tenant.keys import Federations, Keys
from connectors.microsoft.entra_tenant.links import Links
from connectors.microsoft.entra_tenant.locations import Locations
from connectors.microsoft.entra_tenant.log import what_we_did
from connectors.microsoft.entra_tenant.looking import AT_HOME, from_inside, from_outside, is_way_in
from connectors.microsoft.entra_tenant.needed_roles import told_beforehand
from connectors.microsoft.entra_tenant.open_session import HeldToken
from connectors.microsoft.entra_tenant.people import People
from connectors.microsoft.entra_tenant.permissions import expiries, missing_permissions
from connectors.microsoft.entra_tenant.reseller import HOW_TO_TRANSFER, Reseller, look_at_transfers
from connectors.microsoft.entra_tenant.roles import Eligibilities, Roles
from connectors.microsoft.entra_tenant.rules import may_look, may_send
from connectors.microsoft.entra_tenant.settings import Tenant
from connectors.microsoft.entra_tenant.trust import Contacts, Partners
from connectors.microsoft.entra_tenant.undecided import NEVER_LOOKED_AT, tell_federated_domains, tell_privileged
from connectors.microsoft.entra_tenant.visit import Kind, Visit
from connectors.microsoft.errors import WayInRefusedError, making_sense
from connectors.microsoft.guard import MaySend
from connectors.microsoft.sign_in import SignIn, Tell, tell_on_terminal
from core.errors import GuardError, RefusedError
from core.model import ClientControl, EndState, Grant, Holder, Receipt, Transfers, Verdict
from core.one_grant import already
from core.ports import Expiry, ForeignLog, Missing

_LINKS, _KEYS, _RESELLER = Links(), Keys(), Reseller()
KINDS: Final[dict[str, Kind]] = {
    "application": Applications(),
    "consent": Consents(),
    "contact": Contacts(),
    "delegation": Delegations(),
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


class EntraTenant(Tenant):
    """An AccessTarget on one Entra tenant: our accounts, applications, roles, relationships, and the exceptions made for us.

    Raises UnavailableError when Microsoft does not answer clearly, RefusedError for everything that needs a person.
    """

    kind: Literal["entra_tenant"] = "entra_tenant"
    name: str
    _unseen: list[str] = PrivateAttr(default_factory=list)
    _out: list[bool] = PrivateAttr(default_factory=list)
    """Not empty: our own way in is left alone. One for all that `connections_kept` gives."""
    _kept: SignIn | None = PrivateAttr(default=None)

    @making_sense()
    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every grant of these holders and no other. Changes nothing. Raises RefusedError if our own way in belongs to nobody."""
        names = tuple(sorted({holder.name for holder in holders} & self.ours.holders))
        if not names:
            return ()
        self._require_own_way_in()
        visit = self._visit(names)
        kinds = {word: kind for word, kind in KINDS.items() if self.partner or word not in AT_HOME}
        grants = [grant for kind in dict.fromkeys(kinds.values()) for grant in kind.discover(visit)]
        tell_privileged(visit)
        tell_federated_domains(visit)
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

    @making_sense()
    def revoke(self, grant: Grant) -> Receipt:
        """Take one grant away. Twice is fine. Raises RefusedError before anything is changed where others would lose something."""
        kind = self._kind(grant)
        try:
            return kind.revoke(self._visit_for(grant), grant)
        except WayInRefusedError as error:
            if is_way_in(self, grant) and error.closed:
                return already(grant, error.what)
            raise

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether the grant still opens anything: by looking, as long as we can, and by trying its credential with a fresh token.

        Once our own way in is closed, only what is seen from our own tenant, and applications whose credential the engagement file
        names, can be judged; all else is unknown, not revoked. After `stay_out` it is as `verify_from_outside`.
        """
        if self._out:
            return self.verify_from_outside(grant, log_in=log_in)
        return from_inside(self, self._visit_for(grant), self._kind(grant), grant, log_in=log_in)

    def verify_from_outside(self, grant: Grant, *, log_in: bool) -> Verdict:
        """Judge GDAP and the reseller link from our own tenant, applications by whether Entra gives them a token; nothing else is asked."""
        return from_outside(self, self._visit((grant.holder,)), self._kind(grant), grant, log_in=log_in)

    def stay_out(self) -> None:
        """Use our own way in no more, but where `verify` may log in: until something is put back by it."""
        self._out[:] = [True]

    @making_sense()
    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what was taken away, from `grant.undo`. Twice is fine. Raises RefusedError if we no longer come in ourselves."""
        receipt = self._kind(grant).reinstate(self._visit((grant.holder,)), grant)
        self._out.clear()
        return receipt

    @contextmanager
    def connections_kept(self) -> Iterator["EntraTenant"]:
        """Give the same target, which signs in once and not for each grant: a sign-in stands in the client's log, and takes its time.

        Only our own application's end is seen by a sign-in of its own. Each grant is looked at over a new connection.
        """
        kept = self.model_copy()
        kept._kept = SignIn(self)  # noqa: SLF001 - the same class
        try:
            yield kept
        finally:
            kept._kept = None  # noqa: SLF001 - the same class

    def open_session(self) -> HeldToken:
        """Get an access token and keep it in memory. Raises as ports do where we get none, or may not read the organisation by it."""
        visit = self._visit(allows=may_look)
        return HeldToken(visit.tenant, f"application {visit.own}")

    def to_be_looked_at(self) -> Mapping[str, Any]:
        """Give what says which tenant it is and what is ours there; no reference to a secret is among it."""
        return {"kind": self.kind, **to_be_looked_at(self)}

    def way_in_of_the_client(self) -> Mapping[str, Any]:
        """Give the place for an application of the client's own; `ca_file` and `proxy` may stand beside it."""
        return way_in_of_the_client()

    def as_client(self) -> ClientsTenant:
        """Give the tenant as `access`, the client's own here, lets it be seen; nothing can be changed by it.

        With `device_code` whoever runs this is told, on standard error, which code to enter where.
        """
        return ClientsTenant(self, lambda names: self._visit(names, allows=may_look, tell=tell_on_terminal), KINDS, NEVER_LOOKED_AT)

    @making_sense()
    def client_control(self) -> ClientControl:
        """See that two named global administrators and an emergency account of the client's are in force, and when one last signed in."""
        found = look_for_control(self._visit())
        return ClientControl(system=self.name, proved=found.proved, evidence=found.evidence, acted_at=found.acted_at)

    @making_sense()
    def end_state(self, _grants: Sequence[Grant]) -> EndState:
        """Say who of the client's would administer the tenant without us, and without what conditional access makes for our groups."""
        found = look_for_control(self._visit(), without=frozenset(one.id for one in self.ours.groups))
        return EndState(system=self.name, administrators=found.administrators, enough=found.proved, evidence=found.evidence)

    @making_sense()
    def transfers(self, grants: Sequence[Grant]) -> Transfers:
        """See that each transfer of licences to the next partner is complete, if the reseller link is among these grants."""
        if not any(grant.id.startswith("reseller ") for grant in grants):
            return Transfers(system=self.name, done=True, evidence="the reseller link is not among what is to be taken away here")
        done, evidence = look_at_transfers(self._visit())
        return Transfers(system=self.name, done=done, evidence=evidence if done else f"{evidence}: {HOW_TO_TRANSFER}")

    @making_sense()
    def operations(self, grants: Sequence[Grant]) -> tuple[str, ...]:
        """Tell what would be sent, each held against the guard, and which role we lack for it; nothing is written. Raises GuardError."""
        found = list[str]()
        for grant in grants:
            visit = self._visit((grant.holder,))
            told = visit.rehearse()
            try:
                self._kind(grant).revoke(visit, grant)
            except GuardError:
                raise
            except RefusedError as error:
                told = [f"held for a person: {error.what}; {error.todo}"]
            found += [f"{grant.id}: {one}" for one in told or ["nothing: it is not there"]]
        return (*found, *told_beforehand(self._visit(allows=may_look), grants))

    @making_sense()
    def what_we_did(self, since: datetime) -> ForeignLog:
        """Read what the tenant's directory log says of our applications and accounts. Raises as ports do."""
        return what_we_did(self._visit(allows=may_look), since)

    @making_sense()
    def missing_permissions(self) -> tuple[Missing, ...]:
        """Sign in, here, in our own tenant, to Partner Center and Azure, and name what was not given. Raises as ports do."""
        return missing_permissions(self._visit(allows=may_look))

    def expiries(self) -> tuple[Expiry, ...]:
        """Tell until when the certificates are valid that the engagement file names."""
        return expiries(self)

    def _visit(self, holders: tuple[str, ...] = (), *, allows: MaySend = may_send, tell: Tell | None = None) -> Visit:
        return Visit(self, self.name, holders, allows=allows, tell=tell)

    def _visit_for(self, grant: Grant) -> Visit:
        """Begin a visit to one grant, by the sign-in that is kept unless the grant is that very way in."""
        visit = self._visit((grant.holder,))
        if self._kept and not grant.own:
            visit.sign_in = self._kept
        return visit

    def _require_own_way_in(self) -> None:
        if self.own_application != self.access.client_id:
            raise RefusedError(
                f"ours.way_in says that we come in by another application than access.client_id ({self.access.client_id})",
                untouched="the tenant",
                todo="leave ours.way_in out of the engagement file: it belongs to what the client is asked to look at",
            )

    def _kind(self, grant: Grant) -> Kind:
        kind = KINDS.get(grant.id.partition(" ")[0])
        if kind is None or grant.system != self.name:
            raise RefusedError(f"{grant.subject} is no grant in {self.name}", untouched="everything in the tenant")
        return kind
