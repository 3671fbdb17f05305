"""Accounts of ours in the client's tenant: members and guests. They are disabled, never deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.entra_tenant.who import USER, Account, may_sign_in
from connectors.microsoft.errors import DeniedError, GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

LATELY: Final = timedelta(days=7)
"""How long ago something signed in that may be no person."""
_SYNCHRONISATION: Final = "d29b2b05-8046-44ba-8758-1e26182fcf32"
"""The role of what synchronises a directory, the same in every tenant."""


class People:
    """Grants `user ID`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find our accounts that may sign in."""
        for one in visit.accounts.values():
            if one.holder in visit.holders and may_sign_in(one.said):
                yield Grant(
                    system=visit.system,
                    id=f"user {one.id}",
                    holder=one.holder,
                    privilege=f"sign in as {'guest' if _is_guest(one.said) else 'member'} {one.words}",
                    undo={"accountEnabled": "true"},
                )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """See whether it may sign in."""
        user = read_user(visit, grant.id.removeprefix("user "))
        if user is None:
            return Seen(stands=False, evidence=f"{grant.id} is not there")
        stands = may_sign_in(user)
        return Seen(stands, f"{user.get('userPrincipalName')} is {'enabled' if stands else 'disabled'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """End its sessions and disable it. Raises RefusedError if something that is no person may sign in by it.

        A guest's sessions are its home tenant's: Graph answers that they are revoked, and does nothing. So nobody asks.
        """
        user = read_user(visit, grant.id.removeprefix("user "))
        if user is None or not may_sign_in(user):  # one that the client deleted tells nobody any more whose it was
            return already(grant, f"{grant.id} is {'not there' if user is None else 'disabled'}")
        account = _ours(visit, grant)
        require_unused(visit, account)
        places = {"user-id": account.id}
        sessions = "a guest's sessions end in its home tenant"
        with visit.tenant.errand(Errand(places, frozenset({account.id}))):
            if not _is_guest(user):
                visit.tenant.write("revoke_sessions", places)
                sessions = "its sessions are ended"
            visit.tenant.write("change_user", places, {"accountEnabled": False})
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"that {grant.id} is disabled")
        done = f"{user.get('userPrincipalName')} is disabled; {sessions}"
        return Receipt(done=done, undo={"accountEnabled": "true"}, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Enable it again; who it is signs in anew."""
        undo_of(grant, "accountEnabled")
        if self.look(visit, grant).stands:
            return already_back(grant)
        account = _ours(visit, grant)
        places = {"user-id": account.id}
        with visit.tenant.errand(Errand(places, frozenset({account.id}), reinstating=True)):
            visit.tenant.write("change_user", places, {"accountEnabled": True})
        visit.tenant.settle(lambda: self.look(visit, grant).stands, f"that {grant.id} is enabled")
        return Receipt(done=f"{account.words} is enabled again", facts={"changed": True})


def read_user(visit: Visit, key: str, *, select: str = USER) -> Entity | None:
    """Read a user; None if there is none."""
    try:
        return visit.tenant.get("get_user", {"user-id": key}, select=select)
    except GoneError:
        return None


def _ours(visit: Visit, grant: Grant) -> Account:
    account = visit.who.account(grant.id.removeprefix("user "))
    if account is None:
        raise RefusedError(
            f"{grant.subject} is no account of ours, by the engagement file and its home tenant",
            untouched="it",
            todo="find out with the client whose it is",
        )
    return account


def _is_guest(user: Entity) -> bool:
    return user.get("userType") == "Guest" or "#EXT#" in (user.get("userPrincipalName") or "")


@contextmanager
def use_shown(words: str, field: str, untouched: str) -> Iterator[None]:
    """Say, where Graph does not tell whether something is in use, who may tell it instead. Raises RefusedError."""
    try:
        yield
    except DeniedError as error:
        raise RefusedError(
            f"whether anything of the client's hangs on {words} cannot be seen: {error.what}",
            untouched=untouched,
            todo=f"ask the client; if only we use it, name it with used_by_us_alone under {field} of the engagement file. "
            "Otherwise have it consent to AuditLog.Read.All, which shows that in a tenant with Entra ID P1 alone",
        ) from None


def require_unused(visit: Visit, account: Account) -> None:
    """Raise RefusedError if a program may live by an account: flows, mail relays and synchronisation sign in without a person.

    Asked before anything of it is taken, its roles and what it owns among them.
    """
    if account.used_by_us_alone:
        return
    with use_shown(account.words, "ours.users", "the account, its roles and its sessions"):
        user = read_user(visit, account.id, select=f"{USER},signInActivity") or {}
    when = (user.get("signInActivity") or {}).get("lastNonInteractiveSignInDateTime")
    if when and datetime.now(UTC) - datetime.fromisoformat(when) < LATELY:
        raise RefusedError(
            f"{account.words} signed in without a person on {when[:16].replace('T', ' ')} UTC: something of the client's may run by it",
            untouched="the account, its roles and its sessions",
            todo="have the client move what uses it to an account of its own; if only we did, say used_by_us_alone in the engagement file",
        )
    roles = visit.tenant.pages("list_role_assignments", filter=f"principalId eq '{account.id}'")
    if any(one.get("roleDefinitionId") == _SYNCHRONISATION for one in roles):
        raise RefusedError(
            f"{account.words} synchronises the directory",
            untouched="the account, its roles and its sessions",
            todo="have the client give the synchronisation an account of its own first",
        )
