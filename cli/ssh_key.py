"""A person's own private SSH key: read once, kept nowhere."""

import getpass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from core.errors import RefusedError
from core.signatures import sshsig


class SshKey:
    """A private key in a file of OpenSSH's. If it has a passphrase, that is asked for on the terminal, once.

    `untouched` and `otherwise` end the messages: what stays as it was, and how to sign with a key that only ssh-keygen can use.
    Raises RefusedError (no such file, no such key, nobody to ask), SignatureError (wrong passphrase, a key that is too weak).
    """

    def __init__(self, path: Path, *, untouched: str, otherwise: str) -> None:
        self._pem, self._password = _read(path, untouched), None
        try:
            load_ssh_private_key(self._pem, None)
        except TypeError:  # cryptography's way to say that the key has a passphrase
            self._password = _asked(path, untouched)
        except (ValueError, UnsupportedAlgorithm) as error:  # the second one for the keys of hardware (sk-…)
            raise RefusedError(f"{path} is not a private SSH key that can sign here", untouched=untouched, todo=otherwise) from error
        self.sign(b"", "file")  # what is wrong is told now, and not when there is something to sign

    def sign(self, message: bytes, namespace: str) -> str:
        """Sign as `ssh-keygen -Y sign -n NAMESPACE` does."""
        return sshsig.sign(self._pem, message, namespace, self._password)


def _read(path: Path, untouched: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RefusedError(
            f"{path} cannot be read ({type(error).__name__})", untouched=untouched, todo="name a file that is there"
        ) from None


def _asked(path: Path, untouched: str) -> bytes:
    try:
        return getpass.getpass(f"Passphrase of {path}: ").encode()
    except EOFError:
        raise RefusedError(
            f"{path} has a passphrase, and there is no terminal to ask for it",
            untouched=untouched,
            todo="start the command in a terminal, or take a key without a passphrase",
        ) from None
