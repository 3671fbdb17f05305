"""What accounts of ours own, and the groups with roles that they are in. Before the last owner leaves, the client's person comes in."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from connectors.microsoft.entra_tenant.people import require_unused
from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.entra_tenant.who import Account, may_sign_in
from connectors.microsoft.errors import GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back


class _Where(NamedTuple):
    """How one kind of object is asked for its links."""

    place: str
    listing: str
    add: str
    remove: str


_OWNERS: Final = {
    "group": _Where("group-id", "list_group_owners", "add_group_owner", "remove_group_owner"),
    "application": _Where("application-id", "list_application_owners", "add_application_owner", "remove_application_owner"),
}
_MEMBERS: Final = _Where("group-id", "list_group_members", "add_group_member", "remove_group_member")
_MEMBER_WORD: Final = "membership"


class Links:
    """Grants `owner PRINCIPAL of group|application ID` and `membership PRINCIPAL of group ID`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find what our accounts own, and their places in groups that have a role, or may take one (PIM)."""
        with_roles = {one.get("principalId") for one in visit.tenant.pages("list_role_assignments")}
        with_roles |= {one.get("principalId") for one in visit.eligible}
        for account in visit.accounts.values():
            if account.holder not in visit.holders:
                continue
            with visit.noting(f"what {account.words} owns and is in"):
                found = [("owner", one) for one in _listed(visit, "list_user_owned_objects", account.id)]
                found += [(_MEMBER_WORD, one) for one in _listed(visit, "list_user_memberships", account.id) if one["id"] in with_roles]
                for word, one in found:
                    kind = str(one.get("@odata.type")).rpartition(".")[2]
                    if kind not in _OWNERS:
                        visit.unseen.append(f"{account.words} as owner of the {kind} {one.get('displayName')}: have the client change it")
                        continue
                    does = "own" if word == "owner" else "be in, with its roles,"
                    yield Grant(
                        system=visit.system,
                        id=f"{word} {account.id} of {kind} {one['id']}",
                        holder=account.holder,
                        privilege=f"{does} the {kind} {one.get('displayName')} as {account.words}",
                        undo={"link": account.id},
                    )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again."""
        who, there = grant.id.split(" ")[1], _there(visit, grant)
        if who in {one["id"] for one in there}:
            return Seen(stands=True, evidence=f"{grant.id} stands")
        return Seen(stands=False, evidence=f"{grant.id} is not there{_owned_by(_heir_among(visit, grant, there))}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Take us out. Raises RefusedError if nobody would be left to own it, and no administrator of the client's is named."""
        word, who, _of, kind, key = grant.id.split(" ")
        there = _there(visit, grant)
        if who not in {one["id"] for one in there}:
            return already(grant, f"{grant.id} is not there{_owned_by(_heir_among(visit, grant, there))}")
        account = _require_ours(visit, who)
        require_unused(visit, account)
        where = _MEMBERS if word == _MEMBER_WORD else _OWNERS[kind]
        heir = self._heir(visit, grant, there) if word == "owner" else ""
        places = {where.place: key, "directoryObject-id": who}
        with visit.tenant.errand(Errand(places, frozenset({who}), successor=heir)):
            if heir:
                visit.tenant.write(where.add, {where.place: key}, _reference(visit, heir))
                visit.tenant.settle(lambda: heir in {one["id"] for one in _there(visit, grant)}, f"the new owner of {kind} {key}")
            visit.tenant.write(where.remove, places)
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        heir = _heir_among(visit, grant, _there(visit, grant))  # also the one whom a pass before this one made an owner, and then died
        return Receipt(
            done=f"{grant.id} is taken away{_owned_by(heir)}",
            undo={"link": who},
            facts={"changed": True} | ({"heir": heir} if heir else {}),
        )

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Put us in again, beside whoever is there."""
        if self.look(visit, grant).stands:
            return already_back(grant)
        word, who, _of, kind, key = grant.id.split(" ")
        _require_ours(visit, who)
        where = _MEMBERS if word == _MEMBER_WORD else _OWNERS[kind]
        places = {where.place: key}
        with visit.tenant.errand(Errand(places, frozenset({who}), reinstating=True)):
            visit.tenant.write(where.add, places, _reference(visit, who))
        visit.tenant.settle(lambda: self.look(visit, grant).stands, grant.id)
        return Receipt(done=f"{grant.id} is put back", facts={"changed": True})

    def _heir(self, visit: Visit, grant: Grant, owners: list[Entity]) -> str:
        """Tell who of the client's has to become owner first; nobody, if somebody else who can sign in owns it already."""
        if any(not _is_ours(visit, one) and _may_own(one) for one in owners):
            return ""
        if not visit.settings.client.administrators:
            raise RefusedError(
                f"{grant.id}: nobody else owns it, and no administrator of the client's is named to take it over",
                untouched="the owner",
                todo="name client.administrators in the engagement file, or have the client add an owner",
            )
        return visit.settings.client.administrators[0]


def _there(visit: Visit, grant: Grant) -> list[Entity]:
    word, _who, _of, kind, key = grant.id.split(" ")
    where = _MEMBERS if word == _MEMBER_WORD else _OWNERS[kind]
    try:
        return list(visit.tenant.pages(where.listing, {where.place: key}, select="id,displayName,accountEnabled"))
    except GoneError:
        return []


def _may_own(one: Entity) -> bool:
    """Whether an owner can act as one: of a person Graph tells whether it is enabled only if asked, and untold it counts for nothing."""
    return bool(one.get("accountEnabled")) if str(one.get("@odata.type")).endswith(".user") else may_sign_in(one)


def _heir_among(visit: Visit, grant: Grant, owners: list[Entity]) -> str:
    """Tell whether the client's person who takes over is among the owners; empty if not."""
    named = visit.settings.client.administrators[:1] if grant.id.startswith("owner ") else ()
    return next((one for one in named if one in {each["id"] for each in owners}), "")


def _owned_by(heir: str) -> str:
    return f"; the client's {heir} owns it now" if heir else ""


def _listed(visit: Visit, operation: str, account: str) -> list[Entity]:
    try:
        return list(visit.tenant.pages(operation, {"user-id": account}))
    except GoneError:
        return []  # a deleted account


def _is_ours(visit: Visit, one: Entity) -> bool:
    look = visit.who.principal if str(one.get("@odata.type")).endswith("servicePrincipal") else visit.who.account
    return look(one["id"]) is not None


def _require_ours(visit: Visit, who: str) -> Account:
    account = visit.who.account(who)
    if account is None:
        raise RefusedError(f"{who} is no account of ours", untouched="it", todo="find out with the client whose it is")
    return account


def _reference(visit: Visit, who: str) -> dict[str, str]:
    return {"@odata.id": f"{visit.settings.services.graph}/v1.0/directoryObjects/{who}"}
