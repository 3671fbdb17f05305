"""Applications, service principals, their credentials, and what they may do."""

import base64
import uuid
from collections.abc import Iterator

import jwt
from cryptography import x509

from demo.entra.call import Call, Created, answers
from demo.entra.groups import add_link, remove_link
from demo.entra.refusals import GraphRefusedError, bad_request, not_found
from demo.entra.store import Entity, instant
from demo.entra.users import memberships

AUDITED = {"_type": "Application", "_category": "ApplicationManagement"}
PROOF_AUDIENCE = "00000002-0000-0000-c000-000000000000"
PROOF_SECONDS = 600
CREDENTIALS = "Update application \N{EN DASH} Certificates and secrets management"
"""What the audit log calls it, with its dash."""


def _application(call: Call) -> Entity:
    return call.one("applications", call.places["application-id"])


def _principal(call: Call) -> Entity:
    return call.one("servicePrincipals", call.places["servicePrincipal-id"])


@answers("list_applications")
def _applications(call: Call) -> Iterator[Entity]:
    return call.every("applications")


@answers("get_application")
def _one_application(call: Call) -> Entity:
    return _application(call)


@answers("change_application")
def _change_application(call: Call) -> None:
    one = _application(call)
    have = {key["keyId"]: key for key in one.get("keyCredentials", [])}
    keys = []
    for key in call.body["keyCredentials"]:
        if key.get("keyId") not in have and not key.get("key"):
            raise bad_request(f"No certificate with the keyId '{key.get('keyId')}', and a new one needs its key.")
        if key.get("key"):
            _certificate(key)
        keys.append(have.get(key.get("keyId"), {}) | {name: value for name, value in key.items() if value is not None})
    call.change("applications", one | AUDITED, {"keyCredentials": keys}, CREDENTIALS)


@answers("list_application_owners")
def _application_owners(call: Call) -> Iterator[Entity]:
    return call.linked(f"owners/{_application(call)['id']}")


@answers("add_application_owner")
def _add_owner(call: Call) -> None:
    one = _application(call)
    add_link(call, f"owners/{one['id']}", "Add owner to application", one | AUDITED)


@answers("remove_application_owner")
def _remove_owner(call: Call) -> None:
    one = _application(call)
    remove_link(call, f"owners/{one['id']}", "Remove owner from application", one | AUDITED)


@answers("remove_application_password")
def _remove_password(call: Call) -> None:
    _without(call, "applications", _application(call), "passwordCredentials")


@answers("remove_service_principal_password")
def _remove_principal_password(call: Call) -> None:
    _without(call, "servicePrincipals", _principal(call), "passwordCredentials")


@answers("remove_application_key")
def _remove_key(call: Call) -> None:
    one = _application(call)
    _prove(call, one)
    _without(call, "applications", one, "keyCredentials")


@answers("remove_service_principal_key")
def _remove_principal_key(call: Call) -> None:
    one = _principal(call)
    _prove(call, one)
    _without(call, "servicePrincipals", one, "keyCredentials")


@answers("list_federated_credentials")
def _federated(call: Call) -> Iterator[Entity]:
    return call.every(f"federated/{_application(call)['id']}")


@answers("add_federated_credential")
def _add_federated(call: Call) -> Created:
    one = _application(call)
    if any(other["name"] == call.body["name"] for other in call.every(f"federated/{one['id']}")):
        raise GraphRefusedError(
            409, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with that name already exists."
        )
    made = call.body | {"id": str(uuid.uuid4())}
    call.table(f"federated/{one['id']}").put(made["id"], made)
    call.note("Update application", one | AUDITED, {"FederatedIdentityCredentials": ("", made["name"])})
    return Created(made)


@answers("remove_federated_credential")
def _remove_federated(call: Call) -> None:
    one, key = _application(call), call.places["federatedIdentityCredential-id"]
    gone = call.one(f"federated/{one['id']}", key)
    call.table(f"federated/{one['id']}").put(key, None)
    call.note("Update application", one | AUDITED, {"FederatedIdentityCredentials": (gone["name"], "")})


@answers("list_service_principals")
def _principals(call: Call) -> Iterator[Entity]:
    return call.every("servicePrincipals")


@answers("get_service_principal")
def _one_principal(call: Call) -> Entity:
    return _principal(call)


@answers("change_service_principal")
def _change_principal(call: Call) -> None:
    word = "Enable" if call.body["accountEnabled"] else "Disable"
    call.change("servicePrincipals", _principal(call) | AUDITED, call.body, f"{word} account")


@answers("list_service_principal_owners")
def _principal_owners(call: Call) -> Iterator[Entity]:
    return call.linked(f"owners/{_principal(call)['id']}")


@answers("list_service_principal_memberships")
def _principal_memberships(call: Call) -> Iterator[Entity]:
    return memberships(call, _principal(call)["id"])


@answers("list_app_role_assignments")
def _assignments(call: Call) -> Iterator[Entity]:
    key = _principal(call)["id"]
    return (one for one in call.every("appRoleAssignments") if one["principalId"] == key)


@answers("list_app_role_assigned_to")
def _assigned_to(call: Call) -> Iterator[Entity]:
    key = _principal(call)["id"]
    return (one for one in call.every("appRoleAssignments") if one["resourceId"] == key)


@answers("add_app_role_assignment")
def _assign(call: Call) -> Created:
    client, body = _principal(call), call.body
    resource = call.one("servicePrincipals", body["resourceId"])
    if body["principalId"] != client["id"] or body["appRoleId"] not in {role["id"] for role in resource.get("appRoles", [])}:
        raise bad_request("Not a valid reference update: the principal, or the resource's role.")
    if any(all(one[name] == value for name, value in body.items()) for one in call.every("appRoleAssignments")):
        raise bad_request("Permission being assigned already exists on the object.")
    made = body | {"id": uuid.uuid4().hex, "createdDateTime": instant(call.world.now()), "principalType": "ServicePrincipal"}
    made |= {"principalDisplayName": client["displayName"], "resourceDisplayName": resource["displayName"]}
    call.table("appRoleAssignments").put(made["id"], made)
    call.note("Add app role assignment to service principal", client | AUDITED, {"AppRole.Id": ("", body["appRoleId"])})
    return Created(made)


@answers("remove_app_role_assignment")
def _unassign(call: Call) -> None:
    client, key = _principal(call), call.places["appRoleAssignment-id"]
    gone = call.one("appRoleAssignments", key)
    if gone["principalId"] != client["id"]:
        raise not_found(key)
    call.table("appRoleAssignments").put(key, None)
    call.note("Remove app role assignment from service principal", client | AUDITED, {"AppRole.Id": (gone["appRoleId"], "")})


@answers("list_permission_grants")
def _grants(call: Call) -> Iterator[Entity]:
    return call.every("oauth2PermissionGrants")


@answers("add_permission_grant")
def _grant(call: Call) -> Created:
    body = call.body
    client = call.one("servicePrincipals", body["clientId"])
    call.one("servicePrincipals", body["resourceId"])
    if (body["consentType"] == "Principal") != bool(body.get("principalId")):
        raise bad_request("principalId is needed for Principal, and not allowed for AllPrincipals.")
    kept = {"principalId": None, **body}
    if any(all(one[name] == kept[name] for name in kept if name != "scope") for one in call.every("oauth2PermissionGrants")):
        raise GraphRefusedError(409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    made = kept | {"id": uuid.uuid4().hex}
    call.table("oauth2PermissionGrants").put(made["id"], made)
    call.note("Add delegated permission grant", client | AUDITED, {"DelegatedPermissionGrant.Scope": ("", made["scope"])})
    return Created(made)


@answers("remove_permission_grant")
def _ungrant(call: Call) -> None:
    key = call.places["oAuth2PermissionGrant-id"]
    gone = call.one("oauth2PermissionGrants", key)
    call.table("oauth2PermissionGrants").put(key, None)
    call.note(
        "Remove delegated permission grant", AUDITED | {"id": gone["clientId"]}, {"DelegatedPermissionGrant.Scope": (gone["scope"], "")}
    )


def _without(call: Call, table: str, one: Entity, name: str) -> None:
    left = [each for each in one.get(name, []) if each["keyId"] != call.body["keyId"]]
    if len(left) == len(one.get(name, [])):
        kind = "password" if name == "passwordCredentials" else "key"
        raise bad_request(f"No {kind} credential found with keyId '{call.body['keyId']}'.")
    call.change(table, one | AUDITED, {name: left}, CREDENTIALS)


def _prove(call: Call, one: Entity) -> None:
    """See that the caller holds a key of the application (learn.microsoft.com/graph/application-rollkey-prooftoken)."""
    for key in one.get("keyCredentials", []):
        options = {"require": ["aud", "iss", "exp", "nbf"]}
        try:
            said = jwt.decode(call.body["proof"], _certificate(key).public_key(), ["RS256"], audience=PROOF_AUDIENCE, options=options)  # type: ignore[arg-type]  # RSA
        except jwt.PyJWTError:
            continue
        if said["iss"] == one["id"] and said["exp"] - said["nbf"] <= PROOF_SECONDS:
            return
    raise GraphRefusedError(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed: the proof of possession.")


def _certificate(key: Entity) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(key["key"], validate=True))
    except ValueError as error:
        raise bad_request("The key is not a certificate.") from error
