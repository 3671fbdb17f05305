"""Compare our contract with a larger one of Microsoft Graph, where that is at hand: whatever ours has must be there.

Usage: compare_contract.py [FOLDER]. Says each difference, and ends with 1 if there is any; without the folder it says so, and ends with 0.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
OURS = ROOT / "connectors" / "microsoft" / "contract.yaml"
REFERENCE = "graph-offboarding.v1.yaml"
PREFIX = "microsoft.graph."
METHODS = ("get", "post", "patch", "delete")

# What the larger contract leaves out. Each is in Microsoft's own pages (learn.microsoft.com/graph/api/…), and is named here one by one, so
# that a slip of the pen is still found.
BEYOND_OPERATIONS = {
    "add_access_assignment": "delegatedadminrelationship-post-accessassignments",
    "change_access_assignment": "delegatedadminaccessassignment-update",
    "add_application_owner": "application-post-owners",
    "add_federated_credential": "application-post-federatedidentitycredentials",
    "add_app_role_assignment": "serviceprincipal-post-approleassignments",
    "add_permission_grant": "oauth2permissiongrant-post",
    "change_named_location": "ipnamedlocation-update",
    "add_partner": "crosstenantaccesspolicy-post-partners",
    "get_partner": "crosstenantaccesspolicyconfigurationpartner-get",
    "change_partner": "crosstenantaccesspolicyconfigurationpartner-update",
    "list_managed_devices": "intune-devices-manageddevice-list",
    "list_device_configurations": "intune-deviceconfig-deviceconfiguration-list",
    "list_compliance_policies": "intune-deviceconfig-devicecompliancepolicy-list",
    "batch": "json-batching",
}
BEYOND_PROPERTIES = {
    "namedLocation": {"isTrusted", "ipRanges", "countriesAndRegions"},  # of ipNamedLocation and countryNamedLocation
    "domainDnsRecord": {"text", "mailExchange", "preference", "canonicalName"},  # of its derived types
    "authenticationMethod": {"phoneNumber", "emailAddress"},  # the same
    "conditionalAccessExternalTenants": {"members"},  # of conditionalAccessEnumeratedExternalTenants
}
DERIVED = {
    "ipRange": "iPv4CidrRange and iPv6CidrRange, which the larger contract does not have",
    **dict.fromkeys(("managedDevice", "deviceConfiguration", "deviceCompliancePolicy"), "Intune, which the larger contract does not have"),
}
SUMS = {"directoryObject": ("user", "group", "application", "servicePrincipal")}
BEYOND_OPTIONS = {"$skiptoken", "search"}  # the first comes in a link; the second is how sites are found
FLAGS = {"conditionalAccessGuestOrExternalUserTypes"}  # several of an enumeration, by commas: text on the wire
BINARY = "base64url"  # what the larger contract calls all of Edm.Binary, whichever alphabet it is written in


def main(folder: Path) -> int:
    """Compare, and tell."""
    if not (folder / REFERENCE).exists():
        print("No larger contract of Microsoft Graph is at hand: nothing compared.")
        return 0
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    ours, theirs = (yaml.load(path.read_bytes(), Loader=loader) for path in (OURS, folder / REFERENCE))  # noqa: S506 - both loaders are safe
    found = [*operations(ours, theirs), *schemas(ours, theirs)]
    for line in found:
        print(line)
    count = sum(method in item for item in ours["paths"].values() for method in METHODS)
    print(f"{count} operations compared, {len(BEYOND_OPERATIONS)} of them beyond the larger contract: {len(found)} differences.")
    return 1 if found else 0


def operations(ours: Any, theirs: Any) -> list[str]:
    """Tell the operations and options that are not there, and those that are named as missing and are there."""
    found = []
    for path, item in ours["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            name, other = item[method]["operationId"], theirs["paths"].get(path, {}).get(method)
            if (other is None) != (name in BEYOND_OPERATIONS):
                found.append(f"{method.upper()} {path}: {'not there' if other is None else 'there, but named as beyond'}")
            if other:
                every = [*other.get("parameters", []), *theirs["paths"][path].get("parameters", [])]
                have = {one["name"].rstrip("*") for one in every}
                said = [
                    one if "name" in one else ours["components"]["parameters"][one["$ref"].rsplit("/")[-1]]
                    for one in item[method].get("parameters", [])
                ]
                lacking = {one["name"] for one in said} - have - BEYOND_OPTIONS
                found += [f"{method.upper()} {path}: has no {one}" for one in sorted(lacking)]
    return found


def schemas(ours: Any, theirs: Any) -> list[str]:
    """Tell the properties that are not there, or are of another type."""
    found = []
    known = theirs["components"]["schemas"]
    for name, schema in ours["components"]["schemas"].items():
        kinds = SUMS.get(name, (name,))
        have = {one: said for kind in kinds for one, said in properties(known, PREFIX + kind).items()}
        if PREFIX + kinds[0] not in known:
            if name in DERIVED or (name[0].islower() and is_own(name, schema)):
                continue
            found.append(f"{name}: not there")
            continue
        for one, said in schema.get("properties", {}).items():
            if one.startswith("@odata") or one in BEYOND_PROPERTIES.get(name, ()):
                continue
            if one not in have:
                found.append(f"{name}.{one}: not there")
            elif not same(known, said, have[one]):
                found.append(f"{name}.{one}: {said} here, {have[one]} there")
    return found


def is_own(name: str, schema: Any) -> bool:
    """Whether a schema is one of our own shapes: a page, a request's body, an error, a batch."""
    return (
        name.endswith(("Page", "Delta"))
        or schema.get("additionalProperties") is False
        or name in {"error", "batchAnswer", "sessionsRevoked"}
    )


def properties(known: Any, name: str) -> dict[str, Any]:
    """Collect the properties of a type and of those that it is derived from."""
    schema = known.get(name, {})
    found: dict[str, Any] = dict(schema.get("properties", {}))
    for part in schema.get("allOf", []):
        found |= properties(known, part["$ref"].rsplit("/")[-1]) if "$ref" in part else part.get("properties", {})
    return found


def same(known: Any, ours: Any, theirs: Any) -> bool:
    """Whether a type here is one of those there."""
    for other in theirs.get("anyOf", [theirs]):
        if "$ref" in other:
            name = other["$ref"].rsplit("/")[-1]
            values = known.get(name, {}).get("enum")
            if values and set(ours.get("enum", ["?"])) <= set(values):
                return True
            if name.removeprefix(PREFIX) in FLAGS and ours.get("type") == "string":
                return True
            if "$ref" in ours and PREFIX + ours["$ref"].rsplit("/")[-1] == name:
                return True
        elif "$ref" not in ours and other.get("type") == ours.get("type"):
            if ours["type"] == "array" and same(known, ours["items"], other["items"]):
                return True
            if ours["type"] != "array" and other.get("format") in {ours.get("format"), BINARY}:
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "reference" / "graph"))
