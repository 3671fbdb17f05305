"""Access tokens: signed by the simulated tenant's key, with what somebody may do at the moment of signing; and whether one still counts."""

import uuid
from collections.abc import Mapping
from typing import Any

import jwt

from demo.entra.refusals import GraphRefusedError, SignInRefusedError
from demo.entra.store import Entity, Tenant, matching
from demo.entra.world import RESOURCES, World


def issue(world: World, tenant: Tenant, resource: str, claims: Mapping[str, Any]) -> Entity:
    """Sign a token for a resource, as the token endpoint answers it."""
    seconds = world.controls.token_seconds
    now = int(world.now().timestamp())
    said = {"aud": resource, "iss": f"https://sts.windows.net/{tenant.id}/", "tid": tenant.id, "iat": now, "nbf": now, "exp": now + seconds}
    token = jwt.encode(
        {**said, **claims, "uti": uuid.uuid4().hex, "ver": "1.0"}, world.key, algorithm="RS256", headers={"kid": world.key_id}
    )
    return {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}


def verify(world: World, header: str, resource: str) -> dict[str, Any]:
    """Read a bearer token. Raises GraphRefusedError (401)."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise GraphRefusedError(401, "InvalidAuthenticationToken", "Access token is empty.", {"WWW-Authenticate": "Bearer"})
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    try:
        claims = jwt.decode(text, world.key.public_key(), algorithms=["RS256"], audience=resource, options=options)
    except jwt.InvalidAudienceError as error:
        raise GraphRefusedError(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.") from error
    except jwt.PyJWTError as error:
        raise GraphRefusedError(401, "InvalidAuthenticationToken", "Access token is not valid.") from error
    if claims["exp"] <= world.now().timestamp():
        raise GraphRefusedError(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
    if world.controls.continuous_evaluation:
        _evaluate(world, claims)
    return dict(claims)


def service_principal(world: World, tenant: Tenant, app_id: str) -> Entity:
    """Find an application in a tenant. Raises SignInRefusedError: 700016 if it is not there, 7000112 if it is disabled."""
    found = matching(tenant.table("servicePrincipals").values(), appId=app_id)
    registered = world.application(app_id)
    if not found or (registered is None):
        raise SignInRefusedError(700016, f"'{app_id}' in '{tenant.id}'.")
    if not found[0]["accountEnabled"]:
        raise SignInRefusedError(7000112, f"'{app_id}' ({found[0]['displayName']}).")
    return dict(found[0])


def resource_principal(tenant: Tenant, resource: str) -> Entity:
    """Find whom a token is for in a tenant. Raises SignInRefusedError."""
    found = matching(tenant.table("servicePrincipals").values(), appId=RESOURCES.get(resource))
    if not found:
        raise SignInRefusedError(500011, resource)
    return dict(found[0])


def roles(tenant: Tenant, client: Entity, resource: Entity) -> list[str]:
    """Tell the permissions that an application was given."""
    given = matching(tenant.table("appRoleAssignments").values(), principalId=client["id"], resourceId=resource["id"])
    values = {one["id"]: one["value"] for one in resource["appRoles"]}
    return sorted(values[one["appRoleId"]] for one in given)


def scopes(tenant: Tenant, client: Entity, resource: Entity, user: str) -> set[str]:
    """Tell what was consented to for an application in a person's name."""
    grants = matching(tenant.table("oauth2PermissionGrants").values(), clientId=client["id"], resourceId=resource["id"])
    return {
        scope for one in grants if one["consentType"] == "AllPrincipals" or one["principalId"] == user for scope in one["scope"].split()
    }


def _evaluate(world: World, claims: Mapping[str, Any]) -> None:
    tenant = world.tenants[claims["tid"]]
    table = tenant.table("servicePrincipals" if claims.get("idtyp") == "app" else "users")
    holder = table.get(claims["oid"])
    revoked = float((holder or {}).get("_sessions_valid_from", 0)) > claims["iat"]
    if (holder is not None and not holder["accountEnabled"]) or revoked:
        challenge = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ=="'
        text = "Continuous access evaluation resulted in challenge."
        raise GraphRefusedError(401, "InvalidAuthenticationToken", text, {"WWW-Authenticate": challenge})
