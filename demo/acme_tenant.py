"""Acme Dental's tenant, with every kind of access that a provider has, and the tenants around it."""

from pathlib import Path
from typing import Any

from demo.acme_people import AcmePeople
from demo.acme_tenant_data import fill_azure, fill_data, fill_policies
from demo.entra.roles import USER_ADMINISTRATOR
from demo.entra.seed import TenantSeed, ago
from demo.entra.store import Entity


class AcmeTenant(AcmePeople):
    """The whole tenant, beside the provider's (`northwind`), the successor's, and one whose name only looks like the provider's."""

    def __init__(self, keys: Path) -> None:
        super().__init__(keys)
        self.successor = TenantSeed("harbour", ["harbour-it.onmicrosoft.example", "harbour-it.example"])
        self.northwind.know(self, "Acme Dental")
        self._other = TenantSeed("zahn", ["zahn.onmicrosoft.example"])
        stays = self.northwind.relate(self._other.id, "Zahn & Partner", "active", [USER_ADMINISTRATOR], auto_extend=True)
        self.northwind.assign(stays, self.northwind.technicians, [USER_ADMINISTRATOR])
        self.northwind.contract(self._other.id, "Zahn & Partner", "zahn.onmicrosoft.example")
        fill_policies(self)
        fill_data(self)
        fill_azure(self)

    def seed(self) -> dict[str, Any]:
        """Write everything down for GraphServer."""
        tenants = [one.written() for one in (self, self.northwind, self.successor, self.alike, self._other)]
        customers = {one.id: self._customer(one, name) for one, name in ((self, "Acme Dental"), (self._other, "Zahn & Partner"))}
        return {"tenants": tenants, "customers": customers, "transfers": {self.id: self.transfers()}}

    def transfers(self) -> list[Entity]:
        """Give what the next partner began."""
        transfer = {"id": self.key("transfer"), "status": "InProgress", "transferType": "NewCommerce", "createdTime": ago(5)}
        transfer |= {"customerTenantId": self.id, "sourcePartnerTenantId": self.northwind.id, "sourcePartnerName": "Northwind Managed IT"}
        return [transfer | {"targetPartnerTenantId": self.successor.id, "targetPartnerName": "Harbour IT"}]

    def bought(self, status: str = "active") -> list[Entity]:
        """Give what the client bought through the provider."""
        offers = {"Microsoft 365 Business Premium": 12, "Microsoft Entra ID P2": 5}
        named = [{"id": self.key("bought", name), "offerName": name, "quantity": count} for name, count in offers.items()]
        return [one | {"friendlyName": one["offerName"], "status": status, "creationDate": ago(400)} for one in named]

    def _customer(self, one: TenantSeed, name: str) -> Entity:
        profile = {"tenantId": one.id, "domain": one.domains[0], "companyName": name}
        said = {"id": one.id, "relationshipToPartner": "reseller", "allowDelegatedAccess": True, "companyProfile": profile}
        return said | {"_partner": self.northwind.id, "_subscriptions": self.bought()}
