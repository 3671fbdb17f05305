"""Taking files out again: each is checked before it gets its name, and nothing leaves the destination."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from core.archive.destination import Destination
from core.archive.errors import AlteredError, MissingFileError, MissingVolumeError
from core.archive.identities import AgeIdentity, read_identities
from core.archive.members import InnerBag
from core.archive.names import INVENTORY_FILE, Clashes, check_safe, placed_apart, shown
from core.archive.reader import Inventory, OuterBag, opened
from core.archive.rows import Row, State
from core.archive.summary import LISTED, shorten
from core.archive.tar import TarReader
from core.archive.volume import CLASHES
from core.errors import ConfigurationError, RefusedError
from core.model import ItemKind, Noun
from core.ports import ArchiveStore


class ExtractReport(Noun):
    """What came out. `left_out` says by name what was asked for and is not there, and why; `renamed`, what has another name and which."""

    files: int
    bytes: int
    directories: int
    links: int
    left_out: tuple[str, ...]
    renamed: tuple[str, ...] = ()


def extract(
    store: ArchiveStore,
    identities: Sequence[Path],
    destination: Path,
    patterns: Sequence[str] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
    owners: bool = False,
) -> ExtractReport:
    """Unpack to a new or empty folder, as `dataset/path`; only the volumes that are needed are read.

    `patterns` are fnmatch globs on `dataset/path` (`*` crosses `/`); one that matches a directory takes all below it. Names, times,
    permission bits, links that stay inside and empty directories come back; owners with `owners`, which only root may ask for. What is
    named as if it were below a file, as in an object store, comes out below `_renamed`, beside the datasets. `progress` hears files and
    bytes so far. Raises ArchiveErrors, RefusedError (the destination), ConfigurationError (keys). Files that are there by then are whole.
    """
    keys = read_identities(identities)
    if not keys:
        raise ConfigurationError(["no key is given"], todo="name the file with a recipient's private key")
    bag = OuterBag(store)
    if INVENTORY_FILE not in bag.there:
        raise MissingVolumeError(f"{INVENTORY_FILE} is missing", todo="fetch it again, or open single volumes by hand as README.txt says")
    work = _Extraction(bag, store, keys, patterns, progress)
    try:
        work.run(Destination(destination, owners=owners))
    except OSError as error:
        raise RefusedError(
            f"{destination} cannot be written to ({error.strerror})",
            untouched="the archive; files that are there under their names are whole",
            todo="make room or take another folder, and start again",
        ) from error
    return ExtractReport(
        files=work.files,
        bytes=work.bytes,
        directories=work.directories,
        links=work.links,
        left_out=work.left_out.shortened(),
        renamed=work.renamed.shortened(),
    )


class _Lines:
    """The first lines of what may be long, and how many there are."""

    def __init__(self) -> None:
        self._lines, self._count = list[str](), 0

    def add(self, path: str, words: str) -> None:
        self._count += 1
        if self._count <= LISTED:
            self._lines.append(f"{shown(path)}: {words}")

    def shortened(self) -> tuple[str, ...]:
        return tuple(shorten(self._lines, self._count))


class _Extraction:
    def __init__(
        self,
        bag: OuterBag,
        store: ArchiveStore,
        keys: list[AgeIdentity],
        patterns: Sequence[str],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._bag, self._store, self._keys, self._patterns, self._progress = bag, store, keys, patterns, progress
        self.files = self.bytes = self.directories = self.links = 0
        self.left_out, self.renamed = _Lines(), _Lines()

    def run(self, destination: Destination) -> None:
        """Files first; links when no file can go through one any more; times of directories when nothing is put in any more."""
        for number, rows in self._wanted(self.renamed):
            self._files_of(number, rows, destination)
        for row in self._wanted_of(ItemKind.SYMLINK):
            if destination.link(row):
                self.links += 1
            else:
                self.left_out.add(row.path, f"a link that leads outside, to {shown(row.note)}")
        for row in self._wanted_of(ItemKind.DIRECTORY):
            destination.finish_directory(row)
            self.directories += 1

    def _files_of(self, number: int, rows: list[Row], destination: Destination) -> None:
        files = {f"data/{row.member}": row for row in rows if row.kind is ItemKind.FILE and row.carried}
        for row in rows:
            if not row.carried:
                self.left_out.add(row.path, row.note)
            elif row.kind is ItemKind.DIRECTORY:
                destination.directory(row.path)
        if files:
            self._volume(number, files, destination)

    def _wanted_of(self, kind: ItemKind) -> Iterator[Row]:
        for _, rows in self._wanted():
            yield from (row for row in rows if row.kind is kind and row.carried)

    def _wanted(self, renamed: _Lines | None = None) -> Iterator[tuple[int, list[Row]]]:
        clashes = Clashes()
        with opened(self._store, INVENTORY_FILE, self._keys) as listing:
            inventory = Inventory(listing.content)
            for number in self._bag.volumes:
                rows = [_placed(row, clashes, renamed) for row in inventory.rows_of(number) if self._matches(row.path)]
                for row in rows:
                    check_safe(row.path, "the inventory")
                yield number, rows
            inventory.finish()
            listing.finish()

    def _matches(self, path: str) -> bool:
        return not self._patterns or any(fnmatchcase(path, one) or fnmatchcase(path, one.rstrip("/") + "/*") for one in self._patterns)

    def _volume(self, number: int, files: dict[str, Row], destination: Destination) -> None:
        file = self._bag.volumes[number]
        if file not in self._bag.there:
            raise MissingVolumeError(f"{file} is missing", todo="fetch it again, or name patterns that leave out its files")
        written: dict[str, bool] = {}
        with opened(self._store, file, self._keys) as volume:
            tar, inner = TarReader(volume.content, f"volume {number}"), InnerBag(self._bag.name, number)
            for member in tar:
                name = inner.name(member.name)
                if name in files and not member.directory:
                    # A member may come again; the last one counts.
                    before, written[name] = written.get(name, False), destination.file(files[name], map(bytes, tar.body()))
                    if written[name] and not before:
                        self._count(files[name])
            volume.finish()
        for name, row in files.items():
            if name not in written:
                raise MissingFileError(f"{shown(row.path)} is missing from volume {number}")
            if not written[name]:
                raise AlteredError(
                    f"{shown(row.path)} in volume {number} is not what the inventory lists", untouched="files before it are whole"
                )

    def _count(self, row: Row) -> None:
        self.files += 1
        self.bytes += row.size
        if self._progress:
            self._progress(self.files, self.bytes)


def _placed(row: Row, clashes: Clashes, renamed: _Lines | None) -> Row:
    """Give what is named as if it were below a file a place apart."""
    if not row.carried or not clashes.found(row.path, directory=row.kind is ItemKind.DIRECTORY):
        return row
    if not row.carried_as:
        return row._replace(state=State.NOT_CARRIED, note=CLASHES)
    place = placed_apart(row.carried_as)
    if renamed:
        renamed.add(row.path, f"{CLASHES}; it is {place}")
    return row._replace(path=place)
