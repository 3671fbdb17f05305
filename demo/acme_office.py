"""The simulated client's tenant at Microsoft: what of it is the client's, and by what the provider comes in, as grown over the years.

The client's: Dana and Omar, who administer it, an account for emergencies, its people, a drive, mail, and an application by which it
looks for itself. Ours: the application by which we work, Tariq as a guest with a role, a relationship by which our technicians administer
it from our own tenant (GDAP), and an address to which Microsoft writes. demo/acme_tenant.py has every kind of access that there is.
"""

from pathlib import Path
from typing import Any, Final, Self

import msal  # type: ignore[import-untyped]
import requests

from demo.acme_account import AUTOMATION, TECHNICIAN
from demo.acme_people import DOMAIN, INITIAL, READING
from demo.acme_tenant_data import CLINIC, fill_drive, fill_mailbox, fill_organization
from demo.entra.certificates import sign_in_with
from demo.entra.roles import GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR
from demo.entra.seed import TenantSeed, ago, certificate, permissions
from demo.entra.store import Entity
from demo.entra.world import GRAPH
from demo.graph_server import GraphServer
from demo.northwind_tenant import Northwind

SYSTEM, SOURCE = "microsoft", "microsoft365"
DANA: Final = f"dana@{DOMAIN}"
OUR_ADDRESS: Final = "noc@northwind.example"
REFUSALS: Final = {50057, 50020, 7000112}
"""A disabled account, somebody unknown in this tenant, a disabled application (learn.microsoft.com/entra, AADSTS error codes)."""
STAFF: Final = ("ines", "lee", "sasha")


class Office(TenantSeed):
    """The tenant, beside the provider's (`northwind`). Certificates and keys of applications go below `keys`, as NAME.pem and NAME.key."""

    def __init__(self, keys: Path) -> None:
        super().__init__("acme", [INITIAL, DOMAIN])
        self.keys = keys
        self.northwind = Northwind(keys)
        relationship = self.northwind.relate(self.id, "Acme Dental", "active", [USER_ADMINISTRATOR], title="GDAP Acme Dental 2024")
        self.northwind.assign(relationship, self.northwind.technicians, [USER_ADMINISTRATOR])
        self._own_people()
        self.tariq = self.guest(self.northwind, self.northwind.people["tariq"])
        self.give_role(USER_ADMINISTRATOR, self.tariq)
        self._applications()
        fill_organization(self, "Acme Dental", (OUR_ADDRESS, DANA), (), f"privacy@{DOMAIN}")
        fill_drive(self, self.dana)
        fill_mailbox(self, self.dana)

    def credential(self, name: str) -> dict[str, str]:
        """Give a certificate and its key as MSAL takes them."""
        files = {"private_key": f"{name}.key", "public_certificate": f"{name}.pem"}
        return {what: (self.keys / file).read_text(encoding="ascii") for what, file in files.items()}

    def _own_people(self) -> None:
        seen = {"lastSignInDateTime": ago(1), "lastSuccessfulSignInDateTime": ago(1), "lastNonInteractiveSignInDateTime": None}
        self.dana = self.user(DANA, "Dana Reyes", jobTitle="Director", signInActivity=seen)
        self.omar = self.user(f"omar@{DOMAIN}", "Omar Haddad", jobTitle="Office manager")
        self.emergency = self.user(f"emergency@{INITIAL}", "Emergency access", mail=None)
        for one in (self.dana, self.omar, self.emergency):
            self.give_role(GLOBAL_ADMINISTRATOR, one)
        self.signed_in(self.dana, days=1)
        for name in STAFF:
            self.user(f"{name}@{DOMAIN}", name.title())

    def _applications(self) -> None:
        ours = self.install(self.northwind.offboarding, self.northwind.id)
        self.allow(ours, permissions())
        looks = [certificate("review", sign_in_with(self.keys, "review"))]
        self.review = self.application("Access review", owners=[self.dana], keyCredentials=looks)
        review = self.install(self.review, self.id)
        self.allow(review, READING)
        self.consent(review, ["User.Read"])


class ServedOffice:
    """The tenant while it is served by a process of its own, which ends when the block does."""

    def __init__(self, keys: Path, folder: Path) -> None:
        self.office = Office(keys)
        tenants = [one.written() for one in (self.office, self.office.northwind)]
        self.server = GraphServer.start(folder, {"tenants": tenants, "customers": {}, "transfers": {}})
        self.server.control("controls", continuous_evaluation=True)  # so that a token from before the cutoff ends with what it was given to
        self._http = requests.Session()
        self._http.trust_env, self._http.verify = False, str(self.server.authority)
        self._token = self._application(self.office.northwind.offboarding, "offboarding")["access_token"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._http.close()
        self.server.stop()

    def target(self) -> dict[str, Any]:
        """Give the engagement file's words for the access to it."""
        office, access = self.office, self._access()
        return self._tenancy("entra_tenant", SYSTEM) | {
            "partner": {"tenant_id": office.northwind.id} | access,
            "ours": {
                "default_holder": AUTOMATION,
                "home_tenants": [office.northwind.id],
                "users": [{"id": office.tariq["id"], "holder": TECHNICIAN}],
                "contacts": [{"address": OUR_ADDRESS, "holder": AUTOMATION}],
            },
            "client": {"administrators": [office.dana["id"], office.omar["id"]], "emergency_account": office.emergency["id"]},
        }

    def source(self) -> dict[str, Any]:
        """Give the engagement file's words for the data in it."""
        return self._tenancy("microsoft365", SOURCE) | {"drives": [DANA], "mailboxes": [DANA]}

    def way_in_of_the_client(self) -> dict[str, Any]:
        """Give what Acme fills in where it is asked to look: its own application, and whom to trust on this machine."""
        keys = self.office.keys
        places = {"private_key": f"file:{keys / 'review.key'}", "certificate": str(keys / "review.pem")}
        return {"access": {"client_id": self.office.review["appId"], **places}, "ca_file": str(self.server.authority)}

    def ways_in(self) -> dict[str, bool]:
        """Try each way that there was, and a token that we held all along; say which opens. Raises RuntimeError if it is unclear."""
        north = self.office.northwind
        ours = self._application(north.offboarding, "offboarding")
        return {
            "our application at Microsoft, with a new token,": _opens(ours),
            "our application at Microsoft, with a token from before,": self._takes(self._token),
            "tariq, our guest at Microsoft,": _opens(self._person("tariq@northwind.example")),
            "nora, who came in by our partner tenant (GDAP),": _opens(self._person("nora@northwind.example")),
            "dana's account at Microsoft": _opens(self._person(DANA)),
            "the client's own application at Microsoft": _opens(self._application(self.office.review, "review")),
        }

    def _takes(self, token: str) -> bool:
        address = f"{self.server.address}/v1.0/organization"
        answer = self._http.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30, allow_redirects=False)
        if answer.status_code not in (200, 401):
            raise RuntimeError(f"the simulated Graph answered {answer.status_code}")
        return answer.ok

    def _application(self, application: Entity, name: str) -> dict[str, Any]:
        app = msal.ConfidentialClientApplication(application["appId"], client_credential=self.office.credential(name), **self._place())
        return dict(app.acquire_token_for_client([f"{GRAPH}/.default"]))

    def _person(self, name: str) -> dict[str, Any]:
        app = msal.PublicClientApplication(self.office.review["appId"], **self._place())
        flow = app.initiate_device_flow([f"{GRAPH}/User.Read"])
        self.server.control("device", user_code=flow["user_code"], user=name, address=CLINIC)  # as the person would in a browser
        return dict(app.acquire_token_by_device_flow(flow))

    def _place(self) -> dict[str, Any]:
        authority = f"{self.server.address}/{self.office.id}"
        return {"authority": authority, "instance_discovery": False, "http_client": self._http}

    def _tenancy(self, kind: str, name: str) -> dict[str, Any]:
        said = {"kind": kind, "name": name, "tenant_id": self.office.id, "access": self._access()}
        places = dict.fromkeys(("login", "graph", "partner_center"), self.server.address)
        return said | {"endpoints": places, "ca_file": str(self.server.authority)}

    def _access(self) -> dict[str, str]:
        places = {"private_key": "file:../keys/microsoft/offboarding.key", "certificate": "../keys/microsoft/offboarding.pem"}
        return {"client_id": self.office.northwind.offboarding["appId"], **places}


def _opens(answer: dict[str, Any]) -> bool:
    if "access_token" in answer:
        return True
    if not set(answer["error_codes"]) <= REFUSALS:
        raise RuntimeError(f"the simulated Entra answered {answer['error_description']}")
    return False
