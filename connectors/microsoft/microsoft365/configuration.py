"""An area of the configuration as its two files. It is in memory while it is written, an entry as text, and nowhere else."""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

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


class Written(NamedTuple):
    """Both files of an area by path, and how many entries they have."""

    files: dict[str, bytes]
    entries: int


def items(visit: Visit, dataset: str, area: Area) -> Iterator[InventoryItem]:
    """Write both files of an area, and say what they are: their version is their SHA-256."""
    written = write(visit, area)
    aside = _compared(visit, area, written.entries)
    for path, content in written.files.items():
        version = f"sha256:{hashlib.sha256(content).hexdigest()}"
        yield InventoryItem(dataset, path, ItemKind.FILE, len(content), mode=OWNER_ONLY, version=version, aside=aside)


def write(visit: Visit, area: Area) -> Written:
    """Write both files of an area, from what the tenant says now. Raises RefusedError if we may not look, UnavailableError."""
    lines = []
    for found in area.entries(visit):
        entry = bare(found)
        lines.append((tuple(str(entry.get(name) or "") for name in area.order), json_line(entry), row(entry, area.columns)))
    lines.sort()
    objects = b",\n".join(line for _order, line, _row in lines)
    path = f"{CONFIGURATION}/{area.name}"
    table = heading(area.columns) + b"".join(sorted(cells for _order, _line, cells in lines))  # mostly by name
    return Written({f"{path}.csv": table, f"{path}.json": b"[\n" + objects + b"\n]\n" if lines else b"[]\n"}, len(lines))


def _compared(visit: Visit, area: Area, listed: int) -> str:
    """Hold what was listed against the service's own count, where it has one."""
    said = visit.graph.count(area.counted_by) if area.counted_by else listed
    if said == listed:
        return ""
    aside = f"the service counts {said} entries here, and lists {listed}"
    visit.differing.append(f"{CONFIGURATION}/{area.name}: {aside}")
    return aside
