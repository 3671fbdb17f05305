"""Directory roles that accounts and applications of ours have, and those that they may take (PIM)."""

import json
from collections.abc import Iterator
from typing import Final

from connectors.microsoft.entra_tenant.people import require_unused
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.entra_tenant.who import Account
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

JUSTIFICATION: Final = "The provider's access ends (Good Leaver)"
_SAME: Final = ("principalId", "roleDefinitionId", "directoryScopeId")


class Roles:
    """Grants `role DEFINITION of PRINCIPAL at SCOPE`."""

    word, listing, having = "role", "list_role_assignments", "have the role"

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those of our accounts and applications, but of the one by which we come in: it is closed as a whole."""
        ours = _everybody(visit)
        names = visit.role_names
        with visit.noting(f"who may {self.having}"):
            for one in visit.tenant.pages(self.listing):
                holder = ours.get(one.get("principalId") or "")
                if holder and holder.holder in visit.holders and _direct(one):
                    yield Grant(
                        system=visit.system,
                        id=self._id(one),
                        holder=holder.holder,
                        privilege=f"{self.having} {names.get(one['roleDefinitionId'], one['roleDefinitionId'])} as {holder.words}",
                        undo={"before": json.dumps(self.stored(one), sort_keys=True)},
                    )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again."""
        found = self._find(visit, grant)
        return Seen(found is not None, f"{grant.id} {'stands' if found else 'is not there'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Take it. Raises RefusedError where Graph refuses: the last global administrator, say."""
        found = self._find(visit, grant)
        if found is None:
            return already(grant, f"{grant.id} is not there")
        ours = _ours(visit, found)
        if account := visit.who.account(found["principalId"]):
            require_unused(visit, account)
        self.take(visit, found, ours)
        visit.tenant.settle(lambda: self._find(visit, grant) is None, f"the end of {grant.id}")
        undo = {"before": json.dumps(self.stored(found), sort_keys=True)}
        return Receipt(done=f"{grant.id} is taken away", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Give it again."""
        before = json.loads(undo_of(grant, "before"))
        if self._find(visit, grant) is not None:
            return already_back(grant)
        self.give(visit, before, _ours(visit, before))
        visit.tenant.settle(lambda: self._find(visit, grant) is not None, f"{grant.id}")
        return Receipt(done=f"{grant.id} is given again", facts={"changed": True})

    def stored(self, one: Entity) -> Entity:
        """Leave what is needed to give it again."""
        return {name: one.get(name) for name in _SAME}

    def take(self, visit: Visit, one: Entity, ours: frozenset[str]) -> None:
        """Send the request that takes it."""
        places = {"unifiedRoleAssignment-id": str(one["id"])}
        with visit.tenant.errand(Errand(places, ours, before=one)):
            visit.tenant.write("remove_role_assignment", places)

    def give(self, visit: Visit, before: Entity, ours: frozenset[str]) -> None:
        """Send the request that gives it."""
        with visit.tenant.errand(Errand({}, ours, reinstating=True, before=before)):
            visit.tenant.write("add_role_assignment", {}, before)

    def _id(self, one: Entity) -> str:
        return f"{self.word} {one['roleDefinitionId']} of {one['principalId']} at {one.get('directoryScopeId')}"

    def _find(self, visit: Visit, grant: Grant) -> Entity | None:
        principal = grant.id.split(" ")[3]
        listed = visit.tenant.pages(self.listing, filter=f"principalId eq '{principal}'")
        return next((one for one in listed if self._id(one) == grant.id and _direct(one)), None)  # what a group gives is the group's


class Eligibilities(Roles):
    """Grants `eligibility DEFINITION of PRINCIPAL at SCOPE`."""

    word, listing, having = "eligibility", "list_eligible_roles", "take the role"

    def stored(self, one: Entity) -> Entity:
        """Leave what is needed to give it again, for how long it was."""
        return super().stored(one) | {"scheduleInfo": one.get("scheduleInfo")}

    def take(self, visit: Visit, one: Entity, ours: frozenset[str]) -> None:
        """Send the request that ends it."""
        self._request(visit, {name: one.get(name) for name in _SAME} | {"action": "adminRemove"}, ours, reinstating=False)

    def give(self, visit: Visit, before: Entity, ours: frozenset[str]) -> None:
        """Send the request that gives it."""
        self._request(visit, before | {"action": "adminAssign"}, ours, reinstating=True)

    def _request(self, visit: Visit, said: Entity, ours: frozenset[str], *, reinstating: bool) -> None:
        with visit.tenant.errand(Errand({}, ours, reinstating=reinstating, before=said)):
            visit.tenant.write("request_role_eligibility", {}, said | {"justification": JUSTIFICATION})


def _everybody(visit: Visit) -> dict[str, Account]:
    principals = {key: one for key, one in visit.principals.items() if (one.said.get("appId") or "").lower() != visit.own}
    return visit.accounts | principals


def _ours(visit: Visit, one: Entity) -> frozenset[str]:
    key = str(one.get("principalId"))
    principal = visit.who.principal(key)
    if not visit.who.account(key) and (principal is None or (principal.said.get("appId") or "").lower() == visit.own):
        raise RefusedError(f"{one.get('principalId')} is nobody of ours", untouched="its roles", todo="find out with the client who it is")
    return frozenset({key})


def _direct(one: Entity) -> bool:
    return one.get("memberType") in (None, "Direct")
