"""The provider's own tenant, Northwind: its people, its applications, and its relationships with clients (GDAP)."""

import secrets
from pathlib import Path
from typing import Any

from demo.entra.certificates import sign_in_with
from demo.entra.roles import GLOBAL_ADMINISTRATOR, HELPDESK_ADMINISTRATOR, SECURITY_READER, USER_ADMINISTRATOR
from demo.entra.seed import TenantSeed, ago, certificate, password, permissions
from demo.entra.store import Entity
from demo.entra.world import PARTNER_CENTER

STATUSES = ("active", "expiring", "approvalPending", "created", "expired", "terminated")
"""One relationship with the leaving client in each."""
OPEN = ("approvalPending", "created")
"""One invitation that names no client yet in each: whoever has its link can approve it."""


class Northwind(TenantSeed):
    """The tenant, and below `keys` the secrets and certificates by which its applications sign in."""

    def __init__(self, keys: Path) -> None:
        super().__init__("northwind", ["northwind.onmicrosoft.example", "northwind.example"])
        self._keys = keys
        keys.mkdir(parents=True, exist_ok=True)
        people = {"alice": "Alice Ng", "bob": "Bob Okafor", "tariq": "Tariq Haddad", "nora": "Nora Lindqvist"}
        self.people = {name: self.user(f"{name}@northwind.example", full) for name, full in people.items()}
        self.give_role(GLOBAL_ADMINISTRATOR, self.people["alice"])
        self.technicians = self.group(
            "GDAP technicians", members=[self.people["tariq"], self.people["nora"]], owners=[self.people["alice"]]
        )
        self.readers = self.group("GDAP readers", members=[self.people["bob"]], owners=[self.people["alice"]])
        self.offboarding = self._application("Northwind Offboarding", "offboarding")
        self.monitoring = self._application("Northwind Monitoring", "monitoring")
        own = self.install(self.offboarding, self.id)
        self.install(self.monitoring, self.id)
        self.allow(own, permissions())
        self.allow(own, ["user_impersonation"], PARTNER_CENTER)
        self.consent(own, permissions())
        self.consent(own, ["user_impersonation"], PARTNER_CENTER)
        self.put("organization", {"id": self.id, "displayName": "Northwind Managed IT", "tenantType": "AAD"})

    def know(self, client: TenantSeed, name: str) -> None:
        """Have a relationship in each status with the client that leaves."""
        for status in STATUSES:
            roles = [GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR, HELPDESK_ADMINISTRATOR, SECURITY_READER]
            one = self.relate(client.id, name, status, roles, auto_extend=status == "active")
            if status in {"active", "expiring"}:
                self.assign(one, self.technicians, [USER_ADMINISTRATOR, HELPDESK_ADMINISTRATOR])
                self.assign(one, self.readers, [SECURITY_READER])
        for status in OPEN:
            self.relate(None, "Whoever approves it", status, [USER_ADMINISTRATOR], title=f"Invitation for Zahn {status}")
        self.contract(client.id, name, client.domains[0])

    def relate(self, client: str | None, name: str, status: str, roles: list[str], *, title: str = "", auto_extend: bool = False) -> Entity:
        """Put in one relationship; `title` is what people see of it. Without a client it is an invitation that names nobody."""
        key = f"{self.key('relationship', name, status)}-{self.key('second half', name, status)}"
        said: dict[str, Any] = {"id": key, "displayName": title or f"{name} {status}", "status": status, "duration": "P730D"}
        said |= {"autoExtendDuration": "P180D" if auto_extend else "PT0S", "createdDateTime": ago(400), "lastModifiedDateTime": ago(399)}
        begun = status not in {"approvalPending", "created"}
        said |= {"activatedDateTime": ago(399) if begun else None, "endDateTime": ago(-331) if begun else None}
        said["customer"] = {"tenantId": client, "displayName": name} if client else None
        return self.put("relationships", said | {"accessDetails": {"unifiedRoles": [{"roleDefinitionId": one} for one in roles]}})

    def assign(self, relationship: Entity, group: Entity, roles: list[str]) -> None:
        """Let a group of ours in by a relationship."""
        key = self.key("assignment", relationship["id"], group["id"])
        said: Entity = {"id": key, "status": "active", "createdDateTime": ago(399), "lastModifiedDateTime": ago(399)}
        said["accessContainer"] = {"accessContainerId": group["id"], "accessContainerType": "securityGroup"}
        details = {"unifiedRoles": [{"roleDefinitionId": one} for one in roles]}
        self.put(f"accessAssignments/{relationship['id']}", said | {"accessDetails": details})

    def contract(self, client: str, name: str, domain: str) -> None:
        """Count somebody among the clients."""
        said = {"id": self.key("contract", client), "customerId": client, "displayName": name, "defaultDomainName": domain}
        self.put("contracts", said | {"contractType": "ResellerPartnerContract"})

    def _application(self, name: str, short: str) -> Entity:
        secret, old = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
        for kind, text in (("secret", secret), ("expired-secret", old)):
            path = self._keys / f"{short}.{kind}"
            path.touch(mode=0o600)
            path.write_text(text, encoding="ascii")
        now = certificate(f"{short} signs in", sign_in_with(self._keys, short))
        past = certificate(f"{short} signed in", sign_in_with(self._keys, f"{short}-expired", -10), days=-10)
        words = [password(f"{short} 2026", secret), password(f"{short} 2024", old, days=-30)]
        return self.application(name, signInAudience="AzureADMultipleOrgs", passwordCredentials=words, keyCredentials=[now, past])
