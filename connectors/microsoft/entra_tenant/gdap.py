"""Delegated administration (GDAP), seen and ended from our own tenant: the ways in of our groups, and the relationships themselves."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.errors import ChangedError, GoneError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

PATIENCE_SECONDS: Final = 240.0
"""How long the end of a relationship, or of a way in, is waited for: well below what a system is given. Then the next pass goes on."""
_TRIES: Final = 3
_CLOSED: Final = ("terminated", "expired", "gone")
"""In which statuses a relationship opens nothing any more; one that we do not know may open something."""
_INVITED: Final = ("created", "approvalPending")
_ENDING: Final = ("terminationRequested", "terminating")
_RELATIONSHIP: Final = "delegatedAdminRelationship-id"
_ASSIGNMENT: Final = "delegatedAdminAccessAssignment-id"


class AccessAssignments:
    """Grants `gdap-access RELATIONSHIP GROUP`: a group of our tenant comes in by a relationship.

    Ended before the relationship, since it can be put back as long as that is active.
    """

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those of all relationships that are open."""
        for relationship in _relationships(visit, _CLOSED + _INVITED + _ENDING):
            holder = holder_of(visit, relationship["id"])
            for one in _assignments(visit, relationship["id"]) if holder in visit.holders else ():
                if one["status"] not in ("deleting", "deleted"):
                    group = one["accessContainer"]["accessContainerId"]
                    yield Grant(
                        system=visit.system,
                        id=f"gdap-access {relationship['id']} {group}",
                        holder=holder,
                        privilege=f"administer the tenant by {relationship['displayName']} as our group {group}: {_roles(visit, one)}",
                        irreversible=relationship["status"] != "active",  # nobody is let in by one that expires
                        undo={"before": json.dumps(_stored(one), sort_keys=True)},
                    )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read relationship and ways in again."""
        _word, relationship, group = grant.id.split(" ")
        status = _status(visit, relationship)
        if status in _CLOSED + _INVITED:
            return Seen(stands=False, evidence=f"the relationship is {status}")
        found = _assignment(visit, relationship, group)
        return Seen(found is not None, f"the group's way in is {found['status'] if found else 'not there'}, the relationship {status}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Ask for its end, if it was not asked for, and wait for it."""
        _word, relationship, group = grant.id.split(" ")
        _require_about_client(visit, relationship)
        found = _assignment(visit, relationship, group)
        if found is None or not self.look(visit, grant).stands:
            return already(grant, f"{grant.id} is not there")
        undo = {"before": json.dumps(_stored(found), sort_keys=True)}
        for attempt in range(_TRIES):
            if found is None or found["status"] == "deleting":
                break
            try:
                self._delete(visit, relationship, found)
                break
            except ChangedError:
                if attempt + 1 == _TRIES:
                    raise
                found = _assignment(visit, relationship, group)
        visit.home.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}", seconds=PATIENCE_SECONDS)
        return Receipt(done=f"{grant.id} is ended", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Let the group in again, while the relationship is active. Raises RefusedError afterwards."""
        _word, relationship, group = grant.id.split(" ")
        before = json.loads(undo_of(grant, "before"))
        _require_about_client(visit, relationship)
        if (status := _status(visit, relationship)) != "active":
            raise RefusedError(
                f"the relationship {relationship} is {status}: nobody can be let in by it any more",
                untouched="everything",
                todo="have the client approve a new relationship",
            )
        if _is_active(_assignment(visit, relationship, group)):
            return already_back(grant)
        places = {_RELATIONSHIP: relationship}
        with visit.home.errand(Errand(places, frozenset({group}), reinstating=True, before=before)):
            visit.home.write("add_access_assignment", places, before)
        visit.home.settle(lambda: _is_active(_assignment(visit, relationship, group)), grant.id, seconds=PATIENCE_SECONDS)
        return Receipt(done=f"{grant.id} is back", facts={"changed": True})

    def _delete(self, visit: Visit, relationship: str, found: Entity) -> None:
        places = {_RELATIONSHIP: relationship, _ASSIGNMENT: str(found["id"])}
        group = found["accessContainer"]["accessContainerId"]
        tag = found.get("@odata.etag") or visit.home.get("get_access_assignment", places)["@odata.etag"]
        with visit.home.errand(Errand(places, frozenset({group}), before=found)):
            visit.home.write("remove_access_assignment", places, match=tag)


class Relationships:
    """Grants `relationship ID`: irreversible; a new one needs a new invitation, and the client's approval."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those that are open, will be, or are an invitation that can still be withdrawn; tell the invitations that name nobody."""
        for one in (*_relationships(visit, _CLOSED), *_invitations_to_nobody(visit)):
            if holder_of(visit, one["id"]) not in visit.holders:
                continue
            if one["status"] == "approvalPending":
                visit.unseen.append(
                    f"the invitation {one['displayName']}: it opens nothing unless the client approves it, which it should not"
                )
                continue
            longer = one.get("autoExtendDuration")
            extends = f", which extends itself by {_in_days(longer)}" if longer and longer != "PT0S" else ""
            yield Grant(
                system=visit.system,
                id=f"relationship {one['id']}",
                holder=holder_of(visit, one["id"]),
                privilege=f"let groups of ours administer the tenant by {one['displayName']}{extends}: {_roles(visit, one)}",
                irreversible=True,
            )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read its status again: only terminated, expired or gone is the end."""
        status = _status(visit, grant.id.split(" ")[1])
        return Seen(status not in _CLOSED, f"the relationship is {status}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Withdraw the invitation, or ask for the end if it was not asked for, and wait until it is terminated."""
        key = grant.id.split(" ")[1]
        _require_about_client(visit, key)
        status = _status(visit, key)
        if not self.look(visit, grant).stands:
            return already(grant, f"the relationship is {status}")
        places = {_RELATIONSHIP: key}
        with visit.home.errand(Errand(places, frozenset(), irreversible=True)):
            if status == "created":
                visit.home.write("withdraw_relationship", places, match=visit.home.get("get_relationship", places)["@odata.etag"])
            elif status not in _ENDING:
                visit.home.write("request_of_relationship", places, {"action": "terminate"})
        visit.home.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}", seconds=PATIENCE_SECONDS)
        return Receipt(done=f"{grant.id} is {_status(visit, key)}", facts={"changed": True})

    def reinstate(self, _visit: Visit, grant: Grant) -> Receipt:
        """Raise RefusedError: it was signed for as irreversible."""
        raise RefusedError(
            f"{grant.id} ended for good", untouched="everything", todo="send the client a new invitation, and have it approve"
        )


def holder_of(visit: Visit, relationship: str) -> str:
    """Tell whose a relationship is."""
    named = {one.id: one.holder for one in visit.settings.ours.relationships}
    return named.get(relationship, visit.settings.ours.default_holder)


def _relationships(visit: Visit, but: Sequence[str]) -> list[Entity]:
    client = visit.settings.tenant_id
    listed = visit.home.pages("list_relationships", filter=f"customer/tenantId eq '{client}'")
    found = [one for one in listed if _client_of(one) == client]
    return [one for one in found if one["status"] not in but]


def _invitations_to_nobody(visit: Visit) -> Iterator[Entity]:
    """Give those invitations without a client that the engagement file names, and tell the others for people to decide about.

    Microsoft may enter the client only on approval, and whoever has the link can approve: also this client, after the exit. They are told
    without their titles, which may name other clients. Source: https://learn.microsoft.com/graph/api/resources/delegatedadminrelationship.
    """
    named = {one.id for one in visit.settings.ours.relationships}
    listed = [one for status in _INVITED for one in visit.home.pages("list_relationships", filter=f"status eq '{status}'")]
    found = [one for one in listed if one["status"] in _INVITED and not _client_of(one)]
    yield from (one for one in found if one["id"] in named)
    strange = [f"{one['id']} ({one['status']}, of {(one.get('createdDateTime') or '?')[:10]})" for one in found if one["id"] not in named]
    visit.tell(
        "whom the GDAP invitation {} is for: it names no client, and whoever has its link can let us in by it. Find out whom it went to, "
        "and withdraw it in Partner Center; or name it under ours.relationships if it went to this client",
        strange,
    )


def _client_of(relationship: Entity) -> str:
    """Tell the tenant to which it leads; empty if it names none yet."""
    return ((relationship.get("customer") or {}).get("tenantId") or "").lower()


def _require_about_client(visit: Visit, relationship: str) -> None:
    """Raise RefusedError unless it leads to this very client: another client's relationships are none of this exit's.

    An invitation that names no client yet is this client's if the engagement file says so.
    """
    try:
        said = visit.home.get("get_relationship", {_RELATIONSHIP: relationship})
    except GoneError:
        return
    named = not _client_of(said) and said["status"] in _INVITED and relationship in {one.id for one in visit.settings.ours.relationships}
    if _client_of(said) != visit.settings.tenant_id and not named:
        raise RefusedError(f"the relationship {relationship} leads to another client", untouched="it")


def _status(visit: Visit, relationship: str) -> str:
    try:
        return str(visit.home.get("get_relationship", {_RELATIONSHIP: relationship})["status"])
    except GoneError:
        return "gone"


def _assignments(visit: Visit, relationship: str) -> list[Entity]:
    try:
        return list(visit.home.pages("list_access_assignments", {_RELATIONSHIP: relationship}))
    except GoneError:
        return []


def _assignment(visit: Visit, relationship: str, group: str) -> Entity | None:
    listed = _assignments(visit, relationship)
    found = [one for one in listed if one["accessContainer"]["accessContainerId"] == group and one["status"] != "deleted"]
    return found[0] if found else None


def _is_active(one: Entity | None) -> bool:
    return one is not None and one["status"] == "active"


def _stored(one: Entity) -> Entity:
    return {name: one[name] for name in ("accessContainer", "accessDetails")}


def _in_days(duration: str) -> str:
    """Write a duration as people do, where it is one of days, as Graph's are: P180D (ISO 8601)."""
    return re.sub(r"^P(\d+)D$", r"\1 days", duration)


def _roles(visit: Visit, one: Entity) -> str:
    """Name the roles as the client's tenant does: GDAP gives built-in ones alone, and says nothing but their ids."""
    given = (each["roleDefinitionId"] for each in one["accessDetails"]["unifiedRoles"])
    return ", ".join(sorted(visit.role_names.get(each, each) for each in given)) or "no role"
