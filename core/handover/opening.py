"""Open a handover package without stock tools: for our own proof that it can be opened, and as a fallback."""

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import zstandard

from core.archive.streams import Source
from core.errors import ArchiveError
from core.handover.sealing import unseal

LARGEST = 4 << 30
"""Bytes of plaintext that are read at most: a package is documents and a vault, not the data archive."""


def open_package(ciphertext: Source, identities: Sequence[Path], *, largest: int = LARGEST) -> Mapping[str, bytes]:
    """Decrypt a package in memory and return its payload: paths below the bag's `data/`, and contents.

    Nothing is written. Every file is compared with the bag's manifest. Raises ArchiveError if no key fits, if it is
    truncated or altered, if a member is no plain file inside the bag, is listed twice, is not listed, or is missing,
    or if more than `largest` bytes would come out; ConfigurationError if an identity is no key.
    """
    packed = io.BytesIO()
    unseal(ciphertext, packed, identities)  # to its end first: only then is it known to be whole
    packed.seek(0)
    members: dict[str, bytes] = {}
    left = largest
    try:
        with zstandard.ZstdDecompressor().stream_reader(packed) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for info in tar:
                left -= info.size
                path = _inside(info, members, left)
                taken = tar.extractfile(info)
                members[path] = taken.read() if taken else b""
    except (tarfile.TarError, zstandard.ZstdError) as error:
        raise _hostile(f"is not a compressed tar stream ({error})") from error
    return _checked(members)


def _inside(info: tarfile.TarInfo, members: Mapping[str, bytes], left: int) -> str:
    """Give the member's path below the bag's folder, or refuse it."""
    parts = PurePosixPath(info.name).parts
    if not info.isfile() or info.name.startswith("/") or ".." in parts or "\\" in info.name or len(parts) < 2:  # noqa: PLR2004 - bag folder and file
        raise _hostile(f"holds {info.name!r}, which is no plain file inside its folder")
    path = "/".join(parts[1:])
    if path in members:
        raise _hostile(f"holds {path!r} twice")
    if left < 0:
        raise _hostile("holds more than was agreed to be read")
    return path


def _checked(members: Mapping[str, bytes]) -> dict[str, bytes]:
    manifest = members.get("manifest-sha256.txt", b"").decode(errors="replace")
    listed = {path: digest for digest, path in re.findall(r"^([0-9a-f]{64})  (.+)$", manifest, re.MULTILINE)}
    payload = {path: content for path, content in members.items() if path.startswith("data/")}
    if not payload or listed.keys() != payload.keys():
        differing = ", ".join(sorted(listed.keys() ^ payload.keys())) or "everything"
        raise _hostile(f"does not hold what its manifest lists: {differing}")
    for path, content in payload.items():
        if hashlib.sha256(content).hexdigest() != listed[path]:
            raise _hostile(f"holds {path!r} with another content than its manifest says")
    return {path.removeprefix("data/"): content for path, content in payload.items()}


def _hostile(what: str) -> ArchiveError:
    return ArchiveError(
        f"the package {what}",
        untouched="nothing was unpacked",
        todo="take it again from where the provider put it, and compare its SHA-256",
    )
