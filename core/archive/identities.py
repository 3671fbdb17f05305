"""With which keys an archive is opened: age identity files and OpenSSH private keys without passphrase."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyrage

from core.archive.age_binary import POST_QUANTUM_IDENTITY
from core.errors import ConfigurationError

AgeIdentity: TypeAlias = Any
"""`pyrage.x25519.Identity` or `pyrage.ssh.Identity`, which publish no types; or a PostQuantumFile."""


class PostQuantumFile(NamedTuple):
    """A file that holds post-quantum keys, which the program age reads itself."""

    path: Path


_LARGEST_KEY_FILE = 1 << 20


def read_identities(files: Sequence[Path]) -> list[AgeIdentity]:
    """Read every key of every file; post-quantum ones of one file come together, as a PostQuantumFile.

    Raises ConfigurationError naming the file, never its content.
    """
    return [identity for file in files for identity in _read(file)]


def _read(file: Path) -> list[AgeIdentity]:
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_KEY_FILE)
    except OSError as error:
        raise _wrong(file, f"cannot be read ({error.strerror})") from None
    if content.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED")):
        raise _wrong(file, "is itself encrypted: decrypt it first with `age -d`")
    if b"PRIVATE KEY-----" in content[:100]:
        return [_ssh(file, content)]
    keys = [line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip() and not line.startswith("#")]
    if not keys:
        raise _wrong(file, "holds no key")
    plain = [key for key in keys if not key.startswith(POST_QUANTUM_IDENTITY)]
    try:
        identities: list[AgeIdentity] = [pyrage.x25519.Identity.from_str(key) for key in plain]
    except pyrage.IdentityError:
        raise _wrong(file, "is no age identity file (AGE-SECRET-KEY-1…, AGE-SECRET-KEY-PQ-1…) and no OpenSSH private key") from None
    return identities if len(plain) == len(keys) else [*identities, PostQuantumFile(file)]


def _ssh(file: Path, content: bytes) -> AgeIdentity:
    try:
        return pyrage.ssh.Identity.from_buffer(content)
    except (pyrage.IdentityError, ValueError):
        raise _wrong(
            file,
            "is an SSH key that cannot be used here: it must be ssh-ed25519 or ssh-rsa, without passphrase (`age -d` asks for one)",
        ) from None


def _wrong(file: Path, what: str) -> ConfigurationError:
    return ConfigurationError([f"{file}: {what}"], todo="name the file with the private key that belongs to a recipient")
