"""How far the client's tenant trusts ours (cross-tenant access), and to whom of us Microsoft writes about it."""

import json
from collections.abc import Iterator
from typing import Any, Final

from connectors.microsoft.entra_tenant.lists import put_back
from connectors.microsoft.entra_tenant.made_anew import MadeAnew
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.canonical import Json
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

_PARTNER: Final = "crossTenantAccessPolicyConfigurationPartner-tenantId"
_SETTINGS: Final = (
    *("tenantId", "inboundTrust", "b2bCollaborationInbound", "b2bCollaborationOutbound"),
    *("b2bDirectConnectInbound", "b2bDirectConnectOutbound", "automaticUserConsentSettings", "tenantRestrictions"),
)
_MICROSOFTS: Final = frozenset({"isServiceProvider", "isInMultiTenantOrganization"})
"""What no request sets: it follows from the reseller link, and from a multitenant organisation that both joined."""
_LISTS: Final = ("technicalNotificationMails", "securityComplianceNotificationMails", "marketingNotificationEmails")
_PROFILE: Final = "privacyProfile"


class Partners(MadeAnew):
    """Grants `partner TENANT`: what the client's cross-tenant access says of a tenant of ours beyond what holds for all."""

    back = f"is made again, as it was but for what Microsoft alone sets ({', '.join(sorted(_MICROSOFTS))})"

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find the settings about our tenants."""
        ours = visit.settings.ours
        with visit.noting("cross-tenant access"):
            for one in _partners(visit):
                if ours.default_holder in visit.holders:
                    trusted = sorted(name for name, said in (one.get("inboundTrust") or {}).items() if said is True)
                    trust = f" ({', '.join(trusted)})" if trusted else ""
                    marks = " and ".join(sorted(name for name in _MICROSOFTS if one.get(name)))
                    trust += f"; put back it would be without {marks}, which Microsoft alone sets" if marks else ""
                    yield Grant(
                        system=visit.system,
                        id=f"partner {one['tenantId']}",
                        holder=ours.default_holder,
                        privilege=f"come from our tenant by rules of its own{trust}",
                        undo=self.undo(one),
                    )

    def find(self, visit: Visit, grant: Grant) -> Entity | None:
        """Find what is said about that tenant of ours."""
        return next((one for one in _partners(visit) if f"partner {one['tenantId']}" == grant.id), None)

    def stored(self, one: Entity) -> Entity:
        """Leave all that a request may set."""
        return {name: one[name] for name in _SETTINGS if one.get(name) is not None}

    def remove(self, visit: Visit, grant: Grant, found: Entity) -> None:
        """Remove the settings: from then on those for everybody hold. Raises RefusedError where some of them could not be put back.

        Graph refuses by itself where identities are synchronised (crosstenantaccesspolicyconfigurationpartner-delete).
        """
        _require_known(grant, found)
        places = {_PARTNER: str(found["tenantId"])}
        with visit.tenant.errand(Errand(places, frozenset(visit.settings.ours.home_tenants))):
            visit.tenant.write("remove_partner", places)

    def make(self, visit: Visit, _grant: Grant, before: Entity) -> None:
        """Make them anew as they were stored."""
        with visit.tenant.errand(Errand({}, frozenset(visit.settings.ours.home_tenants), reinstating=True, before=before)):
            visit.tenant.write("add_partner", {}, before)


class Contacts:
    """Grants `contact LIST ADDRESS`."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find our addresses among those to which Microsoft writes."""
        holders = visit.settings.ours.addresses
        if not holders:
            visit.unseen.append("contacts (the engagement file names no address of ours)")
            return
        now = _organization(visit)
        for name in (*_LISTS, _PROFILE):
            for address in _addresses(now, name):
                holder = holders.get(address.lower())
                if holder in visit.holders:
                    yield Grant(
                        system=visit.system,
                        id=f"contact {name} {address}",
                        holder=holder,
                        privilege=f"Microsoft writes to {address} ({name})",
                        undo={"before": json.dumps(now.get(name), sort_keys=True)},
                    )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """Read them again."""
        _word, name, address = grant.id.split(" ")
        now = _addresses(_organization(visit), name)
        return Seen(address in now, f"{name}: {', '.join(now) or 'nobody'}")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Take our address out; the client's comes in its place where nobody would be left. Raises RefusedError if none is named."""
        _word, name, address = grant.id.split(" ")
        now = _organization(visit)
        if address not in _addresses(now, name):
            return already(grant, f"{name} does not name {address}")
        left = [one for one in _addresses(now, name) if one != address]
        heir = "" if left else _heir(visit, grant)
        body: Any = left or [heir]
        if name == _PROFILE:
            body = {**now[name], "contactEmail": heir}
        _write(visit, now, name, body, frozenset({address.lower()}), heir=heir)
        visit.tenant.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}")
        undo = {"before": json.dumps(now[name], sort_keys=True)} | ({"heir": heir} if heir else {})
        done = f"Microsoft writes no more to {address}{f', but to {heir}' if heir else ''} ({name})"
        return Receipt(done=done, undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Put our address back where it stood; the one that took its place goes again."""
        _word, name, address = grant.id.split(" ")
        before, heir, now = json.loads(undo_of(grant, "before")), grant.undo.get("heir", ""), _organization(visit)
        if address in _addresses(now, name):
            return already_back(grant)
        if name == _PROFILE:
            body: Any = {**now[name], "contactEmail": address}
        else:
            body = put_back([one for one in now[name] if one != heir], before, [address])
        _write(visit, now, name, body, frozenset({address.lower()}), heir=heir, reinstating=True)
        visit.tenant.settle(lambda: self.look(visit, grant).stands, grant.id)
        return Receipt(done=f"Microsoft writes to {address} again ({name})", facts={"changed": True})


def _write(
    visit: Visit,
    now: Entity,
    name: str,
    body: Json,
    ours: frozenset[str],
    *,
    heir: str,
    reinstating: bool = False,
) -> None:
    places = {"organization-id": str(now["id"])}
    with visit.tenant.errand(Errand(places, ours, reinstating=reinstating, before=now, successor=heir)):
        visit.tenant.write("change_organization", places, {name: body})


def _heir(visit: Visit, grant: Grant) -> str:
    if visit.settings.client.contact is None:
        raise RefusedError(
            f"{grant.id} is ours, nobody else is named there, and nobody of the client's is named to take its place",
            untouched="the address",
            todo="name client.contact in the engagement file, or have the client change it",
        )
    return visit.settings.client.contact


def _organization(visit: Visit) -> Entity:
    for one in visit.tenant.pages("list_organization"):
        return one
    raise RefusedError("Graph shows no organisation", untouched="the tenant")


def _addresses(organization: Entity, name: str) -> list[str]:
    if name == _PROFILE:
        address = (organization.get(name) or {}).get("contactEmail")
        return [address] if address else []
    return list(organization.get(name) or ())


def _partners(visit: Visit) -> list[Entity]:
    return [one for one in visit.tenant.pages("list_partners") if one["tenantId"].lower() in visit.settings.ours.home_tenants]


def _require_known(grant: Grant, found: Entity) -> None:
    """Raise RefusedError if something is set there that this version does not know, and so would not put back."""
    named = (name for name, value in found.items() if value is not None and "@" not in name)
    if lost := sorted(set(named) - {*_SETTINGS, *_MICROSOFTS}):
        raise RefusedError(
            f"{grant.id} has settings that we could not put back: {', '.join(lost)}",
            untouched="all of its settings",
            todo="have the client remove the organisation from its cross-tenant access settings, or take out these settings first",
        )
