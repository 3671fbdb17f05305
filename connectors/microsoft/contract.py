"""What we ask of Microsoft's services, as the contracts beside this file say: for the guard, the simulated tenant and the tests."""

import functools
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import yaml

from core.canonical import Json

GRAPH = Path(__file__).with_name("contract.yaml")
PARTNER_CENTER = Path(__file__).with_name("partner_center.yaml")
AZURE = Path(__file__).with_name("azure.yaml")
METHODS = ("get", "post", "put", "patch", "delete")
Schema = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One method of one path; `said` is what the contract says of it."""

    name: str
    method: str
    path: str
    said: Mapping[str, Any]
    segments: Sequence[re.Pattern[str]]

    @property
    def writes(self) -> bool:
        """Whether it changes something; of `$batch`, its parts say."""
        return self.method != "GET" and self.name != "batch"

    @property
    def gives_bytes(self) -> bool:
        """Whether it answers with bytes of their own, no JSON; or says where they are."""
        content = self.said["responses"].get("200", {}).get("content", {})
        return bool(content) and "application/json" not in content

    def permissions(self, kind: str) -> list[list[str]]:
        """Tell the sets of permissions of which one suffices, for an `application` or as `delegated` by a person."""
        return list(self.said["x-permissions"][kind])

    def roles_over(self, theirs: AbstractSet[str]) -> dict[str, str]:
        """Tell the directory roles, by id, of which one is needed besides to do it to somebody who has these; the least first.

        Empty where none is needed: nobody's roles are in question, or those of the other do not matter.
        """
        every = self.said.get("x-roles", ()) if theirs else ()
        return {one["id"]: one["role"] for one in every if theirs <= set(one.get("over", theirs))}

    @property
    def actions(self) -> tuple[str, ...]:
        """What roles of Azure have to allow for it."""
        return tuple(self.said.get("x-actions", ()))


class Contract:
    """The operations of one service. Raises OSError and yaml.YAMLError if it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.document: dict[str, Any] = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        self.operations = tuple(
            Operation(item[method]["operationId"], method.upper(), template, item[method], _segments(template))
            for template, item in self.document["paths"].items()
            for method in METHODS
            if method in item
        )

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """Find the operation for a request's path (percent-encoded, below the server's address), with what stands in its places."""
        pieces = [unquote(piece) for piece in path.strip("/").split("/")]
        for operation in self.operations:
            if operation.method == method and len(operation.segments) == len(pieces):
                found = [segment.fullmatch(piece) for segment, piece in zip(operation.segments, pieces, strict=True)]
                if all(found):
                    values = [value for match in found if match for value in match.groups()]
                    return operation, dict(zip(re.findall(r"{([^}]+)}", operation.path), values, strict=True))
        return None

    def resolve(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Follow a reference within the document."""
        while "$ref" in said:
            found: Any = self.document
            for piece in said["$ref"].removeprefix("#/").split("/"):
                found = found[piece]
            said = found
        return dict(said)

    def parameters(self, operation: Operation) -> dict[str, dict[str, Any]]:
        """Tell an operation's parameters by name."""
        return {one["name"]: one for one in map(self.resolve, operation.said.get("parameters", ()))}

    def always(self, operation: Operation) -> dict[str, str]:
        """Tell what stands in every query of an operation: what has to be said there, and can be said in one way alone."""
        found = self.parameters(operation).values()
        return {one["name"]: one["schema"]["enum"][0] for one in found if one["in"] == "query" and one.get("required")}

    def body(self, operation: Operation) -> Schema | None:
        """Tell the schema of what is sent, or None where nothing is."""
        if "requestBody" not in operation.said:
            return None
        return self.resolve(operation.said["requestBody"]["content"]["application/json"]["schema"])

    def entity(self, operation: Operation) -> Schema:
        """Tell the schema of what is answered; of a list, that of an entry."""
        content = self.resolve(next(iter(operation.said["responses"].values()))).get("content", {})
        schema = self.resolve(content.get("application/json", {}).get("schema", {}))
        entries = schema.get("properties", {}).get("value", {}).get("items")
        return self.resolve(entries) if entries else schema

    @functools.cached_property
    def _entities(self) -> dict[str, Schema]:
        return {one.name: self.json_schema(self.entity(one)) for one in self.operations}

    def fits(self, operation: Operation, entity: object) -> bool:
        """Tell whether what was answered, or an entry of a list, has the types that the contract says; null and more are always right."""
        return _fits(self._entities[operation.name], entity)

    def json_schema(self, schema: Mapping[str, Any]) -> Schema:
        """Write a schema without references, and with null as JSON Schema says it."""
        found = self.resolve(schema)
        made: Schema = {key: value for key, value in found.items() if key != "nullable" and not key.startswith("x-")}
        if "properties" in found:
            made["properties"] = {name: self.json_schema(one) for name, one in found["properties"].items()}
        for key in ("items", "additionalProperties"):
            if isinstance(found.get(key), dict):
                made[key] = self.json_schema(found[key])
        return {"anyOf": [made, {"type": "null"}]} if found.get("nullable") else made


_TYPES: Mapping[str, type | tuple[type, ...]] = MappingProxyType(
    {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
)


def _fits(schema: Schema, value: Json) -> bool:
    if value is None:
        return True
    schema = schema["anyOf"][0] if "anyOf" in schema else schema
    if "type" in schema and (not isinstance(value, _TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return all(_fits(known[name], one) for name, one in value.items() if name in known)
    return not isinstance(value, list) or all(_fits(schema.get("items", {}), one) for one in value)


@functools.cache
def graph() -> Contract:
    """Read the contract with Microsoft Graph."""
    return Contract(GRAPH)


@functools.cache
def partner_center() -> Contract:
    """Read the contract with Partner Center."""
    return Contract(PARTNER_CENTER)


@functools.cache
def azure() -> Contract:
    """Read the contract with Azure Resource Manager."""
    return Contract(AZURE)


def _segments(template: str) -> tuple[re.Pattern[str], ...]:
    return tuple(_segment(piece) for piece in template.strip("/").split("/"))


def _segment(piece: str) -> re.Pattern[str]:
    if re.fullmatch(r"{[^}]+}", piece):
        return re.compile(r"(?!\.{1,2}$)([^/\x00]+)", re.DOTALL)  # `.` and `..` would be another path by the time it arrives
    return re.compile(r"([^/'\x00]+)".join(re.escape(part) for part in re.split(r"{[^}]+}", piece)))
