"""What several tests of reading files by SSH need: files of a size, what came of them, and by what they came."""

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.ssh_host import SshFiles
from connectors.ssh_host.line import Line
from core.errors import RefusedError
from core.model import InventoryItem, ItemKind
from tests.contracts.data_source import MIB, last_contents

BIG, COUNT = 4 * MIB, 12


@dataclass(kw_only=True)
class FilesWorld:
    """A tree below `root`, as this source shows it."""

    source: SshFiles
    root: Path
    prefix: str
    seconds_only: bool = True


def files_of(source: SshFiles) -> list[InventoryItem]:
    """List the plain files."""
    return [item for item in source.inventory() if item.kind == ItemKind.FILE]


def contents(source: SshFiles, files: list[InventoryItem]) -> dict[str, bytes | OSError | RefusedError]:
    """Read all of them, by their bare names."""
    return {os.path.basename(path): content for path, content in last_contents(source.read_all(files)).items()}  # noqa: PTH119 - no path here


def uses_tar(source: SshFiles) -> bool:
    """Tell what the host was found to have."""
    line: Line = source._line  # noqa: SLF001 - it is not shown otherwise
    return line.has_gnu_tar(line.session(source, ()))


def large_ones(root: Path) -> dict[str, bytes]:
    """Make more than is under way at any time, so that tar stands in the middle of one while the first is looked at."""
    made = {}
    for number in range(COUNT):
        made[f"{number:02}"] = os.urandom(BIG)
        (root / f"{number:02}").write_bytes(made[f"{number:02}"])
        os.utime(root / f"{number:02}", (1_600_000_000, 1_600_000_000))
    return made
