"""Where Microsoft's services are, in each of its clouds.

Sources: https://learn.microsoft.com/graph/deployments,
https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure, https://learn.microsoft.com/azure/china.
"""

import ipaddress
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from core.model import Noun

CloudName = Literal["global", "us_government", "us_government_dod", "china"]


class Cloud(NamedTuple):
    """The addresses of one cloud, and what tokens of it are for."""

    login: str
    graph: str
    partner_center: str
    graph_resource: str
    partner_center_resource: str
    azure: str
    azure_resource: str


_GLOBAL: Final = ("https://login.microsoftonline.com", "https://graph.microsoft.com", "https://api.partnercenter.microsoft.com")
_AZURE: Final = ("https://management.azure.com", "https://management.azure.com")
_AZURE_US: Final = ("https://management.usgovcloudapi.net", "https://management.usgovcloudapi.net")
CLOUDS: Final[dict[CloudName, Cloud]] = {
    "global": Cloud(*_GLOBAL, *_GLOBAL[1:], *_AZURE),
    "us_government": Cloud(
        *("https://login.microsoftonline.us", "https://graph.microsoft.us", _GLOBAL[2]),
        *("https://graph.microsoft.us", _GLOBAL[2]),
        *_AZURE_US,
    ),
    "us_government_dod": Cloud(
        *("https://login.microsoftonline.us", "https://dod-graph.microsoft.us", _GLOBAL[2]),
        *("https://dod-graph.microsoft.us", _GLOBAL[2]),
        *_AZURE_US,
    ),
    "china": Cloud(
        *(
            "https://login.partner.microsoftonline.cn",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://partner.partnercenterapi.microsoftonline.cn",
        ),
        *("https://microsoftgraph.chinacloudapi.cn", "https://partner.partnercenterapi.microsoftonline.cn"),
        *("https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
    ),
}


def is_loopback(address: str) -> bool:
    """Tell whether an address is on this very machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _on_this_machine(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme != "https" or not is_loopback(address) or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError("write an address on this very machine, as https://127.0.0.1:8443; Microsoft's own come with `cloud`")
    return address.rstrip("/")


Loopback = Annotated[str, AfterValidator(_on_this_machine)]


class Endpoints(Noun):
    """Simulated services on this very machine, in the place of Microsoft's."""

    login: Loopback
    graph: Loopback
    partner_center: Loopback
    azure: Loopback | None = Field(default=None, description="at the address of `login`, if it is not said")


def services(cloud: CloudName, endpoints: Endpoints | None) -> Cloud:
    """Tell where the services are. Tokens are for the same resources, wherever the service answers."""
    found = CLOUDS[cloud]
    if endpoints is None:
        return found
    at = endpoints
    return found._replace(login=at.login, graph=at.graph, partner_center=at.partner_center, azure=at.azure or at.login)
