"""Subscriptions of the client's in Azure that are delegated to our tenant (Azure Lighthouse).

Source: https://learn.microsoft.com/azure/lighthouse/how-to/remove-delegation.
"""

import json
from collections.abc import Iterator
from typing import Final

from connectors.microsoft.entra_tenant.rules import manager_of
from connectors.microsoft.entra_tenant.visit import Visit, undo_of
from connectors.microsoft.errors import GoneError, WayInRefusedError
from connectors.microsoft.guard import Errand
from connectors.microsoft.session import Entity
from core.errors import RefusedError
from core.model import Grant, Receipt
from core.one_grant import Seen, already, already_back

PATIENCE_SECONDS: Final = 240.0
"""How long the end of a delegation is waited for, which takes Azure minutes at times; then the next pass goes on waiting."""
PLACE: Final = "subscription-id"
_ASSIGNMENT: Final = "registrationAssignment-name"
_DONE, _ENDING, _ENDED = "Succeeded", "Deleting", "Deleted"
NOT_NAMED: Final = "Azure: subscriptions that our application does not see (azure.subscriptions names none)"
NO_TENANT: Final = "Azure: delegations of subscriptions (ours.home_tenants names no tenant of ours)"
ONCE_MORE: Final = "Azure: a person would have to enter a second code (azure.subscriptions names none)"


class Delegations:
    """Grants `delegation ASSIGNMENT on SUBSCRIPTION`: who of us comes in by it stands in its definition, which is left where it is."""

    def discover(self, visit: Visit) -> Iterator[Grant]:
        """Find those to our tenants, in the subscriptions that are named, or else in all that we may see."""
        ours = visit.settings.ours
        if ours.default_holder not in visit.holders:
            return
        if not ours.home_tenants:
            visit.unseen.append(NO_TENANT)
            return
        for subscription in subscriptions(visit):
            with visit.noting(f"Azure: subscription {subscription}"):
                for one in _listed(visit, subscription):
                    if not manager_of(one):
                        visit.unseen.append(f"Azure: to whom delegation {one['name']} of subscription {subscription} is")
                    if manager_of(one) in ours.home_tenants:
                        yield Grant(
                            system=visit.system,
                            id=f"delegation {one['name']} on {subscription}",
                            holder=ours.default_holder,
                            privilege=f"administer subscription {subscription} of Azure from our tenant{_roles(one)}",
                            undo={"before": json.dumps(_stored(one), sort_keys=True)},
                        )

    def look(self, visit: Visit, grant: Grant) -> Seen:
        """List them again: where the subscription itself is not seen, that is no end."""
        _word, name, _on, subscription = grant.id.split(" ")
        found = _find(visit, subscription, name)
        return Seen(found is not None, f"the delegation is {_state(found) if found else 'not there'}, says Azure")

    def revoke(self, visit: Visit, grant: Grant) -> Receipt:
        """Read it, end it, if that was not begun, and wait for the end. Raises RefusedError for one to somebody else."""
        _word, name, _on, subscription = grant.id.split(" ")
        if _find(visit, subscription, name) is None:
            return already(grant, f"{grant.id} is not there")
        places = _places(subscription, name)
        try:
            found = visit.azure.get("get_delegation", places)
        except GoneError:
            return already(grant, f"{grant.id} is not there")
        if manager_of(found) not in visit.settings.ours.home_tenants:
            raise RefusedError(f"{grant.id} is to another provider", untouched="it")
        if _state(found) != _ENDING:
            with visit.azure.errand(Errand(places, frozenset(visit.settings.ours.home_tenants), before=found)):
                visit.azure.write("remove_delegation", places)
        visit.azure.settle(lambda: not self.look(visit, grant).stands, f"the end of {grant.id}", seconds=PATIENCE_SECONDS)
        undo = {"before": json.dumps(_stored(found), sort_keys=True)}
        return Receipt(done=f"{grant.id} is ended", undo=undo, facts={"changed": True})

    def reinstate(self, visit: Visit, grant: Grant) -> Receipt:
        """Delegate again under the same name, by the same definition."""
        _word, name, _on, subscription = grant.id.split(" ")
        before, places = json.loads(undo_of(grant, "before")), _places(subscription, name)
        if (found := _find(visit, subscription, name)) is not None and _state(found) == _DONE:
            return already_back(grant)
        ours = frozenset(visit.settings.ours.home_tenants)
        with visit.azure.errand(Errand(places, ours, reinstating=True, before=before)):
            visit.azure.write("add_delegation", places, {"properties": before["properties"]})
        visit.azure.settle(lambda: _holds(visit, subscription, name), grant.id, seconds=PATIENCE_SECONDS)
        return Receipt(done=f"{grant.id} holds again", facts={"changed": True})


def subscriptions(visit: Visit) -> list[str]:
    """Tell which to look into. Where nobody named any, it is noted that others may be, and that Azure may not let us in at all."""
    if named := visit.settings.azure.subscriptions:
        return list(named)
    if visit.settings.access.by_a_person:
        visit.unseen.append(ONCE_MORE)
        return []
    visit.unseen.append(NOT_NAMED)
    client = visit.settings.tenant_id
    try:
        with visit.noting("Azure"):
            return [one["subscriptionId"].lower() for one in visit.azure.pages("list_subscriptions") if one["tenantId"].lower() == client]
    except WayInRefusedError as error:
        if error.closed:
            raise
        visit.unseen.append(f"Azure ({error})")
    return []


def delegations_to_us(visit: Visit, subscription: str) -> list[Entity]:
    """List the delegations of a subscription to our tenants. Raises as ports do."""
    return [one for one in _listed(visit, subscription) if manager_of(one) in visit.settings.ours.home_tenants]


def _listed(visit: Visit, subscription: str) -> list[Entity]:
    found = visit.azure.pages("list_delegations", {PLACE: subscription})
    return [one for one in found if _state(one) != _ENDED]


def _find(visit: Visit, subscription: str, name: str) -> Entity | None:
    return next((one for one in _listed(visit, subscription) if one["name"].lower() == name.lower()), None)


def _holds(visit: Visit, subscription: str, name: str) -> bool:
    found = _find(visit, subscription, name)
    return found is not None and _state(found) == _DONE


def _state(one: Entity) -> str:
    return str(one["properties"]["provisioningState"])


def _stored(one: Entity) -> Entity:
    """Keep what makes it anew, and whose it is."""
    return {"manager": manager_of(one), "properties": {"registrationDefinitionId": one["properties"]["registrationDefinitionId"]}}


def _places(subscription: str, name: str) -> dict[str, str]:
    return {PLACE: subscription, _ASSIGNMENT: name}


def _roles(one: Entity) -> str:
    said = one["properties"]["registrationDefinition"]["properties"]
    given = sorted({each["roleDefinitionId"] for each in said.get("authorizations") or ()})
    return f" by {said.get('registrationDefinitionName')}: {', '.join(given) or 'no role'}"
