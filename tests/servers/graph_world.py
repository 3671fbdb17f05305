"""The simulated tenant for tests: real sign-ins by MSAL, and requests that are checked against the contract on their way there and back."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msal
import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from connectors.microsoft.contract import Contract, azure, graph, partner_center
from demo.acme_tenant import AcmeTenant
from demo.acme_tenant_data import CLINIC
from demo.entra.store import Entity
from demo.entra.world import AZURE, GRAPH, PARTNER_CENTER
from demo.graph_server import GraphServer

JSON = Any
"""Bodies, answers, and credentials as MSAL takes them."""


def strict(contract: Contract, address: str) -> dict[str, Any]:
    """The contract at the simulator's address, with nothing in an answer that it does not name."""
    document = copy.deepcopy(contract.document) | {"servers": [{"url": address}]}

    def close(node: JSON) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            for one in node.values():
                close(one)
        elif isinstance(node, list):
            for one in node:
                close(one)

    close(document["components"]["schemas"])
    return document


def checker(contract: Contract, address: str) -> OpenAPI:
    """What checks requests and answers by the strict contract."""
    return OpenAPI.from_dict(strict(contract, address), config=Config(spec_validator_cls=None))


def msal_at(address: str, tenant: str, application: Entity, credential: JSON, http: requests.Session) -> Any:  # noqa: ANN401 - untyped
    """MSAL for an application at a tenant; without a credential it is one on somebody's device."""
    said = {"authority": f"{address}/{tenant}", "instance_discovery": False, "http_client": http}
    if credential is None:
        return msal.PublicClientApplication(application["appId"], **said)
    return msal.ConfidentialClientApplication(application["appId"], client_credential=credential, **said)


class GraphWorld:
    """A running simulator with Acme's tenant, and who signs in to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ahead = 0
        self.acme = AcmeTenant(folder / "keys")
        self.server = GraphServer.start(folder / "server", self.acme.seed())
        self.plain = requests.Session()
        self.plain.trust_env = False
        self.plain.verify = str(self.server.authority)
        self.graph = checker(graph(), f"{self.server.address}/v1.0")
        self.partner_center = checker(partner_center(), self.server.address)
        self.azure = checker(azure(), self.server.address)

    def later(self, seconds: int) -> None:
        """Let simulated time pass. In all less than five minutes, beyond which sign-ins are refused."""
        self._ahead += seconds
        self.server.control("controls", clock_seconds=self._ahead)

    def text(self, name: str) -> str:
        """What is in a file of the keys."""
        return (self.acme.keys / name).read_text(encoding="ascii")

    def certificate(self, name: str = "offboarding", **more: str) -> dict[str, str]:
        """The credential of MSAL for a certificate."""
        return {"private_key": self.text(f"{name}.key"), "public_certificate": self.text(f"{name}.pem")} | more

    def msal(self, tenant: str, application: Entity, credential: JSON, **more: JSON) -> msal.ConfidentialClientApplication:
        """MSAL for an application at a tenant."""
        authority = f"{self.server.address}/{tenant}"
        said = {"authority": authority, "instance_discovery": False, "http_client": self.plain, "client_credential": credential}
        return msal.ConfidentialClientApplication(application["appId"], **said, **more)

    def sign_in(self, tenant: str, application: Entity, credential: JSON, resource: str = GRAPH) -> dict[str, Any]:
        """What the token endpoint says to an application."""
        found: dict[str, Any] = self.msal(tenant, application, credential).acquire_token_for_client([f"{resource}/.default"])
        return found

    def pipeline(self, tenant: str, resource: str = GRAPH) -> "Client":
        """The pipeline's own application at a tenant."""
        return Client(self, self.sign_in(tenant, self.acme.northwind.offboarding, self.certificate(), resource)["access_token"])

    def person(self, tenant: str, upn: str, scopes: list[str], address: str = CLINIC, resource: str = GRAPH) -> dict[str, Any]:
        """What the token endpoint says to a person who enters a device's code."""
        said = {"authority": f"{self.server.address}/{tenant}", "instance_discovery": False, "http_client": self.plain}
        app = msal.PublicClientApplication(self.acme.northwind.offboarding["appId"], **said)
        flow = app.initiate_device_flow([f"{resource}/{one}" for one in scopes])
        if "user_code" not in flow:
            return dict(flow)
        assert self.server.control("device", user_code=flow["user_code"], user=upn, address=address)["taken"]
        return dict(app.acquire_token_by_device_flow(flow))


class Client:
    """Requests with a token. What is sent and what comes back must be in the contract."""

    def __init__(self, world: GraphWorld, token: str) -> None:
        self._world, self._token = world, token

    def call(self, method: str, path: str, body: JSON = None, **headers: str) -> requests.Response:
        """Ask, and check both ways. `path` begins with a slash, below /v1.0; or is a whole address of the service."""
        url = path if path.startswith("https:") else f"{self._world.server.address}/v1.0{path}"
        sent = {"Authorization": f"Bearer {self._token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
        request = requests.Request(method, url, json=body, headers=sent)
        prepared = self._world.plain.prepare_request(request)
        contract = self._world.graph if "/v1.0/" in url else self._world.partner_center if "/customers/" in url else self._world.azure
        contract.validate_request(RequestsOpenAPIRequest(request))
        answer = self._world.plain.send(prepared, allow_redirects=False, timeout=30)
        contract.validate_response(RequestsOpenAPIRequest(request), RequestsOpenAPIResponse(answer))
        return answer

    def get(self, path: str, **headers: str) -> JSON:
        """Read one thing, or one page."""
        answer = self.call("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def every(self, path: str, **headers: str) -> list[Any]:
        """Read all pages."""
        found, link = [], path
        while link:
            page = self.get(link, **headers)
            found += page["value"]
            link = page.get("@odata.nextLink")
        return found

    def do(self, method: str, path: str, body: JSON = None, status: int = 204, **headers: str) -> JSON:
        """Change something, and expect a status."""
        answer = self.call(method, path, body, **headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: JSON = None, **headers: str) -> tuple[int, str]:
        """Expect no, and give status and code."""
        answer = self.call(method, path, body, **headers)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["code"]


def aadsts(answer: dict[str, Any]) -> int:
    """The number of a refused sign-in."""
    assert "access_token" not in answer
    found = re.match(r"AADSTS(\d+): ", answer["error_description"])
    assert found
    assert answer["error_codes"] == [int(found[1])]
    return int(found[1])


@contextmanager
def graph_world(folder: Path) -> Iterator[GraphWorld]:
    """A world of one's own."""
    world = GraphWorld(folder)
    with world.server:
        yield world


__all__ = ["AZURE", "GRAPH", "JSON", "PARTNER_CENTER", "Client", "GraphWorld", "aadsts", "graph_world"]
