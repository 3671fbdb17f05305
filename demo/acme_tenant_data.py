"""The rest of Acme's tenant: policies, contacts, subscriptions of Azure, domains, licences, logs, files and mail."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from demo.acme_people import AcmePeople
from demo.entra.seed import TenantSeed, ago
from demo.entra.store import Entity

CLINIC, NORTHWIND_OFFICE, ELSEWHERE = "203.0.113.9", "198.51.100.7", "192.0.2.1"
"""Addresses from which people sign in: two that conditional access lets in, and one that it does not."""

CONTRIBUTOR, DELETES_DELEGATIONS = "b24988ac-6180-42a0-ab88-20f7382dd24c", "91c1777a-f3dc-4fae-b103-61d183457e46"
"""Roles of Azure, the same everywhere (learn.microsoft.com/azure/role-based-access-control/built-in-roles)."""


def fill_policies(acme: AcmePeople) -> None:
    """Put in conditional access, named places, cross-tenant settings."""
    ranges = [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": one} for one in ("203.0.113.0/24", "198.51.100.0/24")]
    clinics = _place(acme, "Clinics", {"@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": True, "ipRanges": ranges})
    office = _place(
        acme, "Northwind office", {"@odata.type": "#microsoft.graph.ipNamedLocation", "isTrusted": True, "ipRanges": ranges[1:]}
    )
    _place(acme, "Canada", {"@odata.type": "#microsoft.graph.countryNamedLocation", "countriesAndRegions": ["CA"]})
    others = {"@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants", "membershipKind": "enumerated"}
    provider = {"guestOrExternalUserTypes": "serviceProvider", "externalTenants": others | {"members": [acme.northwind.id]}}
    left_out = {"excludeUsers": [acme.emergency["id"]], "excludeGroups": [acme.ours["id"]], "excludeGuestsOrExternalUsers": provider}
    _policy(acme, "Second factor for everybody", "mfa", {"users": _users(**left_out), "locations": None})
    only_here = {"includeLocations": ["All"], "excludeLocations": [clinics["id"], office["id"]]}
    _policy(acme, "Nobody from elsewhere", "block", {"users": _users(excludeUsers=[acme.emergency["id"]]), "locations": only_here})
    trust = {"isMfaAccepted": True, "isCompliantDeviceAccepted": False, "isHybridAzureADJoinedDeviceAccepted": False}
    everything = {"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}
    people = {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]}
    partner = {"tenantId": acme.northwind.id, "isServiceProvider": True, "isInMultiTenantOrganization": False, "inboundTrust": trust}
    acme.put("crossTenantPartners", partner | {"b2bCollaborationInbound": {"usersAndGroups": people, "applications": everything}})


def fill_data(acme: AcmePeople) -> None:
    """Put in everything else."""
    fill_organization(acme, "Acme Dental", ("noc@northwind.example", "dana@acme-dental.example"), ("security@northwind.example",))
    _licences(acme)
    _devices(acme)
    _log(acme)
    fill_drive(acme, acme.dana)
    acme.put("sites", site := {"id": f"acme.example,{acme.key('site')},{acme.key('web')}", "displayName": "Clinics", "name": "clinics"})
    library = _drive(acme, site["id"], "documentLibrary", "Documents")
    for number in range(1, 8):
        _file(acme, library, number, f"minutes {number}.txt", 1_000 * number)
    for user in (acme.dana, acme.omar):
        fill_mailbox(acme, user)


def fill_azure(acme: AcmePeople) -> None:
    """Put in two subscriptions of Azure that our application sees: one delegated to us and to somebody else, one to the latter alone."""
    sees = {acme.offboarding["id"]: "Owner", acme.reviews["id"]: "Reader", acme.dana["id"]: "Owner"}
    practice, web = acme.subscribe("Practice", sees), acme.subscribe("Web site", sees)
    acme.subscribe("Of the accountant", {acme.omar["id"]: "Owner"})
    roles = {acme.northwind.technicians["id"]: CONTRIBUTOR, acme.northwind.readers["id"]: DELETES_DELEGATIONS}
    acme.delegate(practice, acme.northwind, "Northwind manages Azure", roles)
    for one in (practice, web):
        acme.delegate(one, acme.alike, "Backup by Northwind Dental Supplies", {acme.alike.key("group"): CONTRIBUTOR})


def fill_organization(
    tenant: TenantSeed, name: str, technical: Sequence[str], security: Sequence[str], privacy: str = "privacy@northwind.example"
) -> None:
    """Put in the organisation, with the addresses to which Microsoft writes, and its domains."""
    domains = [
        {"name": one, "isDefault": number == 1, "isInitial": number == 0, "type": "Managed"} for number, one in enumerate(tenant.domains)
    ]
    said = {"id": tenant.id, "displayName": name, "tenantType": "AAD", "createdDateTime": ago(2000), "verifiedDomains": domains}
    said |= {"technicalNotificationMails": list(technical), "securityComplianceNotificationMails": list(security)}
    said |= {"securityComplianceNotificationPhones": [], "marketingNotificationEmails": ["dana@acme-dental.example"]}
    profile = {"contactEmail": privacy, "statementUrl": "https://acme-dental.example/privacy"}
    tenant.put("organization", said | {"privacyProfile": profile})
    _domains(tenant)


def fill_drive(tenant: TenantSeed, owner: Entity) -> None:
    """Put in somebody's drive, with files."""
    drive = _drive(tenant, owner["id"], "business", "OneDrive")
    for number, name in enumerate(("appointments.xlsx", "price list.docx", "x-ray 0001.dcm", "größer & älter.pdf"), start=1):
        _file(tenant, drive, number, name, 40_000 * number)


def fill_mailbox(tenant: TenantSeed, user: Entity) -> None:
    """Put in somebody's mailbox: three folders, and five messages in the first."""
    inbox = _folder(tenant, user, "Inbox", None)
    _folder(tenant, user, "Insurers", inbox["id"])
    _folder(tenant, user, "Conversation History", None, hidden=True)
    for number in range(5):
        written = datetime.now(UTC) - timedelta(days=number)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Date"] = "lab@example", user["userPrincipalName"], format_datetime(written)
        mail["Subject"], mail["Message-ID"] = f"Crown {number} is ready", f"<{tenant.key('mail', user['id'], str(number))}@example>"
        mail.set_content(f"Crown {number} can be fetched.\n")
        said = {"id": f"AAMk{tenant.key('message', user['id'], str(number))}", "subject": mail["Subject"], "parentFolderId": inbox["id"]}
        said |= {"receivedDateTime": ago(number), "internetMessageId": mail["Message-ID"], "hasAttachments": False, "changeKey": "CQAAA"}
        tenant.put("messages", said | {"_user": user["id"], "_mime": mail.as_string()})


def _users(**more: object) -> Entity:
    names = ("excludeUsers", "includeGroups", "excludeGroups", "includeRoles", "excludeRoles")
    return {"includeUsers": ["All"], **{name: [] for name in names}, "excludeGuestsOrExternalUsers": None, **more}


def _policy(acme: AcmePeople, name: str, control: str, conditions: Entity) -> None:
    said = {"id": acme.key("policy", name), "displayName": name, "state": "enabled", "createdDateTime": ago(500), "modifiedDateTime": None}
    applications = {"includeApplications": ["All"], "excludeApplications": []}
    made = {"clientAppTypes": ["all"], "applications": applications} | conditions
    grant = {"operator": "OR", "builtInControls": [control]}
    acme.put("conditionalAccessPolicies", said | {"conditions": made, "grantControls": grant})


def _place(acme: AcmePeople, name: str, more: Entity) -> Entity:
    said = {"id": acme.key("place", name), "displayName": name, "createdDateTime": ago(500), "modifiedDateTime": ago(500)}
    return acme.put("namedLocations", said | more)


def _domains(acme: TenantSeed) -> None:
    for number, name in enumerate(acme.domains):
        record = {"label": name, "ttl": 3600, "isOptional": False, "supportedService": "Email"}
        text = {
            "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
            "id": acme.key("txt", name),
            "recordType": "Txt",
            "text": "MS=ms12345678",
        }
        mail = {"@odata.type": "#microsoft.graph.domainDnsMxRecord", "id": acme.key("mx", name), "recordType": "Mx", "preference": 0}
        one = {"id": name, "isDefault": number == 1, "isInitial": number == 0, "isRoot": True, "isVerified": True, "isAdminManaged": True}
        one |= {"authenticationType": "Managed", "supportedServices": ["Email"], "_verification": [record | text]}
        acme.put("domains", one | {"_service": [record | mail | {"mailExchange": "acme-dental-example.mail.protection.example"}]})


def _licences(acme: AcmePeople) -> None:
    for name, count in (("SPB", 12), ("AAD_PREMIUM_P2", 5)):
        units = {"enabled": count, "suspended": 0, "warning": 0, "lockedOut": 0}
        said: Entity = {
            "id": f"{acme.id}_{acme.key('sku', name)}",
            "skuId": acme.key("sku", name),
            "skuPartNumber": name,
            "prepaidUnits": units,
        }
        said |= {
            "capabilityStatus": "Enabled",
            "appliesTo": "User",
            "consumedUnits": 3,
            "subscriptionIds": [acme.key("subscription", name)],
        }
        plans = {"SPB": ("EXCHANGE_S_STANDARD", "INTUNE_A"), "AAD_PREMIUM_P2": ("AAD_PREMIUM_P2",)}[name]
        said["servicePlans"] = [
            {"servicePlanId": acme.key("plan", one), "servicePlanName": one, "provisioningStatus": "Success", "appliesTo": "User"}
            for one in plans
        ]
        acme.put("subscribedSkus", said)
    for one in (acme.dana, acme.omar, acme.admin):
        one["assignedLicenses"] = [{"skuId": acme.key("sku", "SPB"), "disabledPlans": []}]


def _devices(acme: AcmePeople) -> None:
    for name, system, owner in (
        ("FRONT-DESK", "Windows", acme.dana),
        ("Dana's telephone", "iOS", acme.dana),
        ("X-RAY", "Windows", acme.omar),
    ):
        said: Entity = {
            "id": acme.key("device", name),
            "deviceName": name,
            "operatingSystem": system,
            "osVersion": "10.0",
            "isEncrypted": True,
        }
        said |= {"managedDeviceOwnerType": "company", "complianceState": "compliant", "userPrincipalName": owner["userPrincipalName"]}
        acme.put("managedDevices", said | {"enrolledDateTime": ago(300), "lastSyncDateTime": ago(1)})
    for table, kind in (
        ("deviceConfigurations", "windows10GeneralConfiguration"),
        ("deviceCompliancePolicies", "windows10CompliancePolicy"),
    ):
        said = {"@odata.type": f"#microsoft.graph.{kind}", "id": acme.key(table), "displayName": "Windows in the clinics", "version": 3}
        acme.put(table, said | {"description": None, "createdDateTime": ago(400), "lastModifiedDateTime": ago(20)})


def _log(acme: AcmePeople) -> None:
    status = {"errorCode": 0, "failureReason": "Other.", "additionalDetails": None}
    for number, (user, home) in enumerate(((acme.nora, acme.northwind), (acme.supplier, acme.alike), (acme.dana, acme))):
        said = {
            "id": acme.key("sign-in", str(number)),
            "createdDateTime": ago(1),
            "userId": user["id"],
            "userDisplayName": user["displayName"],
        }
        said |= {"userPrincipalName": user["userPrincipalName"], "appId": "00000002-0000-0ff1-ce00-000000000000", "ipAddress": CLINIC}
        said |= {"appDisplayName": "Office 365 Exchange Online", "clientAppUsed": "Browser", "isInteractive": True, "status": status}
        acme.put("signIns", said | {"homeTenantId": home.id, "resourceTenantId": acme.id})


def _drive(acme: TenantSeed, owner: str, kind: str, name: str) -> str:
    key = f"b!{acme.key('drive', owner)}"
    acme.put("drives", {"id": key, "name": name, "driveType": kind, "quota": {"total": 1 << 40, "used": 1 << 20}, "_owner": owner})
    times = {"createdDateTime": ago(900), "lastModifiedDateTime": ago(2)}
    root = {"id": f"01{acme.key('root', key)}", "name": "root", "root": {}, "folder": {"childCount": 0}, "size": 0, "_changed": 1}
    acme.put(f"items/{key}", root | times | {"parentReference": {"driveId": key}})
    return key


def _file(acme: TenantSeed, drive: str, number: int, name: str, size: int) -> None:
    top = acme.tables[f"items/{drive}"][0]
    root, top["folder"]["childCount"] = top["id"], top["folder"]["childCount"] + 1
    key = f"01{acme.key('file', drive, str(number))}"
    said = {"id": key, "name": name, "size": size, "createdDateTime": ago(300), "lastModifiedDateTime": ago(30), "eTag": f'"{key},1"'}
    said |= {"file": {"mimeType": "application/octet-stream"}, "cTag": f'"c:{key},1"', "_seed": key, "_changed": number + 1}
    acme.put(f"items/{drive}", said | {"parentReference": {"driveId": drive, "id": root, "path": f"/drives/{drive}/root:"}})


def _folder(acme: TenantSeed, user: Entity, name: str, parent: str | None, *, hidden: bool = False) -> Entity:
    key = f"AAMk{acme.key('folder', user['id'], name)}"
    said = {"id": key, "displayName": name, "parentFolderId": parent or f"AAMk{acme.key('top', user['id'])}", "isHidden": hidden}
    count = {"childFolderCount": 1 if name == "Inbox" else 0, "totalItemCount": 5 if name == "Inbox" else 0}
    return acme.put("mailFolders", said | count | {"_user": user["id"], "_parent": parent})
