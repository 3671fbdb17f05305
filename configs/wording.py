"""Mistakes in the words of the person who wrote the file, at the place where they stand.

A rejected value is never repeated: it could be a secret in the wrong place.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from configs.located_yaml import FIELD_LIKE, Node, Path, Position, Problem

Schema = Mapping[str, Any]

PRIVATE_KEY = re.compile(r"PRIVATE KEY-----|AGE-SECRET-KEY-", re.IGNORECASE)

LEAST_IN_FIELD, LEAST_AROUND = 4, 12
"""Characters from which on a value counts as repeated by a foreign message: its own field's, or one around it."""

SIMPLE = {
    "string_type": "one text is expected here, not a list and not fields of its own",
    "path_type": "the path of a file or folder is expected here, as one text",
    "tuple_type": "a list is expected here; begin each item with `- ` on a line of its own, or write [] for none",
    "list_type": "a list is expected here; begin each item with `- ` on a line of its own, or write [] for none",
    "bool": "write yes or no",
    "int": "write a whole number",
    "date": "write a date as 2026-12-31",
    "time_delta": "write a length of time as 02:30:00 (hours, minutes, seconds), or as 7 days",
    "greater_than_equal": "write a number that is at least {ge}",
    "greater_than": "write a number above {gt}",
    "less_than_equal": "write a number that is at most {le}",
    "less_than": "write a number below {lt}",
    "string_too_short": "this is too short; write at least {min_length} characters",
    "string_too_long": "this is too long; write at most {max_length} characters",
    "too_short": "this list is too short; it needs at least {min_length}",
    "too_long": "this list is too long; it may have at most {max_length}",
}
"""By pydantic's error type, or by its beginning up to `_parsing`, `_type` and the like."""

FORMS = {
    "slug": "use lower case letters, digits and single dashes only, e.g. harbour-dental",
    "principal": "write it like an e-mail address, e.g. ada@example.com",
    "sender": "write an e-mail address, e.g. exits@example.com",
    "host": "write a host's name or address, e.g. mail.example.com",
    "domain": "write a domain name in lower case, e.g. example.com",
}
"""What a field with a pattern should look like, by its name."""


def unfit_texts(root: Node) -> list[Problem]:
    """Find what is wrong wherever it stands: empty texts, and private keys."""
    problems = []
    for path, node in root.texts():
        text = str(node.value)
        if not text.strip():
            problems.append(
                Problem(node.position, path, "there is nothing here; write a value ([] for an empty list), or leave the field out")
            )
        if PRIVATE_KEY.search(text):
            warning = "a private key stands here; remove it and make a new one, since others can read this file. Write the public key"
            problems.append(Problem(node.position, path, warning))
    return problems


def in_plain_words(error: Mapping[str, Any], root: Node, schema: Schema) -> Problem:
    """Turn one of pydantic's errors (an item of `ValidationError.errors()`) into a located problem."""
    kind, loc, context = error["type"], tuple(error["loc"]), error.get("ctx", {})
    here = _schema_at(schema, loc)
    special: dict[str, Callable[[], tuple[Path, str]]] = {
        "missing": lambda: (loc, f"this field is missing; add it{_described(here)}"),
        "extra_forbidden": lambda: (loc, _unknown(str(loc[-1]), _names(_schema_at(schema, loc[:-1]) or {}))),
        "union_tag_invalid": lambda: ((*loc, "kind"), f"this kind is not known; write one of: {_listed(here)}"),
        "union_tag_not_found": lambda: ((*loc, "kind"), f"this field is missing; add one of: {_listed(here)}"),
        "model_type": lambda: (loc, _fields(here)),
        "model_attributes_type": lambda: (loc, f"fields are expected here, indented below, among them kind: {_listed(here)}"),
        "enum": lambda: (loc, f"write one of: {_choices(context)}"),
        "literal_error": lambda: (loc, f"write one of: {_choices(context)}"),
        "string_pattern_mismatch": lambda: (loc, f"this has not the right form; {_form(loc, here)}"),
        "cross_check": lambda: (loc, error["msg"]),
    }
    if kind in special:
        loc, text = special[kind]()
    else:
        text = _simple(kind, context) or _foreign(error, root, loc)
    path, position = locate(root, loc, at_key=kind == "extra_forbidden")
    return Problem(position, path, " ".join(text.split()))


def locate(root: Node, loc: Path, *, at_key: bool = False) -> tuple[Path, Position]:
    """Find where a value, or with `at_key` its field's name, stands; for a missing one, the mapping that lacks it.

    Steps that pydantic adds for the kind of a connector are left out of the path.
    """
    node, position = root, root.position
    path: list[str | int] = []
    for step in loc:
        inner = _inner(node, step)
        if inner is None and step == _kind(node):
            continue
        path.append(step)
        if inner is None:
            break
        position = node.keys[str(step)] if at_key and step in node.keys else inner.position
        node = inner
    return tuple(path), position


def _inner(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, dict):
        return node.value.get(str(step))
    if isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    return None


def _kind(node: Node) -> str | None:
    kind = node.value.get("kind") if isinstance(node.value, dict) else None
    return kind.value if kind is not None and isinstance(kind.value, str) else None


def _schema_at(schema: Schema, loc: Path) -> Schema | None:
    """Walk the JSON Schema the way that pydantic names: fields, places in lists, kinds of connectors."""
    part: Schema | None = schema
    for step in loc:
        part = _followed(schema, part or {})
        if isinstance(step, int):
            part = part.get("items")
        elif "discriminator" in part:
            part = {"$ref": part["discriminator"]["mapping"].get(step, "")}
        else:
            part = part.get("properties", {}).get(step)
        if part is None:
            return None
    said = (part or {}).get("description")
    found = _followed(schema, part or {})
    return {**found, "description": said or found.get("description", "")}


def _followed(schema: Schema, part: Schema) -> Schema:
    """Follow references, and the one real choice of an optional field."""
    if "$ref" in part:
        return _followed(schema, schema["$defs"].get(part["$ref"].rpartition("/")[2], {}))
    real = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    return _followed(schema, real[0]) if len(real) == 1 else part


def _names(here: Schema) -> list[str]:
    """List the known fields here, or the known kinds."""
    if "discriminator" in here:
        return sorted(here["discriminator"]["mapping"])
    return list(here.get("properties", ()))


def _listed(here: Schema | None) -> str:
    return ", ".join(_names(here or {}))


def _fields(here: Schema | None) -> str:
    if here is not None and here.get("type") == "string":  # written as text, kept as a noun
        return f"one text is expected here{_described(here)}"
    return f"fields are expected here, indented below; known are: {_listed(here)}"


def _described(here: Schema | None) -> str:
    said = str((here or {}).get("description", "")).partition("\n")[0]
    return f" ({said.rstrip('.')})" if said else ""


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6) if FIELD_LIKE.fullmatch(name) else []
    if near:
        return f"this field is not known; did you mean {near[0]}?"
    return f"this field is not known; remove it, or use one of: {', '.join(known)}"


def _choices(context: Mapping[str, Any]) -> str:
    return str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")


def _form(loc: Path, here: Schema | None) -> str:
    last = str(loc[-1]) if loc else ""
    said = str((here or {}).get("description", ""))
    return FORMS.get(last) or (f"what belongs here: {said}" if said else "compare with docs/example-engagement.yaml")


def _simple(kind: str, context: Mapping[str, Any]) -> str | None:
    stem = re.sub(r"_(parsing|type|from|inexact|too).*$", "", kind)
    text = SIMPLE.get(kind) or SIMPLE.get(stem)
    return text.format_map(context) if text else None


def _foreign(error: Mapping[str, Any], root: Node, loc: Path) -> str:
    """Pass on what a field's own check says, unless it repeats what was written."""
    said = error.get("ctx", {}).get("error") if error["type"] == "value_error" else error["msg"]
    text = str(said).strip()
    path, _ = locate(root, loc)
    node: Node | None = root
    for step in path:
        node = _inner(node, step) if node else None
    least = LEAST_IN_FIELD if node and isinstance(node.value, str) else LEAST_AROUND
    repeated = any(str(inner.value) in text for _, inner in (node.texts() if node else ()) if len(str(inner.value)) >= least)
    return "this value is not accepted here; compare with docs/example-engagement.yaml" if repeated or not text else text
