"""What can be wrong with an archive, one class for each fault."""

from core.errors import ArchiveError, RefusedError

__all__ = [
    "AlteredError",
    "BeingWrittenError",
    "ForeignFileError",
    "HostileEntryError",
    "IncompleteArchiveError",
    "IncompleteInventoryError",
    "MisplacedVolumeError",
    "MissingFileError",
    "MissingVolumeError",
    "NotAnArchiveError",
    "TruncatedError",
    "WrongKeyError",
]


class NotAnArchiveError(ArchiveError):
    """There is no bag of volumes here."""


class IncompleteArchiveError(ArchiveError):
    """The bag has volumes but was never finished, or its manifests are gone."""


class MissingVolumeError(ArchiveError):
    """A volume, or the inventory, that the manifest names is not there."""


class MissingFileError(ArchiveError):
    """A file that the inventory or a tag manifest names is not where it should be."""


class ForeignFileError(ArchiveError):
    """Something lies in the bag, or in a volume, that no manifest names."""


class TruncatedError(ArchiveError):
    """A volume or file ends before its end."""


class AlteredError(ArchiveError):
    """Bytes are not those that the manifest, or age's authentication, vouches for."""


class MisplacedVolumeError(ArchiveError):
    """A volume is another one than its name says."""


class IncompleteInventoryError(ArchiveError):
    """A volume holds a file that the inventory does not name."""


class WrongKeyError(ArchiveError):
    """None of the identities given is a recipient's."""


class HostileEntryError(ArchiveError):
    """An entry tries to leave the destination, or is of a kind that we never write."""


class BeingWrittenError(RefusedError):
    """Another run is writing the same dataset just now."""
