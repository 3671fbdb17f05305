"""The door of the simulated Graph: finds the operation in the contract, asks for the token, checks what is sent, shapes the answer."""

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from jsonschema import Draft202012Validator

from connectors.microsoft.contract import Contract, Operation
from core.canonical import Json
from demo.entra.call import HANDLERS, Answer, Call, Created, etag
from demo.entra.query import page, parse_filter, public, select
from demo.entra.refusals import CODES, GraphRefusedError, asked_to_fail, bad_request
from demo.entra.roles import may_write
from demo.entra.store import Entity
from demo.entra.tokens import verify
from demo.entra.world import World


class Graph:
    """One service by its contract, at `root` below the server's address, for tokens of one resource."""

    def __init__(self, world: World, contract: Contract, root: str, resource: str) -> None:
        self._world, self._contract, self._root, self._resource = world, contract, root, resource
        self._validators: dict[str, Draft202012Validator] = {}

    def answer(self, method: str, path: str, options: list[tuple[str, str]], headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request; a refusal is an answer too. `headers` have small letters."""
        request = str(uuid.uuid4())
        try:
            found = self._answer(method, path, options, headers, body)
        except GraphRefusedError as refused:
            found = self.refusal(refused, request)
        found.headers.setdefault("request-id", request)
        return found

    def refusal(self, refused: GraphRefusedError, request: str) -> Answer:
        """Write a refusal as this service does."""
        return Answer(refused.status, refused.body(request), dict(refused.headers))

    def _answer(self, method: str, path: str, options: list[tuple[str, str]], headers: Mapping[str, str], body: bytes) -> Answer:
        claims = verify(self._world, headers.get("authorization", ""), self._resource)
        found = self._contract.find(method, path)
        if found is None:
            others = [one for one in ("GET", "POST", "PUT", "PATCH", "DELETE") if self._contract.find(one, path)]
            if others:
                raise GraphRefusedError(405, "Request_BadRequest", f"{method} is not in the contract here.", {"Allow": ", ".join(others)})
            raise bad_request(f"Resource not found for the segment '{path.strip('/').split('/')[0]}'.", "BadRequest")
        operation, places = found
        self._authorize(operation, claims)
        chosen = self._options(operation, options, headers)
        said = self._body(operation, headers, body)
        tenant = self._world.tenants[claims["tid"]]
        call = Call(self._world, tenant, claims, operation, places, chosen, headers, said)
        if operation.name == "batch":
            return self._batch(headers, said)
        return self._shape(call, path, HANDLERS[operation.name](call))

    def _authorize(self, operation: Operation, claims: Mapping[str, Any]) -> None:
        kind = "application" if claims["idtyp"] == "app" else "delegated"
        have = set(claims.get("roles", []) if kind == "application" else claims["scp"].split())
        needed = operation.permissions(kind)
        if operation.name != "batch" and not any(set(one) <= have for one in needed):
            missing = " or ".join(" with ".join(one) for one in needed) or "none that an application can have"
            text = f"Insufficient privileges to complete the operation. Needed ({kind}): {missing}."
            raise GraphRefusedError(403, "Authorization_RequestDenied", text)
        if kind == "delegated" and operation.writes and not may_write(operation, set(claims["wids"])):
            text = "Insufficient privileges to complete the operation. The person has no role for it."
            raise GraphRefusedError(403, "Authorization_RequestDenied", text)

    def _options(self, operation: Operation, options: list[tuple[str, str]], headers: Mapping[str, str]) -> dict[str, str]:
        known = self._contract.parameters(operation)
        for name, value in options:
            if name not in known or known[name]["in"] != "query":
                raise bad_request(f"The query option '{name}' is not supported here.", "Request_UnsupportedQuery")
            kind = known[name]["schema"]["type"]
            limits = known[name]["schema"]
            if value not in limits.get("enum", ["true", "false"] if kind == "boolean" else [value]):
                raise bad_request(f"Invalid value '{value}' for '{name}'.")
            if kind == "integer" and not (value.isascii() and value.isdigit() and limits["minimum"] <= int(value) <= limits["maximum"]):
                raise bad_request(f"Invalid value '{value}' for '{name}'.")
        if len(dict(options)) != len(options):
            raise bad_request("A query option is given twice.")
        if headers.get("consistencylevel", "eventual").lower() != "eventual":
            raise bad_request("The ConsistencyLevel can only be eventual.")
        for name, said in known.items():
            given = {"header": name.lower() in headers, "query": name in dict(options)}
            if said.get("required") and not given.get(said["in"], True):
                raise bad_request(f"The {name} {said['in']} is missing.", "BadRequest")
        return dict(options)

    def _body(self, operation: Operation, headers: Mapping[str, str], body: bytes) -> Json:
        schema = self._contract.body(operation)
        if schema is None:
            return None
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise bad_request("Write requests must contain the Content-Type header application/json.", "BadRequest")
        try:
            said = json.loads(body)
        except ValueError as error:
            raise bad_request("Unable to read JSON request payload.", "BadRequest") from error
        if operation.name not in self._validators:
            made = Draft202012Validator(self._contract.json_schema(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)
            self._validators[operation.name] = made
        for wrong in self._validators[operation.name].iter_errors(said):
            raise bad_request(f"Invalid value at '{'/'.join(map(str, wrong.absolute_path))}': {wrong.message[:200]}", "BadRequest")
        return said

    def _batch(self, headers: Mapping[str, str], said: Entity) -> Answer:
        done: dict[str, int] = {}
        found = []
        for one in said["requests"]:
            if one["id"] in done:
                raise bad_request(f"The id '{one['id']}' is given twice.", "BadRequest")
            if any(done.get(other, 599) >= 400 for other in one.get("dependsOn", ())):  # noqa: PLR2004 - HTTP: it failed
                answer = Answer(424, GraphRefusedError(424, "FailedDependency", "What this waits for has failed.").body(str(uuid.uuid4())))
            else:
                answer = self._one_of_batch(headers, one)
            done[one["id"]] = answer.status
            found.append({"id": one["id"], "status": answer.status, "headers": answer.headers, "body": answer.body})
        return Answer(200, {"responses": found[::-1]})  # in any order, says Microsoft: so not in ours

    def _one_of_batch(self, headers: Mapping[str, str], one: Entity) -> Answer:
        path, _, query = one["url"].partition("?")
        options = [tuple(part.partition("=")[::2]) for part in query.split("&") if part]
        said = {name.lower(): value for name, value in one.get("headers", {}).items()} | {"authorization": headers["authorization"]}
        if path.strip("/").lower() == "$batch":
            return Answer(400, bad_request("A batch within a batch is not allowed.").body(str(uuid.uuid4())))
        if fault := self._world.fault(path, CODES):
            return self.refusal(asked_to_fail(fault), "fault")
        return self.answer(one["method"], path, options, said, json.dumps(one.get("body")).encode())

    def _shape(self, call: Call, path: str, found: Any) -> Answer:  # noqa: ANN401 - what handlers give
        if found is None:
            return Answer(204)
        if isinstance(found, Answer):
            return found
        names = [name for name in call.options.get("$select", "").split(",") if name]
        schema = self._contract.entity(call.operation)
        for name in names:
            if name not in schema["properties"]:
                raise bad_request(f"Could not find a property named '{name}'.", "BadRequest")
            if name == "signInActivity":
                call.need_premium()
            needed = schema.get("x-select-needs", {}).get(name)
            if needed and needed not in {*call.claims.get("roles", []), *call.claims.get("scp", "").split()}:
                raise GraphRefusedError(403, "Authentication_MSGraphPermissionMissing", f"The property '{name}' needs {needed} besides.")
        if isinstance(found, Iterator):
            return self._pages(call, path, found, schema, names)
        created = found if isinstance(found, Created) else None
        shaped = shape(created.entity if created else found, schema, names)
        return Answer(201 if created else 200, shaped, dict(created.headers) if created else {})

    def _pages(self, call: Call, path: str, found: Iterator[Entity], schema: Entity, names: list[str]) -> Answer:
        advanced = call.headers.get("consistencylevel", "").lower() == "eventual" and call.options.get("$count") == "true"
        if "$filter" in call.options:
            test = parse_filter(call.options["$filter"], call.operation.said["x-filter"], advanced=advanced)
            found = (one for one in found if test(one))
        body: Entity = {"@odata.context": f"{self._world.base}{self._root}/$metadata#{path.strip('/')}"}
        if advanced:
            every = list(found)
            body["@odata.count"], found = len(every), iter(every)
        size = min(int(call.options.get("$top", self._world.controls.page_size)), self._world.controls.largest_page)
        if "$top" not in self._contract.parameters(call.operation):
            size = 1 << 30  # comes all at once
        here, more = page(found, call.options.get("$skiptoken"), size, again=int(self._world.controls.overlapping_pages))
        if more:
            token = call.options.get("$skiptoken") if self._world.controls.repeat_pages else more
            kept = {name: value for name, value in call.options.items() if name != "$skiptoken"} | ({"$skiptoken": token} if token else {})
            body["@odata.nextLink"] = f"{self._world.base}{self._root}/{path.strip('/')}?{urlencode(kept, safe='$')}"
        return Answer(200, body | {"value": [shape(one, schema, names) for one in here]})


def shape(one: Entity, schema: Mapping[str, Any], names: list[str]) -> Entity:
    """Write an object as its schema has it: null where nothing is known, the version where it has one, and what was selected."""
    known = schema["properties"]
    if "@odata.type" in known or "@odata.context" in known:  # of several types: what one is not, it does not have
        found = {name: value for name, value in one.items() if name in known}
    else:
        found = {name: one.get(name, [] if said.get("type") == "array" else None) for name, said in known.items() if name != "@odata.etag"}
        found = {name: value for name, value in found.items() if value is not None or known[name].get("nullable") or "$ref" in known[name]}
    if "@odata.etag" in known:
        found["@odata.etag"] = etag(one)
    if "keyCredentials" in found and "keyCredentials" not in names:
        found["keyCredentials"] = [key | {"key": None} for key in found["keyCredentials"]]
    return dict(public(select(found, names or schema.get("x-default", known))))
