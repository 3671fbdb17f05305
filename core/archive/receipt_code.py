"""Read the code that only somebody who opens an archive can know."""

from collections.abc import Sequence
from pathlib import Path

from core.archive.errors import MissingFileError, MissingVolumeError
from core.archive.identities import read_identities
from core.archive.members import InnerBag
from core.archive.names import volume_file
from core.archive.reader import OuterBag, opened
from core.archive.tar import TarReader
from core.archive.volume import RECEIPT_FILE
from core.ports import ArchiveStore


def receipt_code(store: ArchiveStore, identities: Sequence[Path]) -> str:
    """Read the code from the first volume; the same as opening it with `age`, `zstd` and `tar` and looking into RECEIPT-CODE.txt.

    Raises MissingFileError if the archive was written without one, other ArchiveErrors for a bad archive, ConfigurationError (keys).
    """
    bag = OuterBag(store)
    found, first = None, volume_file(bag.name, 1)
    if first not in bag.there:
        raise MissingVolumeError(f"{first} is missing", todo="fetch it again from where it was stored")
    with opened(store, first, read_identities(identities)) as volume:
        tar, inner = TarReader(volume.content, "volume 1"), InnerBag(bag.name, 1)
        for member in tar:
            if inner.name(member.name) == RECEIPT_FILE:
                found = b"".join(map(bytes, tar.body())).decode("ascii").strip()
        volume.finish()
    if found is None:
        raise MissingFileError("there is no receipt code in this archive", todo="ask its sender; archives made by hand have none")
    return found
