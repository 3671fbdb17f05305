"""The file of the log's key, for its owner alone: PKCS#8 PEM, or a line that says where the key is, `env:NAME` or `file:PATH`.

The key that is to follow stands beside it, as `<file>.next`, until it takes its place.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.disk import flush_folder
from core.errors import ConfigurationError
from core.secret import REFERENCE, SecretReference


def read_or_make(path: Path) -> Ed25519PrivateKey:
    """Read the key, or make it if there is none: mode 0600, whole or not at all, also when several start at once.

    Raises ConfigurationError for a file that others may read or write, or that holds no Ed25519 key, RefusedError for a reference to
    nothing.
    """
    if not path.exists():
        _put(path, _new_pem())
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError([f"{path}: others than its owner may use this key; run: chmod 600 {path}"])
        written = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: the log's key cannot be read ({type(error).__name__})"]) from None
    reference = written.decode("utf-8", "replace").strip()
    return _read_pem(SecretReference(reference).reveal().encode() if REFERENCE.match(reference) else written, path)


def put_reference(path: Path, reference: SecretReference) -> None:
    """Write a file that says where the key is, in place of any that is there. Raises as `read_or_make` does, and then writes nothing."""
    _read_pem(reference.reveal().encode(), path)
    _put(path, f"{reference}\n".encode(), anew=True)


def next_to(path: Path) -> Path:
    """Name the file of the key that follows."""
    return path.with_name(f"{path.name}.next")


def take_place(path: Path, aside: Path) -> None:
    """Let the key that follows take its place; the present one stays beside it under another name. Again is fine."""
    try:
        if next_to(path).exists():
            with suppress(FileExistsError):
                aside.hardlink_to(path)
            next_to(path).rename(path)
            flush_folder(path.parent)
    except OSError as error:
        raise ConfigurationError([f"{next_to(path)}: cannot take the place of {path} ({type(error).__name__})"]) from error


def _read_pem(pem: bytes, path: Path) -> Ed25519PrivateKey:
    try:
        private = serialization.load_pem_private_key(pem, None)
    except (TypeError, ValueError) as error:
        raise ConfigurationError([f"{path}: the log's key cannot be read ({type(error).__name__})"]) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError([f"{path}: the log's key is not an Ed25519 key"])
    return private


def _new_pem() -> bytes:
    private = Ed25519PrivateKey.generate()
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _put(path: Path, content: bytes, *, anew: bool = False) -> None:
    """Write it beside `path` and link it there: of several only the first wins, but for one that is put there `anew`."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if anew:
            beside.replace(path)
        else:
            with suppress(FileExistsError):
                path.hardlink_to(beside)
            beside.unlink()
        flush_folder(path.parent)
    except OSError as error:
        raise ConfigurationError([f"{path}: the log's key cannot be created ({type(error).__name__})"]) from error
