"""Keys as paths. A key is any text; a path goes downwards."""

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from core.archive.names import is_relative

CURRENT: Final = "current"
VERSIONS: Final = "versions"
ODD: Final = "odd-keys"


class Object(NamedTuple):
    """Which object a path means; no version: the current one."""

    key: str
    version: str = ""


def path_of(key: str, version: str = "") -> str:
    """Spell a key, or one version of it, as a path.

    `current/<key>`, `versions/<key>/<version>`; a key that is no relative path percent-encoded as one name, below `odd-keys/`.
    """
    group, end = (VERSIONS, f"/{_as_name(version)}") if version else (CURRENT, "")
    return f"{group}/{key}{end}" if is_relative(key) else f"{ODD}/{group}/{_as_name(key)}{end}"


def object_at(path: str) -> Object:
    """Undo `path_of`. Raises ValueError for another path."""
    is_odd = path.startswith(f"{ODD}/")
    group, _, rest = path.removeprefix(f"{ODD}/").partition("/")
    version = ""
    if group == VERSIONS:
        rest, _, version = rest.rpartition("/")
    if not rest or group not in (CURRENT, VERSIONS):
        raise ValueError(f"{path!r} is no path of an object")
    return Object(unquote(rest, errors="strict") if is_odd else rest, unquote(version))


def _as_name(text: str) -> str:
    return quote(text, safe="").replace(".", "%2E")
