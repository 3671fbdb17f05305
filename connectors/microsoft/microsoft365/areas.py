"""The areas of a tenant's configuration: how each is listed, and what of it a table shows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from connectors.microsoft.contract import graph
from connectors.microsoft.errors import DeniedError, GoneError
from connectors.microsoft.microsoft365.rules import PARTS
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity
from core.errors import RefusedError

_CONTACTS: Final = {
    "technicalNotificationMails": "technical",
    "securityComplianceNotificationMails": "security",
    "securityComplianceNotificationPhones": "security, by telephone",
    "marketingNotificationEmails": "marketing",
}
_MOST: Final = "999"
_MOST_WITH_SIGN_INS: Final = "120"
"""Pages with signInActivity are smaller (learn.microsoft.com/graph/api/user-list); so many every state of the service has allowed."""


@dataclass(frozen=True)
class Area:
    """One pair of files. `columns` of the table: heading, and path of the value. Entries are sorted by what stands at `order`.

    `counted_by` is the operation by which the service counts them, where it does.
    """

    name: str
    entries: Callable[[Visit], Iterator[Entity]]
    columns: Mapping[str, str]
    order: tuple[str, ...] = ("id",)
    counted_by: str = ""


def _listed(operation: str, **query: str) -> Callable[[Visit], Iterator[Entity]]:
    return lambda visit: visit.graph.pages(operation, {}, advanced=False, **query)


def _of_each(outer: str, place: str, inner: str, prefix: str, **more: str) -> Callable[[Visit], Iterator[Entity]]:
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


def _both(*some: Callable[[Visit], Iterator[Entity]]) -> Callable[[Visit], Iterator[Entity]]:
    def entries(visit: Visit) -> Iterator[Entity]:
        for one in some:
            yield from one(visit)

    return entries


def _contacts(visit: Visit) -> Iterator[Entity]:
    for one in visit.graph.pages("list_organization"):
        for name, kind in _CONTACTS.items():
            yield from ({"kind": kind, "contact": contact} for contact in one.get(name) or ())
        if contact := (one.get("privacyProfile") or {}).get("contactEmail"):
            yield {"kind": "privacy", "contact": contact}


def _users(visit: Visit) -> Iterator[Entity]:
    known = graph().entity(next(one for one in graph().operations if one.name == "list_users"))["properties"]
    wanted = ",".join(name for name in known if name != "signInActivity")
    skus = dict[str, str]()
    with suppress(DeniedError):
        skus = {one["skuId"]: one["skuPartNumber"] for one in visit.graph.pages("list_licences")}
    for one in visit.graph.pages("list_users", select=wanted, top=_MOST):
        yield one | {"licences": sorted(skus.get(given["skuId"], given["skuId"]) for given in one.get("assignedLicenses") or ())}


def _roles_with_names(operation: str) -> Callable[[Visit], Iterator[Entity]]:
    def entries(visit: Visit) -> Iterator[Entity]:
        roles = dict[str, str]()
        with suppress(DeniedError):
            roles = {one["id"]: one["displayName"] for one in visit.graph.pages("list_role_definitions")}
        for one in visit.graph.pages(operation):
            yield one | {"roleName": roles.get(one["roleDefinitionId"], ""), "principalName": visit.names.get(one["principalId"], "")}

    return entries


def _consents(visit: Visit) -> Iterator[Entity]:
    for one in visit.graph.pages("list_permission_grants"):
        named = {f"{who}Name": visit.names.get(one.get(f"{who}Id") or "", "") for who in ("client", "resource", "principal")}
        yield one | named


def _if_shown(area: str, entries: Callable[[Visit], Iterator[Entity]]) -> Callable[[Visit], Iterator[Entity]]:
    """List, and tell of an empty table where the service shows this tenant no relationships at all."""

    def shown(visit: Visit) -> Iterator[Entity]:
        if next(visit.graph.pages("list_relationships"), None) is None:
            visit.unseen[f"configuration/{area}"] = (
                "the service shows relationships (GDAP) to the provider's tenant, and none to this one: that says nothing of what there is"
            )
        yield from entries(visit)

    return shown


def _of_intune(operation: str) -> Callable[[Visit], Iterator[Entity]]:
    """List what Intune has, where a licence has it: an empty list would say that there is nothing."""

    def entries(visit: Visit) -> Iterator[Entity]:
        plans = {plan.get("servicePlanName") or "" for one in visit.graph.pages("list_licences") for plan in one.get("servicePlans") or ()}
        if not any(name.startswith(_INTUNE) for name in plans):
            raise RefusedError("no licence of the tenant has Intune in it", untouched="the tenant")
        for one in visit.graph.pages(operation):
            yield _unlocked(one)

    return entries


def _unlocked(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Leave out what opens something: keys of networks, passwords, and profiles that may hold either."""
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if not (isinstance(one, str) and name.lower().endswith(_OPENS))}
        return {name: _unlocked(one) for name, one in kept.items()}
    return [_unlocked(one) for one in value] if isinstance(value, list) else value


_INTUNE: Final = "INTUNE"
"""How the names of its service plans begin (learn.microsoft.com/entra/identity/users/licensing-service-plan-reference)."""
_OPENS: Final = ("presharedkey", "sharedsecret", "passphrase", "password", "payload")
_INTUNE_COLUMNS: Final = {"Name": "displayName", "Kind": "@odata.type", "Description": "description", "Version": "version"} | {
    "Changed": "lastModifiedDateTime",
    "Id": "id",
}
_WHO: Final = {"Kind": "@odata.type", "Name": "displayName", "Sign-in name": "userPrincipalName", "Id": "id"}
_APP: Final = {"Name": "displayName", "Application id": "appId"}
_KEYS: Final = {"Secrets": "passwordCredentials", "Certificates": "keyCredentials"}
_ASSIGNED: Final = {"Role": "roleName", "Whose": "principalName", "Scope": "directoryScopeId", "Principal id": "principalId"}

AREAS: Final = (
    Area("organization", _listed("list_organization"), {"Name": "displayName", "Tenant": "id", "Since": "createdDateTime"}),
    Area("contacts", _contacts, {"For": "kind", "Contact": "contact"}, ("kind", "contact")),
    Area(
        "domains",
        _listed("list_domains"),
        {
            "Domain": "id",
            "Default": "isDefault",
            "Verified": "isVerified",
            "Sign-in": "authenticationType",
            "Services": "supportedServices",
        },
    ),
    Area(
        "domain-records",
        _both(
            _of_each("list_domains", "domain-id", "list_verification_records", "domain", purpose="verification"),
            _of_each("list_domains", "domain-id", "list_service_records", "domain", purpose="service"),
        ),
        {"Domain": "domainId", "Purpose": "purpose", "Type": "recordType", "Label": "label", "TTL (seconds)": "ttl", "Text": "text"}
        | {"Mail exchange": "mailExchange", "Preference": "preference", "Canonical name": "canonicalName", "Service": "supportedService"},
        ("domainId", "purpose", "id"),
    ),
    Area(
        "licences",
        _listed("list_licences"),
        {
            "Licence": "skuPartNumber",
            "Status": "capabilityStatus",
            "Bought": "prepaidUnits/enabled",
            "Used": "consumedUnits",
            "Id": "skuId",
        },
    ),
    Area(
        "users",
        _users,
        {"Name": "displayName", "Sign-in name": "userPrincipalName", "Mail": "mail", "Other addresses": "proxyAddresses"}
        | {"Kind": "userType", "Enabled": "accountEnabled", "Licences": "licences", "Title": "jobTitle", "Department": "department"}
        | {"Office": "officeLocation", "Telephone": "businessPhones", "Mobile": "mobilePhone", "Synchronised": "onPremisesSyncEnabled"}
        | {"Since": "createdDateTime", "Id": "id"},
        counted_by="list_users",
    ),
    Area(
        "last-sign-ins",
        _listed("list_users", select="id,displayName,userPrincipalName,signInActivity", top=_MOST_WITH_SIGN_INS),
        {"Name": "displayName", "Sign-in name": "userPrincipalName", "Last": "signInActivity/lastSignInDateTime"}
        | {"Last without a person": "signInActivity/lastNonInteractiveSignInDateTime"}
        | {"Last that succeeded": "signInActivity/lastSuccessfulSignInDateTime", "Id": "id"},
    ),
    Area(
        "groups",
        _listed("list_groups", top=_MOST),
        {"Name": "displayName", "Description": "description", "Mail": "mail", "Security": "securityEnabled", "Kinds": "groupTypes"}
        | {"Rule": "membershipRule", "Synchronised": "onPremisesSyncEnabled", "Since": "createdDateTime", "Id": "id"},
        counted_by="list_groups",
    ),
    Area(
        "group-members",
        _both(
            _of_each("list_groups", "group-id", "list_group_members", "group", relation="member"),
            _of_each("list_groups", "group-id", "list_group_owners", "group", relation="owner"),
        ),
        {"Group": "groupName", "As": "relation"} | _WHO | {"Group id": "groupId"},
        ("groupId", "relation", "id"),
    ),
    Area(
        "roles",
        _listed("list_role_definitions"),
        {"Role": "displayName", "Description": "description", "Built in": "isBuiltIn", "Enabled": "isEnabled", "Id": "id"},
    ),
    Area("role-assignments", _roles_with_names("list_role_assignments"), _ASSIGNED),
    Area("eligible-roles", _roles_with_names("list_eligible_roles"), _ASSIGNED | {"Status": "status", "When": "scheduleInfo"}),
    Area(
        "conditional-access-policies",
        _listed("list_policies"),
        {"Policy": "displayName", "State": "state", "Demands": "grantControls/builtInControls", "Whom": "conditions/users"}
        | {"Applications": "conditions/applications", "Locations": "conditions/locations", "Id": "id"},
    ),
    Area(
        "named-locations",
        _listed("list_named_locations"),
        {"Location": "displayName", "Trusted": "isTrusted", "Ranges": "ipRanges", "Countries": "countriesAndRegions", "Id": "id"},
    ),
    Area(
        "applications",
        _listed("list_applications", top=_MOST),
        _APP | {"For": "signInAudience", "Permissions": "requiredResourceAccess"} | _KEYS | {"Since": "createdDateTime", "Id": "id"},
        counted_by="list_applications",
    ),
    Area(
        "application-owners",
        _of_each("list_applications", "application-id", "list_application_owners", "application"),
        {"Application": "applicationName"} | _WHO | {"Application's object id": "applicationId"},
        ("applicationId", "id"),
    ),
    Area(
        "federated-credentials",
        _of_each("list_applications", "application-id", "list_federated_credentials", "application"),
        {"Application": "applicationName", "Name": "name", "Issuer": "issuer", "Subject": "subject", "Audiences": "audiences"},
        ("applicationId", "id"),
    ),
    Area(
        "enterprise-applications",
        _listed("list_service_principals", top=_MOST),
        _APP
        | {"Owner's tenant": "appOwnerOrganizationId", "Enabled": "accountEnabled", "Kind": "servicePrincipalType"}
        | _KEYS
        | {"Id": "id"},
        counted_by="list_service_principals",
    ),
    Area(
        "enterprise-application-owners",
        _of_each("list_service_principals", "servicePrincipal-id", "list_service_principal_owners", "application"),
        {"Application": "applicationName"} | _WHO | {"Application's object id": "applicationId"},
        ("applicationId", "id"),
    ),
    Area(
        "application-permissions",
        _of_each("list_service_principals", "servicePrincipal-id", "list_app_role_assigned_to", "application"),
        {"Of": "resourceDisplayName", "To": "principalDisplayName", "Kind": "principalType", "Role id": "appRoleId", "Id": "id"},
        ("applicationId", "id"),
    ),
    Area(
        "consents",
        _consents,
        {
            "Application": "clientName",
            "May, at": "resourceName",
            "What": "scope",
            "For": "consentType",
            "Person": "principalName",
            "Id": "id",
        },
    ),
    Area(
        "cross-tenant-partners",
        _listed("list_partners"),
        {"Tenant": "tenantId", "Service provider": "isServiceProvider", "Trusts": "inboundTrust", "Guests in": "b2bCollaborationInbound"},
        ("tenantId",),
    ),
    Area(
        "devices",
        _of_intune("list_managed_devices"),
        {"Device": "deviceName", "Of": "userPrincipalName", "Owner": "managedDeviceOwnerType", "System": "operatingSystem"}
        | {"Version": "osVersion", "Complies": "complianceState", "Encrypted": "isEncrypted", "Maker": "manufacturer", "Model": "model"}
        | {"Serial number": "serialNumber", "Enrolled": "enrolledDateTime", "Last seen": "lastSyncDateTime", "Id": "id"},
    ),
    Area("device-configurations", _of_intune("list_device_configurations"), _INTUNE_COLUMNS),
    Area("device-compliance-policies", _of_intune("list_compliance_policies"), _INTUNE_COLUMNS),
    Area(
        "delegated-administration",
        _if_shown("delegated-administration", _listed("list_relationships")),
        {"Relationship": "displayName", "Status": "status", "Ends": "endDateTime", "Extended by": "autoExtendDuration"}
        | {"Roles": "accessDetails/unifiedRoles", "Id": "id"},
    ),
    Area(
        "delegated-administration-groups",
        _if_shown(
            "delegated-administration-groups",
            _of_each("list_relationships", "delegatedAdminRelationship-id", "list_access_assignments", "relationship"),
        ),
        {"Relationship": "relationshipName", "Group of the provider": "accessContainer/accessContainerId", "Status": "status"}
        | {"Roles": "accessDetails/unifiedRoles"},
        ("relationshipId", "id"),
    ),
)
