"""Directory roles that accounts and applications of ours have, and those that they may take (PIM)."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from connectors.microsoft.entra_tenant.people import require_unused
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.entra_tenant.who import Account
from connectors.microsoft.errors import NoLicenceError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

JUSTIFICATION: Final = "The provider's access ends (Good Leaver)"
_SAME: Final = ("principalId", "roleDefinitionId", "directoryScopeId")
_SCHEDULE: Final = "scheduleInfo"


class Roles:
    """Grants `role DEFINITION of PRINCIPAL at SCOPE`."""

    word, listing, having = "role", "list_role_assignments", "have the role"

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those of our accounts and applications, but of the one by which we come in: it is closed as a whole."""
        ours = _everybody(visit)
        names = visit.role_names
        lasting = self.lasting(visit)
        with visit.noting(f"who may {self.having}"):
            for one in visit.tenant.pages(self.listing):
                holder = ours.get(one.get("principalId") or "")
                if holder and holder.holder in visit.holders and _direct(one):
                    yield Grant(
                        system=visit.system,
                        id=self._id(one),
                        holder=holder.holder,
                        privilege=f"{self.having} {names.get(one['roleDefinitionId'], one['roleDefinitionId'])} as {holder.words}",
                        undo={"before": json.dumps(self.stored(one, lasting), sort_keys=True)},
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
        before = self.stored(found, self.lasting_of(visit, grant))
        self.take(visit, found, ours)
        visit.tenant.settle(lambda: self._find(visit, grant) is None, f"the end of {grant.id}")
        undo = {"before": json.dumps(before, sort_keys=True)}
        return Receipt(done=f"{grant.id} is taken away", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Give it again, until it was to end. Raises RefusedError if that is past."""
        before = json.loads(undo_of(grant, "before"))
        if self._find(visit, grant) is not None:
            return already_back(grant)
        _require_time_left(grant, before)
        self.give(visit, before, _ours(visit, before))
        visit.tenant.settle(lambda: self._find(visit, grant) is not None, f"{grant.id}")
        return Receipt(done=f"{grant.id} is given again", facts={"changed": True})

    def lasting(self, visit: Visit) -> Mapping[str, Entity]:
        """Read which roles end by themselves (PIM), and when: schedules by the assignment's id. Where we may not see it, that is noted."""
        with visit.noting("until when roles last"):
            return _schedules(visit)
        return {}

    def lasting_of(self, visit: Visit, grant: Grant) -> Mapping[str, Entity]:
        """Read it for one before it is taken. Raises RefusedError where we may not see it: given back it might last for ever."""
        return _schedules(visit, grant.id.split(" ")[3])

    def stored(self, one: Entity, lasting: Mapping[str, Entity]) -> Entity:
        """Leave what is needed to give it again."""
        schedule = lasting.get(str(one["id"]))
        return {name: one.get(name) for name in _SAME} | ({_SCHEDULE: schedule} if schedule else {})

    def take(self, visit: Visit, one: Entity, ours: frozenset[str]) -> None:
        """Send the request that takes it."""
        places = {"unifiedRoleAssignment-id": str(one["id"])}
        with visit.tenant.errand(Errand(places, ours, before=one)):
            visit.tenant.write("remove_role_assignment", places)

    def give(self, visit: Visit, before: Entity, ours: frozenset[str]) -> None:
        """Send the request that gives it: for good, or by PIM until the end that it had."""
        with visit.tenant.errand(Errand({}, ours, reinstating=True, before=before)):
            if _SCHEDULE in before:
                said = before | {"action": "adminAssign", "justification": JUSTIFICATION}
                visit.tenant.write("request_role_assignment", {}, said)
            else:
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

    def lasting(self, _visit: Visit) -> Mapping[str, Entity]:
        """Read nothing: each says itself how long it lasts."""
        return {}

    def lasting_of(self, _visit: Visit, _grant: Grant) -> Mapping[str, Entity]:
        """Read nothing, for the same reason."""
        return {}

    def stored(self, one: Entity, lasting: Mapping[str, Entity]) -> Entity:
        """Leave what is needed to give it again, for how long it was."""
        return super().stored(one, lasting) | {_SCHEDULE: one.get(_SCHEDULE)}

    def take(self, visit: Visit, one: Entity, ours: frozenset[str]) -> None:
        """Send the request that ends it."""
        self._request(visit, {name: one.get(name) for name in _SAME} | {"action": "adminRemove"}, ours, reinstating=False)

    def give(self, visit: Visit, before: Entity, ours: frozenset[str]) -> None:
        """Send the request that gives it."""
        self._request(visit, before | {"action": "adminAssign"}, ours, reinstating=True)

    def _request(self, visit: Visit, said: Entity, ours: frozenset[str], *, reinstating: bool) -> None:
        with visit.tenant.errand(Errand({}, ours, reinstating=reinstating, before=said)):
            visit.tenant.write("request_role_eligibility", {}, said | {"justification": JUSTIFICATION})


def _schedules(visit: Visit, principal: str = "") -> dict[str, Entity]:
    """Read the ends of roles, of one principal's if it is said. Without a licence for PIM no role ends by itself.

    Source: https://learn.microsoft.com/graph/api/resources/unifiedroleassignmentscheduleinstance.
    """
    try:
        pages, name = visit.tenant.pages, "list_active_roles"
        told = pages(name, filter=f"principalId eq '{principal}'") if principal else pages(name)
        listed = [one for one in told if one.get("endDateTime") and _direct(one)]
    except NoLicenceError:
        return {}
    return {str(one["roleAssignmentOriginId"]): _schedule(one) for one in listed}


def _schedule(one: Entity) -> Entity:
    begun = {"startDateTime": one["startDateTime"]} if one.get("startDateTime") else {}
    return begun | {"expiration": {"type": "afterDateTime", "endDateTime": one["endDateTime"]}}


def _require_time_left(grant: Grant, before: Entity) -> None:
    end = ((before.get(_SCHEDULE) or {}).get("expiration") or {}).get("endDateTime")
    if end and datetime.fromisoformat(end) <= datetime.now(UTC):
        raise RefusedError(
            f"{grant.id} would have ended by itself on {end[:16].replace('T', ' ')} UTC",
            untouched="the roles of everybody",
            todo="have the client give it anew, if it is still needed",
        )


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
