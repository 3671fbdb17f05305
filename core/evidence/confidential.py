"""A bundle that leaves us: one file, encrypted to its audience. `age -d -i KEY FILE | tar -xz` opens it; the folder stays with us."""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final

from core.archive.encryption import encrypting
from core.archive.recipients import check_recipients
from core.model import Noun

SUFFIX: Final = ".tar.gz.age"
_HOW: Final = Template(
    """$name holds the evidence of a client exit, encrypted with age (https://age-encryption.org) to:
$recipients

SHA-256 $sha256

To open it, with the private key of one of these, on Linux, macOS or Windows (age from https://github.com/FiloSottile/age/releases):

  age -d -i KEY -o evidence.tar.gz $name
  tar -xzf evidence.tar.gz

README.txt in the folder that comes out says what it holds, and how to check it without us.
"""
)


class SealedBundle(Noun):
    """A bundle as it may leave: the encrypted file, its sum, and a note beside it that says how it is opened."""

    path: Path
    sha256: str
    how: Path


def seal_bundle(folder: Path, target: Path, recipients: Sequence[str]) -> SealedBundle:
    """Pack a bundle's folder and encrypt it to age or SSH keys, whole or not at all; the folder inside is named as the file is.

    Our own earlier file of that name is replaced: the bundle that it was made from is still there. Raises ConfigurationError for a
    recipient that age cannot take or for none, OSError if the disk refuses.
    """
    named = check_recipients(recipients)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            with encrypting(file, named) as stream, tarfile.open(fileobj=stream, mode="w|gz") as tar:  # type: ignore[call-overload]  # it only writes
                tar.add(folder, arcname=target.name.removesuffix(SUFFIX), filter=_nobodys)
            file.flush()
            os.fsync(file.fileno())
        with Path(beside).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)  # our own unfinished copy
        raise
    how = target.with_name(f"{target.name}.txt")
    listed = "\n".join(f"  {one}" for one in named)
    how.write_text(_HOW.substitute(name=target.name, recipients=listed, sha256=digest), encoding="utf-8")
    return SealedBundle(path=target, sha256=digest, how=how)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who we are on this machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
