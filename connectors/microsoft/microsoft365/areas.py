"""The areas of a tenant's configuration: how each is listed, and what of it a table shows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connectors.microsoft.microsoft365 import entries
from connectors.microsoft.microsoft365.entries import MOST, MOST_WITH_SIGN_INS, both, if_shown, listed, of_each, of_intune, roles_with_names
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity


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


_INTUNE_COLUMNS: Final = {"Name": "displayName", "Kind": "@odata.type", "Description": "description", "Version": "version"} | {
    "Changed": "lastModifiedDateTime",
    "Id": "id",
}
_WHO: Final = {"Kind": "@odata.type", "Name": "displayName", "Sign-in name": "userPrincipalName", "Id": "id"}
_APP: Final = {"Name": "displayName", "Application id": "appId"}
_KEYS: Final = {"Secrets": "passwordCredentials", "Certificates": "keyCredentials"}
_ASSIGNED: Final = {"Role": "roleName", "Whose": "principalName", "Scope": "directoryScopeId", "Principal id": "principalId"}


def _owners(name: str, applications: str, place: str, owners: str) -> Area:
    """List who owns each of these applications."""
    columns = {"Application": "applicationName"} | _WHO | {"Application's object id": "applicationId"}
    return Area(name, of_each(applications, place, owners, "application"), columns, ("applicationId", "id"))


AREAS: Final = (
    Area("organization", listed("list_organization"), {"Name": "displayName", "Tenant": "id", "Since": "createdDateTime"}),
    Area("contacts", entries.contacts, {"For": "kind", "Contact": "contact"}, ("kind", "contact")),
    Area(
        "domains",
        listed("list_domains"),
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
        both(
            of_each("list_domains", "domain-id", "list_verification_records", "domain", purpose="verification"),
            of_each("list_domains", "domain-id", "list_service_records", "domain", purpose="service"),
        ),
        {"Domain": "domainId", "Purpose": "purpose", "Type": "recordType", "Label": "label", "TTL (seconds)": "ttl", "Text": "text"}
        | {"Mail exchange": "mailExchange", "Preference": "preference", "Canonical name": "canonicalName", "Service": "supportedService"},
        ("domainId", "purpose", "id"),
    ),
    Area(
        "licences",
        listed("list_licences"),
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
        entries.users,
        {"Name": "displayName", "Sign-in name": "userPrincipalName", "Mail": "mail", "Other addresses": "proxyAddresses"}
        | {"Kind": "userType", "Enabled": "accountEnabled", "Licences": "licences", "Title": "jobTitle", "Department": "department"}
        | {"Office": "officeLocation", "Telephone": "businessPhones", "Mobile": "mobilePhone", "Synchronised": "onPremisesSyncEnabled"}
        | {"Since": "createdDateTime", "Id": "id"},
        counted_by="list_users",
    ),
    Area(
        "last-sign-ins",
        listed("list_users", select="id,displayName,userPrincipalName,signInActivity", top=MOST_WITH_SIGN_INS),
        {"Name": "displayName", "Sign-in name": "userPrincipalName", "Last": "signInActivity/lastSignInDateTime"}
        | {"Last without a person": "signInActivity/lastNonInteractiveSignInDateTime"}
        | {"Last that succeeded": "signInActivity/lastSuccessfulSignInDateTime", "Id": "id"},
    ),
    Area(
        "groups",
        listed("list_groups", top=MOST),
        {"Name": "displayName", "Description": "description", "Mail": "mail", "Security": "securityEnabled", "Kinds": "groupTypes"}
        | {"Rule": "membershipRule", "Synchronised": "onPremisesSyncEnabled", "Since": "createdDateTime", "Id": "id"},
        counted_by="list_groups",
    ),
    Area(
        "group-members",
        both(
            of_each("list_groups", "group-id", "list_group_members", "group", relation="member"),
            of_each("list_groups", "group-id", "list_group_owners", "group", relation="owner"),
            entries.hidden_members,
        ),
        {"Group": "groupName", "As": "relation"} | _WHO | {"Group id": "groupId"},
        ("groupId", "relation", "id"),
    ),
    Area(
        "roles",
        listed("list_role_definitions"),
        {"Role": "displayName", "Description": "description", "Built in": "isBuiltIn", "Enabled": "isEnabled", "Id": "id"},
    ),
    Area("role-assignments", roles_with_names("list_role_assignments"), _ASSIGNED),
    Area("eligible-roles", roles_with_names("list_eligible_roles"), _ASSIGNED | {"Status": "status", "When": "scheduleInfo"}),
    Area(
        "conditional-access-policies",
        listed("list_policies"),
        {"Policy": "displayName", "State": "state", "Demands": "grantControls/builtInControls", "Whom": "conditions/users"}
        | {"Applications": "conditions/applications", "Locations": "conditions/locations", "Id": "id"},
    ),
    Area(
        "named-locations",
        listed("list_named_locations"),
        {"Location": "displayName", "Trusted": "isTrusted", "Ranges": "ipRanges", "Countries": "countriesAndRegions", "Id": "id"},
    ),
    Area(
        "applications",
        listed("list_applications", top=MOST),
        _APP | {"For": "signInAudience", "Permissions": "requiredResourceAccess"} | _KEYS | {"Since": "createdDateTime", "Id": "id"},
        counted_by="list_applications",
    ),
    _owners("application-owners", "list_applications", "application-id", "list_application_owners"),
    Area(
        "federated-credentials",
        of_each("list_applications", "application-id", "list_federated_credentials", "application"),
        {"Application": "applicationName", "Name": "name", "Issuer": "issuer", "Subject": "subject", "Audiences": "audiences"},
        ("applicationId", "id"),
    ),
    Area(
        "enterprise-applications",
        listed("list_service_principals", top=MOST),
        _APP
        | {"Owner's tenant": "appOwnerOrganizationId", "Enabled": "accountEnabled", "Kind": "servicePrincipalType"}
        | _KEYS
        | {"Id": "id"},
        counted_by="list_service_principals",
    ),
    _owners("enterprise-application-owners", "list_service_principals", "servicePrincipal-id", "list_service_principal_owners"),
    Area(
        "application-permissions",
        of_each("list_service_principals", "servicePrincipal-id", "list_app_role_assigned_to", "application"),
        {"Of": "resourceDisplayName", "To": "principalDisplayName", "Kind": "principalType", "Role id": "appRoleId", "Id": "id"},
        ("applicationId", "id"),
    ),
    Area(
        "consents",
        entries.consents,
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
        listed("list_partners"),
        {"Tenant": "tenantId", "Service provider": "isServiceProvider", "Trusts": "inboundTrust", "Guests in": "b2bCollaborationInbound"},
        ("tenantId",),
    ),
    Area(
        "devices",
        of_intune("list_managed_devices"),
        {"Device": "deviceName", "Of": "userPrincipalName", "Owner": "managedDeviceOwnerType", "System": "operatingSystem"}
        | {"Version": "osVersion", "Complies": "complianceState", "Encrypted": "isEncrypted", "Maker": "manufacturer", "Model": "model"}
        | {"Serial number": "serialNumber", "Enrolled": "enrolledDateTime", "Last seen": "lastSyncDateTime", "Id": "id"},
    ),
    Area("device-configurations", of_intune("list_device_configurations"), _INTUNE_COLUMNS),
    Area("device-compliance-policies", of_intune("list_compliance_policies"), _INTUNE_COLUMNS),
    Area(
        "delegated-administration",
        if_shown("delegated-administration", listed("list_relationships")),
        {"Relationship": "displayName", "Status": "status", "Ends": "endDateTime", "Extended by": "autoExtendDuration"}
        | {"Roles": "accessDetails/unifiedRoles", "Id": "id"},
    ),
    Area(
        "delegated-administration-groups",
        if_shown(
            "delegated-administration-groups",
            of_each("list_relationships", "delegatedAdminRelationship-id", "list_access_assignments", "relationship"),
        ),
        {"Relationship": "relationshipName", "Group of the provider": "accessContainer/accessContainerId", "Status": "status"}
        | {"Roles": "accessDetails/unifiedRoles"},
        ("relationshipId", "id"),
    ),
)
