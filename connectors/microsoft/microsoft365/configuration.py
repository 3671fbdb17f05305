"""An area of the configuration as its two files. It is in memory while it is written, an entry as text, and nowhere else."""

import hashlib
from collections.abc import Iterator
from typing import Final

from connectors.microsoft.microsoft365.areas import AREAS, Area
from connectors.microsoft.microsoft365.names import CONFIGURATION
from connectors.microsoft.microsoft365.tables import bare, heading, json_line, row
from connectors.microsoft.microsoft365.visit import Visit
from core.model import InventoryItem, ItemKind

OWNER_ONLY: Final = 0o600
_BY_NAME: Final = {area.name: area for area in AREAS}


def area_of(path: str) -> Area:
    """Find the area whose file this is. Raises FileNotFoundError."""
    name, _, ending = path.removeprefix(f"{CONFIGURATION}/").rpartition(".")
    if name not in _BY_NAME or ending not in ("json", "csv") or not path.startswith(f"{CONFIGURATION}/"):
        raise FileNotFoundError(f"there is no {path} in this source")
    return _BY_NAME[name]


def items(visit: Visit, dataset: str, area: Area) -> Iterator[InventoryItem]:
    """Write both files of an area, and say what they are: their version is their SHA-256."""
    for path, content in contents(visit, area).items():
        yield InventoryItem(
            dataset, path, ItemKind.FILE, len(content), mode=OWNER_ONLY, version=f"sha256:{hashlib.sha256(content).hexdigest()}"
        )


def contents(visit: Visit, area: Area) -> dict[str, bytes]:
    """Write both files of an area, from what the tenant says now. Raises RefusedError if we may not look, UnavailableError."""
    lines = []
    for found in area.entries(visit):
        entry = bare(found)
        lines.append((tuple(str(entry.get(name) or "") for name in area.order), json_line(entry), row(entry, area.columns)))
    lines.sort()
    objects = b",\n".join(line for _order, line, _row in lines)
    path = f"{CONFIGURATION}/{area.name}"
    return {
        f"{path}.csv": heading(area.columns) + b"".join(sorted(cells for _order, _line, cells in lines)),  # mostly by name
        f"{path}.json": b"[\n" + objects + b"\n]\n" if lines else b"[]\n",
    }
