"""The tenant itself: whom Microsoft writes to, domains, licences, and what is logged."""

from collections.abc import Iterator

from demo.entra.call import Call, answers
from demo.entra.refusals import not_found
from demo.entra.store import Entity

AUDITED = {"_type": "Directory", "_category": "DirectoryManagement"}


def _domain(call: Call) -> Entity:
    return call.one("domains", call.places["domain-id"])


@answers("list_organization")
def _organizations(call: Call) -> Iterator[Entity]:
    return call.every("organization")


@answers("get_organization")
def _organization(call: Call) -> Entity:
    return call.one("organization", call.places["organization-id"])


@answers("change_organization")
def _change_organization(call: Call) -> None:
    one = call.one("organization", call.places["organization-id"])
    call.change("organization", one | AUDITED, call.body, "Set company contact information")


@answers("list_domains")
def _domains(call: Call) -> Iterator[Entity]:
    return call.every("domains")


@answers("list_verification_records")
def _verification(call: Call) -> Iterator[Entity]:
    return iter(_domain(call).get("_verification", []))


@answers("list_service_records")
def _service(call: Call) -> Iterator[Entity]:
    return iter(_domain(call).get("_service", []))


@answers("list_licences")
def _licences(call: Call) -> Iterator[Entity]:
    return call.every("subscribedSkus")


@answers("list_managed_devices")
def _devices(call: Call) -> Iterator[Entity]:
    return call.every("managedDevices")


@answers("list_device_configurations")
def _device_configurations(call: Call) -> Iterator[Entity]:
    return call.every("deviceConfigurations")


@answers("list_compliance_policies")
def _compliance_policies(call: Call) -> Iterator[Entity]:
    return call.every("deviceCompliancePolicies")


@answers("list_audits")
def _audits(call: Call) -> Iterator[Entity]:
    return _newest_first(call, "directoryAudits")


@answers("list_sign_ins")
def _sign_ins(call: Call) -> Iterator[Entity]:
    call.need_premium()
    return _newest_first(call, "signIns")


@answers("list_sites")
def _sites(call: Call) -> Iterator[Entity]:
    words = call.options.get("search", "*").strip("*").lower()
    return (one for one in call.every("sites") if words in one["displayName"].lower())


@answers("list_site_drives")
def _site_drives(call: Call) -> Iterator[Entity]:
    key = call.one("sites", call.places["site-id"])["id"]
    return (one for one in call.every("drives") if one["_owner"] == key)


def _newest_first(call: Call, table: str) -> Iterator[Entity]:
    return reversed(list(call.every(table)))


@answers("batch")
def _batch(call: Call) -> Entity:
    raise not_found(call.operation.path)  # the door takes it apart before
