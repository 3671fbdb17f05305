"""Bring a package to the recipient's store in two steps, so that being interrupted never makes a second package.

What is staged is ciphertext and plain facts; once staged it is never made anew, so a repeated pass delivers the same bytes.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

from core.disk import flush_folder
from core.errors import RefusedError
from core.handover.package import PACKAGE, Package
from core.ports import ArchiveStore

FACTS = "handover.json"
PASSPHRASE = "vault-passphrase.txt.age"  # noqa: S105 - a file name; it goes by another channel and is never delivered with the package
DELIVERED = (PACKAGE, "README.txt", "receipt-template.txt", FACTS)
"""In this order: `handover.json` comes last, so that its presence means that all is there."""


def stage(package: Package, folder: Path) -> None:
    """Write a package to a folder of our own (mode 0700), whole: its facts come last."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    package.package.seek(0)
    with (folder / PACKAGE).open("wb") as out:
        shutil.copyfileobj(package.package, out, 1 << 20)
        _flush(out)
    small = {PASSPHRASE: package.passphrase_age, "README.txt": package.readme, "receipt-template.txt": package.receipt_template}
    for name, content in small.items():
        _write(folder / name, content)
    _write(folder / f"{FACTS}.new", package.handover_json)
    (folder / f"{FACTS}.new").rename(folder / FACTS)
    flush_folder(folder)  # a power cut must not take the name away again: a second package would be another one


def staged_facts(folder: Path) -> Mapping[str, Any] | None:
    """Read the facts of a staged package; None if none is whole."""
    path = folder / FACTS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def staged_passphrase(folder: Path) -> bytes:
    """Read the vault's passphrase as it was encrypted to the recipients."""
    return (folder / PASSPHRASE).read_bytes()


def deliver(folder: Path, store: ArchiveStore) -> None:
    """Put what is staged where the recipient fetches it; what is there already has to be the same. Raises RefusedError if not."""
    there = set(store.list())
    for name in DELIVERED:
        if name not in there:
            with (folder / name).open("rb") as source, store.put(name) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            continue
        with (folder / name).open("rb") as ours, store.get(name) as theirs:
            same = _sum(ours) == _sum(theirs)
        if not same:
            raise RefusedError(
                f"{store.where()} already holds another {name}",
                untouched="what is there; nothing is ever overwritten",
                todo="name a fresh handover_store in the engagement file and start the exit again",
            )


def read_back(store: ArchiveStore, package_sha256: str) -> int:
    """Read the delivered package and compare its sum. Returns its size in bytes; raises RefusedError if it differs."""
    digest, size = hashlib.sha256(), 0
    with store.get(PACKAGE) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    if digest.hexdigest() != package_sha256:
        raise RefusedError(
            f"the package in {store.where()} does not read back as it was written",
            untouched="what is there, and the staged package",
            todo="look at the disk; name a fresh handover_store in the engagement file and start the exit again",
        )
    return size


def _sum(stream: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    return digest.digest()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        _flush(out)


def _flush(out: IO[bytes]) -> None:
    out.flush()
    os.fsync(out.fileno())
