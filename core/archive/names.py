"""Names inside volumes: as they are where every tool can carry them, renamed with their true bytes on record where not."""

import re
import unicodedata
from collections.abc import Sequence

from core.archive.errors import HostileEntryError
from core.errors import ConfigurationError, RefusedError

RENAMED = "_renamed"
_VOLUMES_OF_A_DATASET = 100_000
_LONGEST_NUMBER = 12

_DATASET = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
# Windows refuses : * ? " < > | and \ ; bagit.py does not undo %25 and ends lines at every Unicode line end; sha256sum escapes \ and
# line ends. Surrogates are the bytes of names that are not UTF-8.
_ODD = re.compile(r"""[%:*?"<>|\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|[\s.](?:/|$)""")
# What nearly all names are: judged at once. Each component ends in a letter or digit, and is short.
_PLAIN = re.compile(r"(?:[A-Za-z0-9 ._-]{0,199}[A-Za-z0-9_-]/)*[A-Za-z0-9 ._-]{0,199}[A-Za-z0-9_-]")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SLUG = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_COMPONENT = 255


def check_archive_name(name: str) -> str:
    """Refuse a name of an archive or dataset that is not plain on every system. Raises ConfigurationError."""
    if not _DATASET.match(name) or name.endswith("."):
        raise ConfigurationError([f"{name!r} cannot name an archive or a dataset: use letters, digits, dots, dashes and underscores"])
    return name


def check_source_path(path: str, dataset: str) -> str:
    """Refuse a path that a source should never list. Raises RefusedError."""
    if not is_relative(path):
        raise RefusedError(
            f"{dataset} lists {path!r}, which is no path below it",
            untouched="the source; this volume",
            todo="check the source: it is broken or hostile",
        )
    return path


def is_relative(path: str) -> bool:
    """Whether every part of the path goes downwards."""
    framed = f"/{path}/"
    return "\0" not in path and "//" not in framed and "/./" not in framed and "/../" not in framed


def check_safe(path: str, what: str) -> str:
    """Raise HostileEntryError unless the path stays below where it is unpacked."""
    if not is_relative(path):
        raise HostileEntryError(
            f"{what} holds {path!r}, which leads out of the place where it is unpacked", untouched="everything outside it"
        )
    return path


def is_odd(path: str) -> bool:
    """Whether some tool that people open volumes with would refuse or change this name."""
    if _PLAIN.fullmatch(path):
        return path.startswith(RENAMED)
    return (
        bool(_ODD.search(path))
        or path.split("/", 1)[0] == RENAMED
        or not unicodedata.is_normalized("NFC", path)
        or (len(path) > _LONGEST_COMPONENT // 4 and any(len(part.encode("utf-8")) > _LONGEST_COMPONENT for part in path.split("/")))
    )


class Clashes:
    """Finds what no file system can hold: names below that of a file, as object stores have them."""

    def __init__(self) -> None:
        self._above = list[str]()

    def found(self, path: str, *, directory: bool) -> bool:
        """Say whether the path is below something that is no directory. Ask for all, sorted by path as bytes."""
        above = self._above
        while above and not path.startswith(above[-1]):
            above.pop()
        clashes = bool(above) and any(path.startswith(f"{one}/") for one in above)
        if not directory:
            above.append(path)
        return clashes


def carried_name(path: str, volume: int, number: int) -> str:
    """Name an odd path `_renamed/VVVVVV-NNNNNN-slug`: unique in the archive, so that unpacked volumes can be merged."""
    slug = _SLUG.sub("_", path.rsplit("/", 1)[-1].encode("ascii", "replace").decode())[-40:].strip("._-") or "x"
    return f"{RENAMED}/{volume:06d}-{number:06d}-{slug}"


def placed_apart(carried: str) -> str:
    """Say where to unpack what cannot have its own name, by the name that it was carried under: `_renamed/DATASET/VVVVVV-NNNNNN-slug`.

    No dataset is named so: nothing else that is unpacked can have this place, whatever a source holds below its own `_renamed`.
    """
    dataset, _, name = carried.partition("/")
    return f"{RENAMED}/{dataset}/{name.removeprefix(f'{RENAMED}/')}"


def is_text(value: str) -> bool:
    """Whether it can stand in a line of tab-separated values as it is."""
    return not _NOT_TEXT.search(value)


def shown(path: str) -> str:
    """Spell a path for messages: what could upset a terminal, or is no text, is escaped."""
    return _NOT_TEXT.sub(lambda found: ascii(found[0])[1:-1], path)


def volume_number(dataset: int, count: int) -> int:
    """Give a volume its number: 1, 2, … for the first dataset, 100001, 100002, … for the second, and so on.

    So datasets can be written at the same time without knowing of one another. `dataset` counts from 0, `count` from 1.
    """
    return dataset * _VOLUMES_OF_A_DATASET + count


def are_volumes(numbers: Sequence[int]) -> bool:
    """Whether ascending numbers leave none out: from the first to the last of each dataset."""
    known = set(numbers)
    return bool(known) and 1 in known and all(number % _VOLUMES_OF_A_DATASET == 1 or number - 1 in known for number in numbers)


def volume_name(archive: str, number: int) -> str:
    """Name a volume's inner bag."""
    return f"{archive}-vol-{number:06d}"


def volume_file(archive: str, number: int) -> str:
    """Say where a volume lies in the outer bag."""
    return f"data/{volume_name(archive, number)}.tar.zst.age"


def number_of(file: str, archive: str) -> int | None:
    """Read the number of a volume from where it lies; None if it is no volume of this archive."""
    number = file.removeprefix(f"data/{archive}-vol-").removesuffix(".tar.zst.age")
    found = int(number) if number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER else 0
    return found if found and volume_file(archive, found) == file else None


INVENTORY_FILE = "data/inventory.tsv.zst.age"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SIGNATURE, TIME_STAMP = f"{TAG_MANIFEST}.sig", f"{TAG_MANIFEST}.tsr"
TAG_FILES = ("bagit.txt", "bag-info.txt", "README.txt", "recipients.txt", MANIFEST)
BESIDE = (*TAG_FILES, TAG_MANIFEST, SIGNATURE, TIME_STAMP)


def could_be_ours(file: str, archive: str) -> bool:
    """Whether an archive of this name may hold an object of that name."""
    return file in BESIDE or file == INVENTORY_FILE or number_of(file, archive) is not None
