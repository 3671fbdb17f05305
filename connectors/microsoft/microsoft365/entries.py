"""How the entries of one area of a tenant are listed, and named by what they belong to."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from connectors.microsoft.contract import graph
from connectors.microsoft.errors import DeniedError, GoneError
from connectors.microsoft.microsoft365.rules import PARTS
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity
from core.canonical import Json
from core.errors import RefusedError

_CONTACTS: Final = {
    "technicalNotificationMails": "technical",
    "securityComplianceNotificationMails": "security",
    "securityComplianceNotificationPhones": "security, by telephone",
    "marketingNotificationEmails": "marketing",
}
MOST: Final = "999"
MOST_WITH_SIGN_INS: Final = "120"
"""Pages with signInActivity are smaller (learn.microsoft.com/graph/api/user-list); so many every state of the service has allowed."""
_INTUNE: Final = "INTUNE"
"""How the names of its service plans begin (learn.microsoft.com/entra/identity/users/licensing-service-plan-reference)."""
_OPENS: Final = ("presharedkey", "sharedsecret", "passphrase", "password", "payload")


def listed(operation: str, **query: str) -> Callable[[Visit], Iterator[Entity]]:
    """Take what an operation lists, as it is."""
    return lambda visit: visit.graph.pages(operation, {}, advanced=False, **query)


def of_each(outer: str, place: str, inner: str, prefix: str, **more: str) -> Callable[[Visit], Iterator[Entity]]:
    """List what belongs to each thing of a list, with the id and the name of that thing. What was deleted meanwhile is told as unseen."""

    def entries(visit: Visit) -> Iterator[Entity]:
        every = visit.graph.pages(outer)
        while some := list(islice(every, PARTS)):
            lists = visit.graph.pages_of_each(inner, [{place: one["id"]} for one in some])
            for one, entries_of_one in zip(some, lists, strict=True):
                try:
                    for found in entries_of_one:
                        yield {f"{prefix}Id": one["id"], f"{prefix}Name": one.get("displayName"), **more, **found}
                except GoneError as error:
                    whose = f"{one['id']} ({one['displayName']})" if one.get("displayName") else one["id"]
                    what = inner.removeprefix("list_").replace("_", " ")
                    visit.unseen[f"configuration, {what} of {whose}"] = f"it was gone while they were listed ({error})"

    return entries


def both(*some: Callable[[Visit], Iterator[Entity]]) -> Callable[[Visit], Iterator[Entity]]:
    """List one after the other."""

    def entries(visit: Visit) -> Iterator[Entity]:
        for one in some:
            yield from one(visit)

    return entries


def hidden_members(visit: Visit) -> Iterator[Entity]:
    """Tell each group that hides its members as unseen, and list nothing: Graph shows nobody in it without Member.Read.Hidden.

    Source: https://learn.microsoft.com/graph/api/group-list-members.
    """
    for one in visit.graph.pages("list_groups", select="id,displayName,visibility", top=MOST):
        if one.get("visibility") == "HiddenMembership":
            why = "the group hides its members, and Graph shows them only to whom the permission Member.Read.Hidden was given"
            visit.unseen[f"configuration, group members of {one['id']} ({one.get('displayName')})"] = why
    yield from ()


def contacts(visit: Visit) -> Iterator[Entity]:
    """List whom the service writes to or calls, and about what."""
    for one in visit.graph.pages("list_organization"):
        for name, kind in _CONTACTS.items():
            yield from ({"kind": kind, "contact": contact} for contact in one.get(name) or ())
        if contact := (one.get("privacyProfile") or {}).get("contactEmail"):
            yield {"kind": "privacy", "contact": contact}


def users(visit: Visit) -> Iterator[Entity]:
    """List the users with all that the contract knows of them, and their licences by name."""
    known = graph().entity(next(one for one in graph().operations if one.name == "list_users"))["properties"]
    wanted = ",".join(name for name in known if name != "signInActivity")
    skus = dict[str, str]()
    with suppress(DeniedError):
        skus = {one["skuId"]: one["skuPartNumber"] for one in visit.graph.pages("list_licences")}
    for one in visit.graph.pages("list_users", select=wanted, top=MOST):
        yield one | {"licences": sorted(skus.get(given["skuId"], given["skuId"]) for given in one.get("assignedLicenses") or ())}


def roles_with_names(operation: str) -> Callable[[Visit], Iterator[Entity]]:
    """List who has which role, both with their names."""

    def entries(visit: Visit) -> Iterator[Entity]:
        roles = dict[str, str]()
        with suppress(DeniedError):
            roles = {one["id"]: one["displayName"] for one in visit.graph.pages("list_role_definitions")}
        for one in visit.graph.pages(operation):
            yield one | {"roleName": roles.get(one["roleDefinitionId"], ""), "principalName": visit.names.get(one["principalId"], "")}

    return entries


def consents(visit: Visit) -> Iterator[Entity]:
    """List what applications may do for people, each with its name."""
    for one in visit.graph.pages("list_permission_grants"):
        named = {f"{who}Name": visit.names.get(one.get(f"{who}Id") or "", "") for who in ("client", "resource", "principal")}
        yield one | named


def if_shown(area: str, entries: Callable[[Visit], Iterator[Entity]]) -> Callable[[Visit], Iterator[Entity]]:
    """List, and tell of an empty table where the service shows this tenant no relationships at all."""

    def shown(visit: Visit) -> Iterator[Entity]:
        if next(visit.graph.pages("list_relationships"), None) is None:
            visit.unseen[f"configuration/{area}"] = (
                "the service shows relationships (GDAP) to the provider's tenant, and none to this one: that says nothing of what there is"
            )
        yield from entries(visit)

    return shown


def of_intune(operation: str) -> Callable[[Visit], Iterator[Entity]]:
    """List what Intune has, where a licence has it: an empty list would say that there is nothing."""

    def entries(visit: Visit) -> Iterator[Entity]:
        plans = {plan.get("servicePlanName") or "" for one in visit.graph.pages("list_licences") for plan in one.get("servicePlans") or ()}
        if not any(name.startswith(_INTUNE) for name in plans):
            raise RefusedError("no licence of the tenant has Intune in it", untouched="the tenant")
        for one in visit.graph.pages(operation):
            yield _unlocked(one)

    return entries


def _unlocked(value: Json) -> Json:
    """Leave out what opens something: keys of networks, passwords, and profiles that may hold either."""
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if not (isinstance(one, str) and name.lower().endswith(_OPENS))}
        return {name: _unlocked(one) for name, one in kept.items()}
    return [_unlocked(one) for one in value] if isinstance(value, list) else value
