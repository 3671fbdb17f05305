"""The AccessTarget: what of an AWS account is ours is found, taken away, seen to be refused, and put back."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal

from pydantic import PrivateAttr

from connectors.aws_account.assignments import Assignments
from connectors.aws_account.clients_view import ClientsAccount, to_be_looked_at
from connectors.aws_account.contacts import Contacts
from connectors.aws_account.errors import WayInRefusedError
from connectors.aws_account.governing import can_govern
from connectors.aws_account.held import Held
from connectors.aws_account.login import Answer, Tried, credential_of, try_login
from connectors.aws_account.marks import account_of
from connectors.aws_account.open_session import HeldRoleSession
from connectors.aws_account.rehearsal import rehearsed
from connectors.aws_account.resources import Resources
from connectors.aws_account.roles import Roles
from connectors.aws_account.session import AwsSession, Keys, RoleToAssume, come_in
from connectors.aws_account.settings import Account
from connectors.aws_account.users import Users
from connectors.aws_account.visit import Kind, Visit
from core.errors import GoodLeaverError, GuardError, RefusedError, UnavailableError
from core.model import Assurance, ClientControl, EndState, Grant, GrantState, Holder, Receipt, Verdict

USERS, HELD = Users(), Held()
KINDS: Final[dict[str, Kind]] = {
    "user": USERS,
    "role": Roles(),
    "policy": Resources(),
    "contact": Contacts(),
    "assignment": Assignments(),
    "key-grant": HELD,
    "share": HELD,
}
NEVER_LOOKED_AT: Final = (
    "the root user: its mailbox, password, keys and second factor",
    "Organizations, and what its policies allow",
    "access lists and access points of S3, images and snapshots of EC2, IAM Roles Anywhere, SSM hybrid activations, delegation requests",
    "policies of Lambda versions and layers, and of all services but S3, KMS, SNS, SQS, Secrets Manager, ECR and Lambda",
    "sessions of the client's own roles that our users opened before: they run out by themselves, within twelve hours",
    "keys, agents and accounts on machines in the account",
    "regions that the engagement file does not name",
)
_NO_LOOK: Final = "we cannot look into the account any more"
_OUT: Final = "our own way in was seen to be refused, and to look would be to try it once more"


class AwsAccount(Account):
    """An AccessTarget on one AWS account: our users in it, roles and resources whose policies name us, and contacts.

    Raises UnavailableError when AWS does not answer clearly, RefusedError for everything that needs a person.
    """

    kind: Literal["aws_account"] = "aws_account"
    name: str
    _unseen: list[str] = PrivateAttr(default_factory=list)
    _stays_out: bool = PrivateAttr(default=False)

    def discover(self, holders: Sequence[Holder]) -> tuple[Grant, ...]:
        """Find every grant of these holders and no other. Changes nothing. Raises RefusedError if our own way in belongs to nobody."""
        names = tuple(sorted({holder.name for holder in holders} & self.ours.holders))
        if not names:
            self._unseen[:] = ["the account: nobody who was asked for stands under ours"]
            return ()
        visit = self._visit(names)
        half_closed = None if self.access.role_arn else USERS.half_closed(visit)
        if half_closed:
            self._unseen[:] = ["everything but our own user, which is closed but for its key"]
            return (half_closed,)
        grants = [grant for kind in dict.fromkeys(KINDS.values()) for grant in kind.discover(visit)]
        strangers = sorted(self.ours.holders - {holder.name for holder in holders})
        self._unseen[:] = dict.fromkeys([*visit.unseen, *(f"what belongs to {name}, who was not asked for" for name in strangers)])
        if not any(grant.own for grant in grants):
            raise RefusedError(
                f"{visit.session.via}, by which we come into {self.account_id}, is not found among what is ours there",
                untouched="the account",
                todo="name it in the engagement file under ours (users, principals or accounts), with its holder",
            )
        return tuple(sorted(grants, key=lambda grant: (grant.own, grant.id, grant.privilege)))

    def not_looked_at(self) -> tuple[str, ...]:
        """Say what the last discovery left out: what we may not see, and what this connector does not know."""
        return (*self._unseen, *NEVER_LOOKED_AT)

    def revoke(self, grant: Grant) -> Receipt:
        """Take one grant away. Twice is fine. Raises RefusedError before anything is changed where others would lose something."""
        kind, visit = self._kind(grant), None
        try:
            visit = self._visit()
            receipt = kind.revoke(visit, grant)
        except GoodLeaverError as error:
            error.nothing_done = visit is None or not visit.session.has_written
            raise
        left_out = sorted(set(visit.unseen))
        return receipt.model_copy(update={"facts": {**receipt.facts, "not_looked_at": left_out}}) if left_out else receipt

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        """See whether the grant still opens anything: by looking into the account, as long as we can, and by trying its credential.

        Once our own way in is closed, only what the engagement file names a credential for can be tried (with `log_in`); all else is
        unknown, not revoked. After `stay_out` nothing is sent without `log_in`; with it, our own way in is tried for its own grant alone.
        """
        kind = self._kind(grant)
        if self._stays_out and not log_in:
            return _verdict(GrantState.UNKNOWN, f"{_NO_LOOK} ({_OUT})", None)
        tried = self._try(grant) if log_in else None
        if self._stays_out and not grant.own:
            return self._by_its_credential(grant, tried, _OUT)
        try:
            return self._from_inside(kind, grant, tried)
        except WayInRefusedError as error:
            return self._from_outside(grant, tried, error)
        except (UnavailableError, RefusedError) as error:
            if isinstance(error, GuardError):
                raise
            return _verdict(GrantState.UNKNOWN, error.what, tried)

    def stay_out(self) -> None:
        """Use our own way in no more, but where `verify` may log in: until something is put back by it."""
        self._stays_out = True

    def reinstate(self, grant: Grant) -> Receipt:
        """Put back what was taken away, from `grant.undo`. Twice is fine. Raises RefusedError if we no longer come in ourselves."""
        receipt = self._kind(grant).reinstate(self._visit(), grant)
        self._stays_out = False
        return receipt

    def open_session(self) -> HeldRoleSession:
        """Assume our role and keep the session in memory. Raises RefusedError where we come in by no role: a key alone opens no session."""
        role = self.access.role_arn
        if role is None:
            raise RefusedError(
                "we come in by the access key of a user, which opens no session that would outlive it",
                untouched="the account",
                todo="nothing: the key itself is tried",
            )
        return HeldRoleSession(self._come_in(), role.rpartition("/")[2])

    def client_control(self) -> ClientControl:
        """Have AWS say what the client's administrators may do; one who may govern access, and can come in, is enough."""
        if not self.client.administrators:
            return ClientControl(
                system=self.name, proved=False, evidence="no administrator of the client's is named in the engagement file"
            )
        able, evidence = self._governing()
        return ClientControl(system=self.name, proved=bool(able), evidence=evidence)

    def end_state(self, _grants: Sequence[Grant]) -> EndState:
        """Say which of the client's administrators would govern access without us: what lets them do so is no grant of ours."""
        able, evidence = self._governing()
        return EndState(system=self.name, administrators=able, enough=bool(able), evidence=evidence)

    def operations(self, grants: Sequence[Grant]) -> tuple[str, ...]:
        """Tell what would be sent for each grant, held against the guard; nothing that writes is sent. Raises as ports do."""
        visit = self._visit() if grants else None
        return tuple(one for grant in grants if visit for one in rehearsed(visit, self._kind(grant), grant))

    def to_be_looked_at(self) -> Mapping[str, Any]:
        """Give what says which account it is and what is ours there; no reference to a secret is among it."""
        return {"kind": self.kind, **to_be_looked_at(self)}

    def way_in_of_the_client(self) -> Mapping[str, Any]:
        """Give the place for a key of the client's: `session_token` belongs to it if it is a session's."""
        return {"access": {"access_key": "env:AWS_ACCESS_KEY_ID", "secret_key": "env:AWS_SECRET_ACCESS_KEY"}}

    def as_client(self) -> ClientsAccount:
        """Give the account as `access`, the client's own here, lets it be seen; nothing can be changed by it."""
        return ClientsAccount(self, lambda names: Visit(self._come_in(only_looks=True), self, self.name, names), KINDS, NEVER_LOOKED_AT)

    def _governing(self) -> tuple[tuple[str, ...], str]:
        """Name the client's administrators who can come in by what does not name us, and may govern access; and say what was seen."""
        visit = self._visit() if self.client.administrators else None
        found = [(arn, *can_govern(visit, arn)) for arn in self.client.administrators if visit]
        said = "; ".join(f"{arn} {why}" for arn, _can, why in found) or "no administrator of the client's is named in the engagement file"
        return tuple(arn for arn, can, _why in found if can), said

    def _visit(self, holders: tuple[str, ...] = ()) -> Visit:
        return Visit(self._come_in(), self, self.name, holders)

    def _come_in(self, *, only_looks: bool = False) -> AwsSession:
        place = partial(come_in, account=self.account_id, region=self.regions[0], endpoint=self.endpoint)
        return place(*self._way_in(), only_looks=only_looks)

    def _way_in(self) -> tuple[Keys, RoleToAssume | None]:
        role = RoleToAssume(self.access.role_arn, self.access.external_id) if self.access.role_arn else None
        return self.access.reveal(), role

    def _kind(self, grant: Grant) -> Kind:
        kind = KINDS.get(grant.id.partition(" ")[0])
        if kind is None or grant.system != self.name:
            raise RefusedError(f"{grant.subject} is no grant in {self.name}", untouched="everything in the account")
        return kind

    def _try(self, grant: Grant) -> Tried | None:
        try:
            credential = credential_of(self, grant)
            looks_by_it = grant.own and credential == self._way_in()  # then to look is to try it
        except RefusedError as error:
            return Tried(Answer.UNCLEAR, error.what)
        return try_login(self, *credential) if credential and not looks_by_it else None

    def _from_inside(self, kind: Kind, grant: Grant, tried: Tried | None) -> Verdict:
        visit = self._visit()
        if self._stays_out:  # it is open again, and that is all that we came to see
            return _verdict(GrantState.ACTIVE, f"we can come in by it again, as {visit.session.caller}", tried)
        seen = kind.look(visit, grant)
        if visit.unseen:
            seen = seen._replace(evidence=f"{seen.evidence}; not looked at: {', '.join(sorted(set(visit.unseen)))}")
        if grant.own or (tried and tried.answer == Answer.ACCEPTED):
            we_are_in = "we can still come in by it" if grant.own else "its credential is still accepted"
            return _verdict(GrantState.ACTIVE, f"{seen.evidence}; {we_are_in}", tried)
        return _verdict(GrantState.ACTIVE if seen.stands else GrantState.REVOKED, seen.evidence, tried)

    def _from_outside(self, grant: Grant, tried: Tried | None, error: WayInRefusedError) -> Verdict:
        """Judge when we cannot look any more: our own way in by its refusal, others by their own credential alone."""
        if grant.own and self._was_us(grant, error.caller):
            return _verdict(GrantState.REVOKED, error.what, None, by_refusal=True)
        return self._by_its_credential(grant, tried, error.what)

    def _by_its_credential(self, grant: Grant, tried: Tried | None, why: str) -> Verdict:
        if tried and tried.answer == Answer.REFUSED and self._was_us(grant, tried.caller):
            return _verdict(GrantState.REVOKED, _NO_LOOK, tried, by_refusal=True)
        state = GrantState.ACTIVE if tried and tried.answer == Answer.ACCEPTED else GrantState.UNKNOWN
        return _verdict(state, f"{_NO_LOOK} ({why})", tried)

    def _was_us(self, grant: Grant, caller: str) -> bool:
        """Tell whether who was refused is whom the grant let in: another credential's refusal says nothing of it."""
        if account_of(caller):
            return self.ours.marks(grant.holder).name(caller)
        return bool(caller) and f"access key {caller}" in grant.privilege


def _verdict(state: GrantState, evidence: str, tried: Tried | None, *, by_refusal: bool = False) -> Verdict:
    assurance = Assurance.UNKNOWN if state == GrantState.UNKNOWN else Assurance.OBSERVED
    refused = state == GrantState.ACTIVE and tried is not None and tried.answer == Answer.REFUSED
    told = "; ".join([evidence, *([tried.evidence] if tried else [])])
    return Verdict(state=state, assurance=assurance, evidence=told, refused=refused, by_refusal=by_refusal)
