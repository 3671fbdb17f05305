"""One spelling for every structure that is hashed or signed."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Spell a JSON value in one way only: sorted keys, no spaces, UTF-8, no floats.

    Raises TypeError for a float (their spelling differs between languages), ValueError for a lone surrogate.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("a float has no canonical spelling; use an integer or a string")
    if isinstance(value, dict):
        for inner in value.values():
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)
