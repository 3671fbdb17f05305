"""Is the archive whole and unaltered? Without a key: every byte. With a key: every file as well."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from core.archive.bag import parse_manifest
from core.archive.errors import (
    AlteredError,
    ForeignFileError,
    IncompleteInventoryError,
    MissingFileError,
    MissingVolumeError,
    WrongKeyError,
)
from core.archive.identities import AgeIdentity, read_identities
from core.archive.members import InnerBag
from core.archive.names import INVENTORY_FILE, shown
from core.archive.reader import MOST_MEMBERS, Inventory, Opened, OuterBag, ciphertext_of, opened
from core.archive.rows import Row, State
from core.archive.summary import LISTED
from core.archive.tar import TarReader
from core.errors import ArchiveError
from core.model import ItemKind
from core.ports import ArchiveStore

_LARGEST_MANIFEST = 256 << 20
_KEPT = ("manifest-sha256.txt", "tagmanifest-sha256.txt")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found. `files` is None when no key was given; `faults` holds LISTED errors at most, and then one that counts the rest."""

    name: str
    volumes: int
    bytes: int
    files: int | None
    faults: tuple[ArchiveError, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def raise_if_bad(self) -> None:
        """Raise the first fault."""
        if self.faults:
            raise self.faults[0]


def verify_archive(store: ArchiveStore, identities: Sequence[Path] = (), *, progress: Callable[[int], None] | None = None) -> VerifyReport:
    """Check sums, completeness and order; with `identities` (files), each file against the inventory and the volume's own manifests.

    Everything is streamed, nothing decrypted touches a disk. `progress` hears the bytes of ciphertext read so far, object by object.
    Faults are collected. Raises NotAnArchiveError, IncompleteArchiveError, WrongKeyError (the inventory does not open),
    ConfigurationError (a bad key file), RefusedError and UnavailableError of the store.
    """
    keys = read_identities(identities)
    check = _Check(OuterBag(store), store, keys, progress)
    check.payload()
    bag = check.bag
    return VerifyReport(bag.name, len(bag.volumes), check.bytes, check.files if keys else None, _listed(check.faults))


def _listed(faults: list[ArchiveError]) -> tuple[ArchiveError, ...]:
    more = len(faults) - LISTED
    return (*faults[:LISTED], ArchiveError(f"and {more} more faults")) if more > 0 else tuple(faults)


class _Check:
    def __init__(self, bag: OuterBag, store: ArchiveStore, keys: list[AgeIdentity], progress: Callable[[int], None] | None) -> None:
        self.bag, self.store, self.keys, self.progress = bag, store, keys, progress
        self.faults = list(bag.faults)
        self.bytes = self.files = 0
        self._inventory: Inventory | None = None

    def payload(self) -> None:
        with ExitStack() as stack:
            listing = (
                stack.enter_context(opened(self.store, INVENTORY_FILE, self.keys))
                if self.keys and INVENTORY_FILE in self.bag.there
                else None
            )
            if listing:
                self._noting(lambda: self._begin(listing))
            for number, file in self.bag.volumes.items():
                self._object(file, number)
            if listing and self._inventory:
                self._noting(lambda: self._end(listing))
        self._object(INVENTORY_FILE, None)

    def _begin(self, listing: Opened) -> None:
        self._inventory = Inventory(listing.content)

    def _end(self, listing: Opened) -> None:
        if self._inventory:
            self._inventory.finish()
            listing.finish()

    def _noting(self, step: Callable[[], None]) -> None:
        """Go on after a fault: one run should find them all. A key that does not fit ends it, as nothing more can be seen."""
        try:
            step()
        except WrongKeyError:
            raise
        except ArchiveError as fault:
            self.faults.append(fault)

    def _object(self, file: str, number: int | None) -> None:
        rows = self._rows(number) if number is not None else None
        if file not in self.bag.there:
            self.faults.append(
                MissingVolumeError(f"{file} is missing", todo="fetch it from where the archive was stored, or ask for another copy")
            )
            return
        inside: list[ArchiveError] = []
        if self.keys and number is not None:
            with opened(self.store, file, self.keys) as volume:
                try:
                    self.files += check_volume(volume, self.bag.name, number, rows, inside)
                    volume.finish()
                except ArchiveError as fault:
                    inside.append(fault)
                volume.stop()
                outside = self.bag.fault_of(file, volume.ciphertext)
                size = volume.ciphertext.size
        else:
            with ciphertext_of(self.store, file) as ciphertext:
                outside = self.bag.fault_of(file, ciphertext)
                size = ciphertext.size
        # Ciphertext that is altered explains whatever is wrong inside.
        self.faults.extend([outside] if outside else inside)
        self.bytes += size
        if self.progress:
            self.progress(self.bytes)

    def _rows(self, number: int) -> list[Row] | None:
        if self._inventory is None:
            return None
        try:
            return self._inventory.rows_of(number)
        except ArchiveError as fault:
            self.faults.append(fault)
            self._inventory = None
            return None


@dataclass(slots=True)
class _Seen:
    sums: dict[str, str] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    kept: dict[str, bytes] = field(default_factory=dict)


def check_volume(volume: Opened, archive: str, number: int, rows: Iterable[Row] | None, faults: list[ArchiveError]) -> int:
    """Read one volume and compare it with its manifests and rows. Returns the number of files; adds to `faults`."""
    seen = _read(volume, archive, number)
    what = f"volume {number}"
    tags = {name: digest for name, digest in seen.sums.items() if not name.startswith("data/")}
    payload = {name: digest for name, digest in seen.sums.items() if name.startswith("data/")}
    tags.pop("tagmanifest-sha256.txt", None)
    listed_tags = parse_manifest(seen.kept.get("tagmanifest-sha256.txt", b""), f"the tag manifest of {what}")
    _compare(tags, listed_tags, what, faults)
    _compare(payload, parse_manifest(seen.kept.get("manifest-sha256.txt", b""), f"the manifest of {what}"), what, faults)
    if rows is not None:
        _compare_rows(payload, seen.directories, rows, what, faults)
    return len(payload)


def _read(volume: Opened, archive: str, number: int) -> _Seen:
    seen = _Seen()
    tar, inner = TarReader(volume.content, f"volume {number}"), InnerBag(archive, number)
    for member in tar:
        name = inner.name(member.name)
        if member.directory:
            seen.directories.add(name)
        elif name in _KEPT and member.size <= _LARGEST_MANIFEST:
            seen.kept[name] = content = b"".join(map(bytes, tar.body()))
            seen.sums[name] = hashlib.sha256(content).hexdigest()
        else:
            # A member that comes again replaces the one before: the file had changed while it was read.
            seen.sums[name] = tar.sha256()
        if len(seen.sums) + len(seen.directories) > MOST_MEMBERS:
            raise AlteredError(f"volume {number} holds more files than any that we write")
    return seen


def _compare(found: Mapping[str, str], listed: Mapping[str, str], what: str, faults: list[ArchiveError]) -> None:
    if found == listed:
        return
    for name in sorted(found.keys() | listed.keys()):
        if name not in found:
            faults.append(MissingFileError(f"{shown(name)} is missing from {what}"))
        elif name not in listed:
            faults.append(ForeignFileError(f"{shown(name)} is in {what}, but not in its manifest"))
        elif found[name] != listed[name]:
            faults.append(AlteredError(f"{shown(name)} in {what} was altered: its sum is not the manifest's"))


def _compare_rows(payload: dict[str, str], directories: set[str], rows: Iterable[Row], what: str, faults: list[ArchiveError]) -> None:
    left = set(payload)
    for row in rows:
        name = f"data/{row.member}"
        if row.kind is ItemKind.DIRECTORY and row.state is State.WHOLE and name not in directories:
            faults.append(MissingFileError(f"{shown(row.path)} is missing from {what}"))
        if row.kind is not ItemKind.FILE or not row.carried:
            continue
        left.discard(name)
        if name not in payload:
            faults.append(MissingFileError(f"{shown(row.path)} is missing from {what}"))
        elif payload[name] != row.sha256:
            faults.append(AlteredError(f"{shown(row.path)} in {what} is not what the inventory lists"))
    faults.extend(IncompleteInventoryError(f"{shown(name)} is in {what}, but not in the inventory") for name in sorted(left))
