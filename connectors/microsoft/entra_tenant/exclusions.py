"""Where conditional access makes an exception for us: people, groups, applications, our tenant as a service provider, places of ours."""

import json
from collections.abc import Iterator
from typing import Final

from connectors.microsoft.entra_tenant.group_members import require_ours_alone, strangers_in
from connectors.microsoft.entra_tenant.lists import name_of, others, put_back
from connectors.microsoft.entra_tenant.locations import ranges_of
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.canonical import Json
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

_LISTS: Final = {
    "users": ("excludeUsers", "excludeGroups"),
    "locations": ("excludeLocations",),
    "applications": ("excludeApplications",),
    "clientApplications": ("excludeServicePrincipals",),
}
_TENANTS: Final = "excludeGuestsOrExternalUsers"


class Exclusions:
    """Grants `exclusion POLICY for HOLDER`. PATCH replaces lists, so each is written whole, without us."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the policies that leave these holders out."""
        marks = {holder: _names(visit, holder) for holder in visit.holders}
        with visit.noting("places of conditional access"):
            marks = {holder: names | _places(visit, holder) for holder, names in marks.items()}
        _tell_strangers(visit)
        with visit.noting("conditional access"):
            for one in visit.tenant.pages("list_policies"):
                for holder in visit.holders:
                    named = _named(one["conditions"], frozenset(marks[holder]))
                    if named:
                        yield Grant(
                            system=visit.system,
                            id=f"exclusion {one['id']} for {holder}",
                            holder=holder,
                            privilege=f"be left out of the policy {one['displayName']}: {', '.join(marks[holder][each] for each in named)}",
                            undo={"before": _stored(one["conditions"]), "ours": json.dumps(sorted(marks[holder]))},
                        )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read the policy again."""
        now = _policy(visit, grant)
        named = _named(now["conditions"], _marks_of(visit, grant)) if now else []
        return Seen(bool(named), f"{grant.id}: {', '.join(named) or 'nobody of ours is left out'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Take us out of the exceptions; all others stay as they are. Raises RefusedError where a group of ours holds others too."""
        now, ours = _policy(visit, grant), _marks_of(visit, grant)
        if now is None or not _named(now["conditions"], ours):
            return already(grant, f"{grant.id} is not there")
        for group in set((now["conditions"].get("users") or {}).get("excludeGroups") or ()) & ours:
            require_ours_alone(visit, group, now["displayName"])
        undo = {"before": _stored(now["conditions"]), "ours": json.dumps(sorted(ours))}
        self._write(visit, grant, now, _without(now["conditions"], ours), ours, reinstating=False)
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        return Receipt(done=f"nobody of {grant.holder} is left out of {now['displayName']} any more", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Put us back among the exceptions; what came since stays."""
        before, ours = json.loads(undo_of(grant, "before")), _marks_of(visit, grant)
        now = visit.tenant.get("get_policy", {"conditionalAccessPolicy-id": grant.id.split(" ")[1]})
        wanted = _with(now["conditions"], before, ours)
        if wanted == {part: now["conditions"].get(part) for part in wanted}:
            return already_back(grant)
        self._write(visit, grant, now, wanted, ours, reinstating=True)
        visit.tenant.settle(lambda: _named(_policy(visit, grant)["conditions"], ours) != [], grant.id)  # type: ignore[index]  # just read
        return Receipt(done=f"{now['displayName']} leaves {grant.holder} out again", facts={"changed": True})

    def _write(self, visit: Visit, grant: Grant, now: Entity, wanted: Entity, ours: frozenset[str], *, reinstating: bool) -> None:
        places = {"conditionalAccessPolicy-id": grant.id.split(" ")[1]}
        before = {part: now["conditions"].get(part) for part in wanted}
        with visit.tenant.errand(Errand(places, ours, reinstating=reinstating, before={"conditions": before})):
            visit.tenant.write("change_policy", places, {"conditions": wanted})


def _names(visit: Visit, holder: str) -> dict[str, str]:
    """Tell the ids by which policies may name a holder, but for places, and what people call each: never the client's people.

    Nor is the application by which we come in: it is closed as a whole, and until then it has to come in.
    """
    ours = visit.settings.ours
    found = {one.id: one.words for one in visit.accounts.values() if one.holder == holder}
    found |= {one.id: f"our group {one.id}" for one in ours.groups if one.holder == holder}
    applications = [one for one in visit.principals.values() if one.holder == holder and (one.said.get("appId") or "").lower() != visit.own]
    found |= {name: one.words for one in applications for name in (one.id, one.said["appId"])}
    found |= {one: f"our tenant {one}" for one in ours.home_tenants if holder == ours.default_holder}
    return {key: words for key, words in found.items() if key not in visit.settings.client.everybody}


def _places(visit: Visit, holder: str) -> dict[str, str]:
    """Tell the places that are wholly a holder's. Raises RefusedError where we may not see them: a look has not seen us gone then."""
    return {
        one["id"]: f"the place {one['displayName']}"
        for one in visit.tenant.pages("list_named_locations")
        if one.get("ipRanges") and {name_of(each) for each in one["ipRanges"]} <= ranges_of(visit, one, holder)
    }


def _marks_of(visit: Visit, grant: Grant) -> frozenset[str]:
    found = frozenset(
        json.loads(grant.undo["ours"]) if "ours" in grant.undo else _names(visit, grant.holder) | _places(visit, grant.holder)
    )
    return found - visit.settings.client.everybody


def _tell_strangers(visit: Visit) -> None:
    """Tell, long before it holds the cutoff, which group of ours is not ours alone."""
    for group in (one.id for one in visit.settings.ours.groups if one.holder in visit.holders):
        with visit.noting(f"who is in our group {group}"):
            words = "{}, who is none of ours, in our group " + group + ": policies that leave the group out are held while it is so"
            visit.tell(words, strangers_in(visit, group))


def _named(conditions: Entity, ours: frozenset[str]) -> list[str]:
    found = [one for part, names in _LISTS.items() for name in names for one in (conditions.get(part) or {}).get(name) or () if one in ours]
    outside = (conditions.get("users") or {}).get(_TENANTS) or {}
    return found + [one for one in (outside.get("externalTenants") or {}).get("members") or () if one in ours]


def _without(conditions: Entity, ours: frozenset[str]) -> Entity:
    """Write the parts that name us without us; the other parts are not written."""
    changed: Entity = {}
    for part, names in _LISTS.items():
        old = conditions.get(part) or {}
        new = {**old, **{name: [one for one in old[name] if one not in ours] for name in names if old.get(name)}}
        if old.get(_TENANTS):
            new[_TENANTS] = others(old[_TENANTS], ours)
        if new != old:
            changed[part] = new
    return changed


def _with(conditions: Entity, before: Entity, ours: frozenset[str]) -> Entity:
    changed: Entity = {}
    for part, names in _LISTS.items():
        now, then = conditions.get(part) or {}, before.get(part) or {}
        new = dict(now)
        for name in names:
            again = [one for one in then.get(name) or () if one in ours]
            if again:
                new[name] = put_back(now.get(name) or (), then[name], again)
        if _named({"users": {_TENANTS: then.get(_TENANTS)}}, ours):
            new[_TENANTS] = _tenants(now.get(_TENANTS), then[_TENANTS], ours)
        if new != now:
            changed[part] = new
    return changed


def _tenants(now: Json, then: Entity, ours: frozenset[str]) -> Entity:
    members = then["externalTenants"]["members"]
    here = ((now or {}).get("externalTenants") or {}).get("members") or []
    again = put_back(here, members, [one for one in members if one in ours])
    return {**then, **(now or {}), "externalTenants": {**then["externalTenants"], "members": again}}


def _stored(conditions: Entity) -> str:
    return json.dumps({part: conditions.get(part) for part in _LISTS}, sort_keys=True)


def _policy(visit: Visit, grant: Grant) -> Entity | None:
    key = grant.id.split(" ")[1]
    return next((one for one in visit.tenant.pages("list_policies") if one["id"] == key), None)
