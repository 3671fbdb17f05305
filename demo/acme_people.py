"""Who is in Acme Dental's tenant: its people, ours, groups and applications; what is ours, what looks like it, and what is Acme's own."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.entra.certificates import sign_in_with
from demo.entra.roles import (
    DIRECTORY_SYNCHRONIZATION,
    GLOBAL_ADMINISTRATOR,
    HELPDESK_ADMINISTRATOR,
    PRIVILEGED_AUTHENTICATION_ADMINISTRATOR,
    USER_ADMINISTRATOR,
)
from demo.entra.seed import TenantSeed, ago, certificate, password, permissions
from demo.entra.store import Entity
from demo.northwind_tenant import Northwind

INITIAL = "acmedental.onmicrosoft.example"
DOMAIN = "acme-dental.example"
READING = [
    *("Application.Read.All", "Directory.Read.All", "GroupMember.Read.All", "Organization.Read.All", "Policy.Read.All"),
    *("RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.Directory", "User.Read.All"),
]
"""What Acme's own application may do by which it looks for itself whether the provider is gone."""


class AcmePeople(TenantSeed):
    """The client's tenant as far as accounts, groups and applications go, beside the provider's (`northwind`) and one that looks like it.

    `keys` is a folder: NAME.secret, NAME.key and NAME.pem are what applications sign in with.
    """

    def __init__(self, keys: Path) -> None:
        super().__init__("acme", [INITIAL, DOMAIN])
        self.keys = keys
        self.northwind = Northwind(keys)
        self.alike = TenantSeed("northwind-dental", ["northwinddental.onmicrosoft.example", "northwind-dental.example"])
        self._own_people()
        self._our_people()
        self._groups()
        self._applications()

    def _own_people(self) -> None:
        def seen(days: float) -> Mapping[str, Any]:
            return {"lastSignInDateTime": ago(days), "lastSuccessfulSignInDateTime": ago(days), "lastNonInteractiveSignInDateTime": None}

        self.dana = self.user(f"dana@{DOMAIN}", "Dana Reyes", jobTitle="Director", signInActivity=seen(1))
        self.omar = self.user(f"omar@{DOMAIN}", "Omar Haddad", jobTitle="Office manager", signInActivity=seen(60))
        self.emergency = self.user(f"emergency@{INITIAL}", "Emergency access", signInActivity=seen(200), mail=None)
        for one in (self.dana, self.omar, self.emergency):
            self.give_role(GLOBAL_ADMINISTRATOR, one)
        self.kim = self.user(f"kim@{DOMAIN}", "Kim Park", jobTitle="IT coordinator", otherMails=["kim@northwind.example"])
        self.staff = [self.user(f"{name}@{DOMAIN}", name.title()) for name in ("ines", "lee", "sasha")]
        supplies = self.alike.user("orders@northwind-dental.example", "Northwind Dental Supplies")
        self.supplier = self.guest(self.alike, supplies)

    def _our_people(self) -> None:
        people = self.northwind.people
        self.tariq = self.guest(self.northwind, people["tariq"])
        self.nora = self.guest(self.northwind, people["nora"], mail=f"nora@{DOMAIN}")  # Acme's mail, but our home tenant
        self.admin = self.user(f"northwind-admin@{INITIAL}", "Northwind Admin", mail=None, otherMails=["noc@northwind.example"])
        self.sync = self.user(
            f"sync-acme@{INITIAL}",
            "On-premises synchronisation (Northwind)",
            mail=None,
            signInActivity={
                "lastSignInDateTime": None,
                "lastNonInteractiveSignInDateTime": ago(0.1),
                "lastSuccessfulSignInDateTime": ago(0.1),
            },
        )
        self.give_role(GLOBAL_ADMINISTRATOR, self.admin)
        self.give_role(USER_ADMINISTRATOR, self.tariq, until=ago(-60))
        self.give_role(DIRECTORY_SYNCHRONIZATION, self.sync)
        self.make_eligible(GLOBAL_ADMINISTRATOR, self.tariq)
        self.make_eligible(USER_ADMINISTRATOR, self.kim)

    def _groups(self) -> None:
        unified = {"groupTypes": ["Unified"], "mailEnabled": True, "mail": f"staff@{DOMAIN}"}
        self.everybody = self.group("Staff", members=[self.dana, self.omar, self.kim, *self.staff], owners=[self.tariq], **unified)
        self.ours = self.group("Northwind team", members=[self.tariq, self.nora, self.admin], owners=[self.tariq, self.dana])
        self.helpers = self.group("Helpdesk", members=[self.kim, self.nora], owners=[self.dana], isAssignableToRole=True)
        self.give_role(HELPDESK_ADMINISTRATOR, self.helpers)
        self.on_call = self.group("On call", members=[self.kim, self.tariq], owners=[self.dana], isAssignableToRole=True)
        self.make_eligible(USER_ADMINISTRATOR, self.on_call)
        self.nested = self.group("All who help", members=[self.helpers, self.ours], owners=[self.dana])
        rule = {"groupTypes": ["DynamicMembership"], "membershipRule": '(user.jobTitle -eq "Director")'}
        self.by_rule = self.group("Directors", members=[self.dana], owners=[self.dana], **rule)
        self.synced = self.group("Old domain users", members=[self.omar], owners=[self.dana], onPremisesSyncEnabled=True)

    def _applications(self) -> None:
        self.ours_in_theirs, own = secrets.token_urlsafe(30), secrets.token_urlsafe(30)
        for name, text in (("portal-ours", self.ours_in_theirs), ("portal-own", own)):
            path = self.keys / f"{name}.secret"
            path.touch(mode=0o600)
            path.write_text(text, encoding="ascii")
        words = [password("Northwind backup", self.ours_in_theirs), password("Portal", own)]
        keys = [certificate(name, sign_in_with(self.keys, name)) for name in ("northwind-portal", "portal")]
        people = [self.tariq, self.dana]
        self.portal = self.application("Practice Portal", owners=people, passwordCredentials=words, keyCredentials=keys)
        said: Entity = {"id": self.key("federated"), "name": "northwind-pipeline", "issuer": "https://ci.northwind.example"}
        said |= {"subject": "repo:northwind/acme:ref:main", "description": None, "audiences": ["api://AzureADTokenExchange"]}
        self.put(f"federated/{self.portal['id']}", said)
        self.portal_principal = self.install(self.portal, self.id)
        self.allow(self.portal_principal, ["User.Read.All"])
        self.offboarding = self.install(self.northwind.offboarding, self.northwind.id)
        self.allow(self.offboarding, permissions())
        self.consent(self.offboarding, permissions())
        self.give_role(PRIVILEGED_AUTHENTICATION_ADMINISTRATOR, self.offboarding)
        self.monitoring = self.install(self.northwind.monitoring, self.northwind.id)
        self.allow(self.monitoring, ["User.Read.All", "AuditLog.Read.All", "Directory.Read.All"])
        self.consent(self.monitoring, ["User.Read.All"], principal=self.tariq)
        looks = [certificate("review", sign_in_with(self.keys, "review"))]
        self.review = self.application("Access review", owners=[self.dana], keyCredentials=looks)
        self.reviews = self.install(self.review, self.id)
        self.allow(self.reviews, READING)
        vendor = {"appId": self.key("appId", "vendor"), "displayName": "Cloud Backup Co"}
        self.vendor = self.install(vendor, self.key("a vendor's tenant"))
        self.allow(self.vendor, ["Files.Read.All", "Mail.Read"])
