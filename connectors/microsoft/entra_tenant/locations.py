"""Ranges of addresses of ours in the places that conditional access knows."""

import ipaddress
import json
from collections.abc import Iterator

from connectors.microsoft.entra_tenant.lists import KEY, name_of, put_back
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back


class Locations:
    """Grants `location ID for HOLDER`: ranges of addresses of ours in a place that conditional access knows."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the places with ranges of these holders."""
        with visit.noting("places of conditional access"):
            for one in visit.tenant.pages("list_named_locations"):
                visit.tell("{}: whether it may stay so is the client's to say", _wider(visit, one))
                for holder in visit.holders:
                    if _trusts(one, ours := ranges_of(visit, one, holder)):
                        yield Grant(
                            system=visit.system,
                            id=f"location {one['id']} for {holder}",
                            holder=holder,
                            privilege=f"sign in from {', '.join(sorted(ours))} as from {one['displayName']}",
                            undo={"before": json.dumps(_place(one), sort_keys=True)},
                        )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again."""
        now = _location(visit, grant)
        stands = bool(now) and _trusts(now, ranges_of(visit, now, grant.holder))
        return Seen(stands, f"{grant.id} {'stands' if stands else 'is not there, or not trusted'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Take our ranges out. A place cannot be empty: where all are ours, it is trusted no more."""
        now = _location(visit, grant)
        ours = ranges_of(visit, now, grant.holder)
        if not now or not _trusts(now, ours):
            return already(grant, f"{grant.id} is not there, or not trusted")
        left = [one for one in now["ipRanges"] if name_of(one) not in ours]
        body = {"@odata.type": now["@odata.type"]} | ({"ipRanges": left} if left else {"isTrusted": False})
        places = {"namedLocation-id": str(now["id"])}
        with visit.tenant.errand(Errand(places, ours, before=_place(now))):
            visit.tenant.write("change_named_location", places, body)
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        undo = {"before": json.dumps(_place(now), sort_keys=True)}
        return Receipt(done=f"{now['displayName']} is without our addresses, or not trusted", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Put our ranges back, or the trust."""
        before, now = json.loads(undo_of(grant, "before")), _location(visit, grant)
        ours = ranges_of(visit, before, grant.holder)
        ranges = put_back(now.get("ipRanges") or [], before["ipRanges"], [one for one in before["ipRanges"] if name_of(one) in ours])
        if (ranges, now.get("isTrusted")) == (now.get("ipRanges"), before["isTrusted"]):
            return already_back(grant)
        change = {"ipRanges": ranges} if ranges != now.get("ipRanges") else {"isTrusted": before["isTrusted"]}
        places = {"namedLocation-id": str(now["id"])}
        with visit.tenant.errand(Errand(places, ours, reinstating=True, before=_place(now))):
            visit.tenant.write("change_named_location", places, {"@odata.type": now["@odata.type"]} | change)
        visit.tenant.settle(lambda: self.look(visit, grant).stands, grant.id)
        return Receipt(done=f"{now['displayName']} knows our addresses again", facts={"changed": True})


def _location(visit: Visit, grant: Grant) -> Entity:
    key = grant.id.split(" ")[1]
    return next((one for one in visit.tenant.pages("list_named_locations") if one["id"] == key), {})


def ranges_of(visit: Visit, place: Entity, holder: str) -> frozenset[str]:
    """Tell which ranges of a place lie within a holder's."""
    ours = [ipaddress.ip_network(one.range) for one in visit.settings.ours.networks if one.holder == holder]
    found = set[str]()
    for one in place.get("ipRanges") or ():
        network = ipaddress.ip_network(one[KEY], strict=False)
        if any(network.version == each.version and network.subnet_of(each) for each in ours):  # type: ignore[arg-type]  # the same version
            found.add(one[KEY])
    return frozenset(found)


def _wider(visit: Visit, place: Entity) -> list[str]:
    """Tell which ranges of a place hold one of these holders' and others besides: they may be the client's, so they are no grant."""
    ours = [(ipaddress.ip_network(one.range), one.range) for one in visit.settings.ours.networks if one.holder in visit.holders]
    ranges = [(ipaddress.ip_network(one[KEY], strict=False), one[KEY]) for one in place.get("ipRanges") or ()]
    return [
        f"the place {place['displayName']} has {wide}, in which our {text} lies beside addresses of others"
        for network, wide in ranges
        for each, text in ours
        if network.version == each.version and network.prefixlen < each.prefixlen and network.supernet_of(each)  # type: ignore[arg-type]  # the same version
    ]


def _trusts(place: Entity, ours: frozenset[str]) -> bool:
    """Whether our ranges count for something there: beside others, or where the place as a whole is trusted."""
    wholly = all(name_of(one) in ours for one in place.get("ipRanges") or ())
    return bool(ours) and (not wholly or bool(place.get("isTrusted")))


def _place(one: Entity) -> Entity:
    return {name: one.get(name) for name in ("@odata.type", "ipRanges", "isTrusted")}
