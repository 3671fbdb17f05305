"""What a list's query options do, as far as the contract has them; anything else is refused in words."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from core.canonical import Json
from demo.entra.refusals import bad_request
from demo.entra.store import Entity

TERM = re.compile(r"\s*([A-Za-z/]+)\s+(eq|ne|ge|le|gt|lt)\s+('(?:[^']|'')*'|[^\s')(]+)\s*")
CALL = re.compile(r"\s*(startswith|endswith)\(\s*([A-Za-z/]+)\s*,\s*('(?:[^']|'')*')\s*\)\s*", re.IGNORECASE)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: _same(a) == _same(b),
    "ne": lambda a, b: _same(a) != _same(b),
    "ge": lambda a, b: a is not None and str(a) >= str(b),
    "le": lambda a, b: a is not None and str(a) <= str(b),
    "gt": lambda a, b: a is not None and str(a) > str(b),
    "lt": lambda a, b: a is not None and str(a) < str(b),
    "startswith": lambda a, b: str(a or "").lower().startswith(b.lower()),
    "endswith": lambda a, b: str(a or "").lower().endswith(b.lower()),
}
Test = Callable[[Entity], bool]


def parse_filter(text: str, said: Mapping[str, list[str]], *, advanced: bool) -> Test:
    """Read `$filter`: terms joined by `and`. Raises GraphRefusedError for a property or a comparison that the contract does not have."""
    terms: list[tuple[str, str, Any]] = []
    for piece in _pieces(text):
        if match := TERM.fullmatch(piece):
            name, how, value = match[1], match[2], _literal(match[3])
        elif match := CALL.fullmatch(piece):
            name, how, value = match[2], match[1].lower(), _literal(match[3])
        else:
            raise bad_request(f"Invalid filter clause: '{piece}'.")
        _allow(how, name, said, advanced=advanced)
        terms.append((name, how, value))
    return lambda one: all(COMPARE[how](_property(one, name), value) for name, how, value in terms)


def select(one: Entity, names: Iterable[str]) -> Entity:
    """Leave the properties that are asked for, and what tells the type or the version."""
    wanted = set(names)
    return {name: value for name, value in one.items() if name in wanted or name.startswith("@odata")}


def public(one: Json) -> Json:
    """Leave out what only the simulator knows: names that begin with an underscore."""
    if isinstance(one, dict):
        return {name: public(value) for name, value in one.items() if not name.startswith("_")}
    return [public(value) for value in one] if isinstance(one, list | tuple) else one


def page(things: Iterator[Entity], token: str | None, size: int, again: int = 0) -> tuple[list[Entity], str | None]:
    """Cut a page, and give the token of the next one, which brings so many of these entries again."""
    begin = 0
    if token is not None:
        try:
            begin = int(json.loads(base64.urlsafe_b64decode(token.encode()))["from"])
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise bad_request("The $skiptoken is not one of ours.") from error
        if begin < 0:
            raise bad_request("The $skiptoken is not one of ours.")
    found = list(islice(things, begin, begin + size + 1))
    more = base64.urlsafe_b64encode(json.dumps({"from": begin + size - again}).encode()).decode() if len(found) > size else None
    return found[:size], more


def _pieces(text: str) -> Iterator[str]:
    quoted = re.compile(r"\s+and\s+(?=(?:[^']*'[^']*')*[^']*$)")
    yield from quoted.split(text)


def _allow(how: str, name: str, said: Mapping[str, list[str]], *, advanced: bool) -> None:
    if f"{how} {name}" in said.get("advanced", []):
        if not advanced:
            text = f"Operator '{how}' on '{name}' is an advanced query: it needs the header ConsistencyLevel: eventual and $count=true."
            raise bad_request(text, "Request_UnsupportedQuery")
        return
    if name not in said.get("plain", []) or how in {"endswith", "ne"}:
        raise bad_request(f"Unsupported or invalid query filter clause specified for property '{name}'.", "Request_UnsupportedQuery")


def _literal(text: str) -> Any:  # noqa: ANN401 - text, truth or nothing
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    return {"true": True, "false": False, "null": None}.get(text, text)


def _property(one: Entity, path: str) -> Any:  # noqa: ANN401 - of any type
    value: Any = one
    for piece in path.split("/"):
        value = value.get(piece) if isinstance(value, dict) else None
    return value


def _same(value: Any) -> Any:  # noqa: ANN401 - Graph compares text without regard to case
    return value.lower() if isinstance(value, str) else value
