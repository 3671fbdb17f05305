"""Entra's token endpoint: client credentials, device code, refresh (learn.microsoft.com/entra/identity-platform/v2-protocols)."""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

from jwt.algorithms import RSAAlgorithm

from demo.entra.client_proof import prove_client
from demo.entra.people import Person, sign_in
from demo.entra.refusals import SignInRefusedError
from demo.entra.store import Entity, Tenant
from demo.entra.tokens import issue, resource_principal, roles, scopes, service_principal
from demo.entra.world import GRAPH, RESOURCES, World

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
DEVICE_SECONDS = 900
REFRESH_SECONDS = 90 * 86400
OPENID = {"openid", "profile", "offline_access", "email"}


class TokenEndpoint:
    """What Entra answers below a tenant's address. Every method may raise SignInRefusedError."""

    def __init__(self, world: World) -> None:
        self._world = world

    def tenant(self, name: str) -> Tenant:
        """Find the tenant that an address names, by id or by domain."""
        if (found := self._world.tenant(name)) is None:
            raise SignInRefusedError(90002, f"Tenant '{name}'.")
        return found

    def configuration(self, name: str) -> Entity:
        """Answer the OpenID configuration, from which anybody may read a domain's tenant id."""
        tenant, base = self.tenant(name), self._world.base
        address = f"{base}/{tenant.id}"
        return {
            "issuer": f"{address}/v2.0",
            "token_endpoint": f"{base}/{name}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/{name}/oauth2/v2.0/devicecode",
            "authorization_endpoint": f"{address}/oauth2/v2.0/authorize",
            "jwks_uri": f"{address}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self, name: str) -> Entity:
        """Answer the public keys of tokens."""
        self.tenant(name)
        key = RSAAlgorithm.to_jwk(self._world.key.public_key(), as_dict=True)
        return {"keys": [key | {"kid": self._world.key_id, "use": "sig"}]}

    def token(self, name: str, form: Mapping[str, str]) -> Entity:
        """Answer one of the three kinds of requests for a token."""
        tenant = self.tenant(name)
        app = service_principal(self._world, tenant, _wanted(form, "client_id"))
        kind = _wanted(form, "grant_type")
        if kind == "client_credentials":
            return self._for_application(tenant, name, app, form)
        if kind == DEVICE:
            return self._for_device(tenant, app, form)
        if kind == "refresh_token":
            return self._again(tenant, app, form)
        raise SignInRefusedError(70003, kind)

    def device(self, name: str, form: Mapping[str, str]) -> Entity:
        """Begin a sign-in on another device."""
        tenant = self.tenant(name)
        app = service_principal(self._world, tenant, _wanted(form, "client_id"))
        code, user_code = secrets.token_urlsafe(32), secrets.token_hex(4).upper()
        begun = {"tenant": tenant.id, "app": app["appId"], "scope": _wanted(form, "scope"), "user_code": user_code}
        self._world.devices[code] = begun | {
            "until": self._world.now().timestamp() + DEVICE_SECONDS,
            "user": None,
            "declined": False,
            "address": None,
        }
        page = f"{self._world.base}/device"
        found = {"device_code": code, "user_code": user_code, "verification_uri": page, "expires_in": DEVICE_SECONDS, "interval": 1}
        return found | {"message": f"To sign in, open {page} and enter the code {user_code} to authenticate."}

    def _for_application(self, tenant: Tenant, name: str, app: Entity, form: Mapping[str, str]) -> Entity:
        registered = self._world.application(app["appId"]) or {}
        audience = {f"{self._world.base}/{one}/oauth2/v2.0/token" for one in (name, tenant.id)}
        prove_client(self._world, registered, form, audience)
        resource, _, rest = _wanted(form, "scope").rpartition("/")
        if rest != ".default":
            raise SignInRefusedError(1002012, form["scope"])
        given = roles(tenant, app, resource_principal(tenant, resource))
        claims = {"appid": app["appId"], "app_displayname": app["displayName"], "oid": app["id"], "sub": app["id"], "idtyp": "app"}
        return issue(self._world, tenant, resource, claims | ({"roles": given} if given else {}))

    def _for_device(self, tenant: Tenant, app: Entity, form: Mapping[str, str]) -> Entity:
        begun = self._world.devices.get(_wanted(form, "device_code"))
        if begun is None or begun["until"] < self._world.now().timestamp() or begun["app"] != app["appId"]:
            raise SignInRefusedError(70019)
        if begun["user"] is None:
            raise SignInRefusedError(70016)
        del self._world.devices[form["device_code"]]
        if begun["declined"]:
            raise SignInRefusedError(65004)
        person = sign_in(self._world, tenant, begun["user"], app, begun["address"])
        return self._for_person(tenant, app, person, begun["scope"], begun["address"])

    def _again(self, tenant: Tenant, app: Entity, form: Mapping[str, str]) -> Entity:
        kept = self._world.refresh.get(_wanted(form, "refresh_token"))
        now = self._world.now().timestamp()
        if kept is None or kept["since"] + REFRESH_SECONDS < now or (kept["tenant"], kept["app"]) != (tenant.id, app["appId"]):
            raise SignInRefusedError(70008)
        user = tenant.table("users").get(kept["id"]) or {}
        if user.get("_sessions_valid_from", 0) > kept["since"]:
            raise SignInRefusedError(50173)
        person = sign_in(self._world, tenant, kept["upn"], app, kept["address"])
        return self._for_person(tenant, app, person, form.get("scope") or kept["scope"], kept["address"])

    def _for_person(self, tenant: Tenant, app: Entity, person: Person, scope: str, address: str) -> Entity:
        wanted = set(scope.split()) - OPENID
        resource = next((one for one in RESOURCES for word in wanted if word.startswith(one + "/")), GRAPH)
        consented = scopes(tenant, app, resource_principal(tenant, resource), person["id"])
        asked = {word.removeprefix(resource + "/") for word in wanted} - {".default"}
        if not consented or asked - consented:
            missing = " ".join(sorted(asked - consented)) or ".default"
            raise SignInRefusedError(65001, f"'{app['appId']}' named '{app['displayName']}', scopes: {missing}.")
        claims = {"appid": app["appId"], "app_displayname": app["displayName"], "oid": person["id"], "sub": person["id"], "idtyp": "user"}
        claims |= {"name": person["name"], "upn": person["upn"], "wids": person["roles"], "scp": " ".join(sorted(asked or consented))}
        answer = issue(self._world, tenant, resource, claims) | {
            "scope": " ".join(sorted(f"{resource}/{one}" for one in asked or consented))
        }
        if {"openid", "profile"} & set(scope.split()):
            answer |= self._identity(tenant, app, person)
        if "offline_access" in scope.split():
            answer["refresh_token"] = secrets.token_urlsafe(48)
            kept = {"tenant": tenant.id, "app": app["appId"], "id": person["id"], "upn": person["upn"], "scope": scope, "address": address}
            self._world.refresh[answer["refresh_token"]] = kept | {"since": self._world.now().timestamp()}
        return answer

    def _identity(self, tenant: Tenant, app: Entity, person: Person) -> Entity:
        issuer = f"{self._world.base}/{tenant.id}/v2.0"
        claims = {"iss": issuer, "oid": person["id"], "preferred_username": person["upn"], "name": person["name"]}
        token = issue(self._world, tenant, app["appId"], claims | {"sub": person["id"]})["access_token"]
        info = json.dumps({"uid": person["id"], "utid": person["home"]}).encode()
        return {"id_token": token, "client_info": base64.urlsafe_b64encode(info).decode().rstrip("=")}


def _wanted(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise SignInRefusedError(900144, f"'{name}'")
    return form[name]


def answer_device(world: World, said: Mapping[str, Any]) -> bool:
    """Let a person enter the code of a device at an address, and agree unless it is `declined`; false if nobody waits for it."""
    for begun in world.devices.values():
        if begun["user_code"] == said["user_code"]:
            begun |= {"user": said["user"], "address": said.get("address", "203.0.113.9"), "declined": said.get("declined", False)}
            return True
    return False
