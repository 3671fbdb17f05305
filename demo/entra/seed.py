"""How a simulated tenant is written down before it is served."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.microsoft.contract import graph
from demo.entra.roles import BUILT_IN
from demo.entra.store import Entity, instant, made_up_id
from demo.entra.world import AZURE, GRAPH, PARTNER_CENTER, RESOURCES

MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
"""The tenant that owns Microsoft's own applications."""


def ago(days: float) -> str:
    """Tell an instant in the past, or with negative days in the future."""
    return instant(datetime.now(UTC) - timedelta(days=days))


def permissions() -> list[str]:
    """Tell every permission that the contract names."""
    kinds = ("application", "delegated")
    return sorted({one for made in graph().operations for kind in kinds for needed in made.permissions(kind) for one in needed})


class TenantSeed:
    """One tenant: its objects by table, and its links. Ids come from names, so they are the same each time."""

    def __init__(self, name: str, domains: list[str]) -> None:
        self.name = name
        self.id = made_up_id("tenant", name)
        self.domains = domains
        self.tables: dict[str, list[Entity]] = {}
        self.links: dict[str, list[str]] = {}
        self._resources()
        for key, title in BUILT_IN.items():
            self.put("roleDefinitions", {"id": key, "templateId": key, "displayName": title, "isBuiltIn": True, "isEnabled": True})

    def written(self) -> dict[str, Any]:
        """Write it down for the server."""
        return {"id": self.id, "domains": self.domains, "tables": self.tables, "links": self.links}

    def key(self, *words: str) -> str:
        """Give the id of something in this tenant."""
        return made_up_id(self.name, *words)

    def put(self, table: str, one: Entity) -> Entity:
        """Put something into a table."""
        self.tables.setdefault(table, []).append(one)
        return one

    def user(self, upn: str, name: str, **more: Any) -> Entity:  # noqa: ANN401 - properties
        """Put in a user."""
        made = {"id": self.key("user", upn), "userPrincipalName": upn, "displayName": name, "mail": upn, "accountEnabled": True}
        made |= {"userType": "Member", "createdDateTime": ago(900), "creationType": None, "externalUserState": None, "otherMails": []}
        made["identities"] = [{"signInType": "userPrincipalName", "issuer": self.domains[0], "issuerAssignedId": upn}]
        made["_methods"] = [
            {"@odata.type": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod", "id": self.key("method", upn)},
            {"@odata.type": "#microsoft.graph.passwordAuthenticationMethod", "id": "28c10230-6103-485e-b985-444c60001490"},
        ]
        return self.put("users", made | more)

    def signed_in(self, user: Entity, days: float) -> None:
        """Write into the log that somebody signed in at a keyboard, so many days ago."""
        said = {"id": self.key("signed in", user["userPrincipalName"]), "createdDateTime": ago(days), "isInteractive": True}
        said |= {"userId": user["id"], "userPrincipalName": user["userPrincipalName"], "homeTenantId": self.id, "resourceTenantId": self.id}
        self.put("signIns", said | {"status": {"errorCode": 0, "failureReason": "Other.", "additionalDetails": None}})

    def guest(self, home: "TenantSeed", user: Entity, **more: Any) -> Entity:  # noqa: ANN401 - properties
        """Put in a guest from another tenant. Which one is `_home`; Graph tells it by the sign-in name alone."""
        upn = f"{user['userPrincipalName'].replace('@', '_')}#EXT#@{self.domains[0]}"
        identities = [{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None}]
        said = {"userType": "Guest", "creationType": "Invitation", "externalUserState": "Accepted", "mail": user["mail"]}
        said |= {"identities": identities, "_home": {"tenant": home.id, "id": user["id"]}, "_methods": []}
        return self.user(upn, user["displayName"], **(said | more))

    def group(self, name: str, *, members: list[Entity], owners: list[Entity] = [], **more: Any) -> Entity:  # noqa: ANN401, B006 - properties; never changed
        """Put in a group."""
        made: Entity = {"id": self.key("group", name), "displayName": name, "securityEnabled": True, "mailEnabled": False, "groupTypes": []}
        made |= {"isAssignableToRole": None, "createdDateTime": ago(700), "membershipRule": None, "onPremisesSyncEnabled": None}
        self.links[f"members/{made['id']}"] = [one["id"] for one in members]
        self.links[f"owners/{made['id']}"] = [one["id"] for one in owners]
        return self.put("groups", made | more)

    def give_role(self, role: str, holder: Entity, until: str = "") -> None:
        """Give somebody a role for the whole tenant; with `until` it ends by itself (PIM)."""
        key = self.key("role", role, holder["id"]).replace("-", "")
        said = {"id": key, "principalId": holder["id"], "roleDefinitionId": role, "directoryScopeId": "/", "appScopeId": None}
        self.put("roleAssignments", said | ({"_until": until} if until else {}))

    def make_eligible(self, role: str, holder: Entity) -> None:
        """Let somebody take a role (PIM)."""
        said = {"id": self.key("eligible", role, holder["id"]), "principalId": holder["id"], "roleDefinitionId": role}
        said |= {"directoryScopeId": "/", "memberType": "Direct", "status": "Provisioned", "createdDateTime": ago(200)}
        info = {"startDateTime": ago(200), "expiration": {"type": "noExpiration", "endDateTime": None, "duration": None}}
        self.put("roleEligibilitySchedules", said | {"scheduleInfo": info})

    def application(self, name: str, *, owners: list[Entity] = [], **more: Any) -> Entity:  # noqa: ANN401, B006 - properties; never changed
        """Register an application."""
        made: Entity = {
            "id": self.key("application", name),
            "appId": self.key("appId", name),
            "displayName": name,
            "signInAudience": "AzureADMyOrg",
        }
        made |= {"createdDateTime": ago(600), "publisherDomain": self.domains[0], "passwordCredentials": [], "keyCredentials": []}
        self.links[f"owners/{made['id']}"] = [one["id"] for one in owners]
        return self.put("applications", made | more)

    def install(self, application: Entity, owner: str, **more: Any) -> Entity:  # noqa: ANN401 - properties
        """Put in an application's service principal; `owner` is the tenant where it is registered."""
        made = {"id": self.key("principal", application["appId"]), "appId": application["appId"], "appOwnerOrganizationId": owner}
        made |= {
            "displayName": application["displayName"],
            "appDisplayName": application["displayName"],
            "servicePrincipalType": "Application",
        }
        made |= {"accountEnabled": True, "appRoleAssignmentRequired": False, "appRoles": [], "oauth2PermissionScopes": [], "tags": []}
        return self.put("servicePrincipals", made | more)

    def subscribe(self, name: str, roles: dict[str, str]) -> str:
        """Put in a subscription of Azure, and who has which role on it, by object id; give its id."""
        key = self.key("azure", name)
        said = {"id": key, "subscriptionId": key, "tenantId": self.id, "displayName": name, "state": "Enabled", "_roles": roles}
        self.put("subscriptions", said)
        return key

    def delegate(self, subscription: str, manager: "TenantSeed", name: str, given: dict[str, str]) -> Entity:
        """Delegate a subscription to another tenant (Azure Lighthouse): there these principals get these roles."""
        place = f"/subscriptions/{subscription}/providers/Microsoft.ManagedServices"
        key, defined = self.key("delegation", subscription, name), self.key("definition", subscription, name)
        said: Entity = {"registrationDefinitionName": name, "description": name, "managedByTenantId": manager.id}
        said |= {"managedByTenantName": manager.name, "manageeTenantId": self.id, "manageeTenantName": self.name}
        said["authorizations"] = [
            {"principalId": one, "principalIdDisplayName": one, "roleDefinitionId": role} for one, role in given.items()
        ]
        definition = {"id": f"{place}/registrationDefinitions/{defined}", "name": defined, "properties": said}
        self.put("registrationDefinitions", definition)
        made = {"id": key, "_subscription": subscription, "_definition": definition["id"], "_state": "Succeeded"}
        return self.put("registrationAssignments", made)

    def allow(self, client: Entity, values: list[str], resource: str = GRAPH) -> None:
        """Give an application permissions of its own."""
        target = self._principal(resource)
        for role in target["appRoles"]:
            if role["value"] in values:
                said = {"id": self.key("allowed", client["id"], role["id"]).replace("-", ""), "appRoleId": role["id"]}
                said |= {"principalId": client["id"], "principalType": "ServicePrincipal", "principalDisplayName": client["displayName"]}
                more = {"resourceId": target["id"], "resourceDisplayName": target["displayName"], "createdDateTime": ago(500)}
                self.put("appRoleAssignments", said | more)

    def consent(self, client: Entity, values: list[str], resource: str = GRAPH, principal: Entity | None = None) -> None:
        """Let an application act in people's names; in one person's, if `principal` is said."""
        target = self._principal(resource)
        key = self.key("consent", client["id"], target["id"], principal["id"] if principal else "").replace("-", "")
        said = {"id": key, "clientId": client["id"], "resourceId": target["id"], "scope": " ".join(values)}
        kind = {"consentType": "Principal" if principal else "AllPrincipals", "principalId": principal["id"] if principal else None}
        self.put("oauth2PermissionGrants", said | kind)

    def _principal(self, resource: str) -> Entity:
        return next(one for one in self.tables["servicePrincipals"] if one["appId"] == RESOURCES[resource])

    def _resources(self) -> None:
        for resource, title, values in (
            (GRAPH, "Microsoft Graph", permissions()),
            (PARTNER_CENTER, "Microsoft Partner Center", ["user_impersonation"]),
            (AZURE, "Windows Azure Service Management API", ["user_impersonation"]),
        ):
            roles = [{"id": made_up_id("permission", one), "value": one, "displayName": one, "isEnabled": True} for one in values]
            shown = [one | {"allowedMemberTypes": ["Application"]} for one in roles]
            scopes = [{"id": one["id"], "value": one["value"], "type": "Admin", "isEnabled": True} for one in roles]
            self.install({"appId": RESOURCES[resource], "displayName": title}, MICROSOFT, appRoles=shown, oauth2PermissionScopes=scopes)


def password(name: str, secret: str, *, days: float = 300) -> Entity:
    """Write a secret of an application; Graph shows its first letters, and never the rest."""
    made = {"keyId": made_up_id("password", name), "displayName": name, "hint": secret[:3], "startDateTime": ago(100)}
    return made | {"endDateTime": ago(-days), "customKeyIdentifier": None, "_secret": secret}


def certificate(name: str, der: bytes, *, days: float = 300) -> Entity:
    """Write a certificate of an application."""
    made = {"keyId": made_up_id("certificate", name), "displayName": name, "type": "AsymmetricX509Cert", "usage": "Verify"}
    return made | {"key": base64.b64encode(der).decode(), "startDateTime": ago(100), "endDateTime": ago(-days), "customKeyIdentifier": None}
