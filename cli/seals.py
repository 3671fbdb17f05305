"""What vouches for an archive that is made without an engagement: a signature by one's own SSH key, and a time stamp."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cryptography import x509
from pydantic import ValidationError

from cli.ssh_key import SshKey
from connectors.time_stamp import Rfc3161
from core.archive.names import SIGNATURE, TAG_MANIFEST, TIME_STAMP
from core.archive.outer import Seals
from core.errors import ConfigurationError, RefusedError, UnavailableError
from core.ports import ArchiveStore
from core.signatures.sshsig import fingerprint, verify

NAMESPACE = "file"
"""What ssh-keygen(1) names for the signing of files; one of our own would need a domain, and there is no provider here."""
Seal = Callable[[bytes], bytes | None]
_BY_HAND = f"with, in the archive's folder, ssh-keygen -Y sign -n {NAMESPACE} -f KEY {TAG_MANIFEST}"
_AGAIN = "start the same command again: only this is left to do; without --time-stamp it is finished without one"


class ChosenSeals:
    """The seals that were asked for. All that can be known beforehand is checked at once: an archive may take hours.

    Raises ConfigurationError (options), RefusedError and SignatureError (the key).
    """

    def __init__(self, key: Path | None, authority: str, roots: Path | None) -> None:
        stamper = _stamper(authority, roots) if authority or roots else None
        opened = SshKey(key, untouched="everything; nothing was written", otherwise=f"sign afterwards {_BY_HAND}") if key else None
        self.seals = Seals(partial(_signed, opened) if opened else None, partial(_stamped, stamper) if stamper else None)

    def found(self, store: ArchiveStore) -> list[str]:
        """Read back what seals a finished archive, and say it in a line each.

        Raises RefusedError if one that was asked for is not there, or the signature is by another key: an earlier start, with other
        options, has finished the archive. Raises SignatureError if the signature does not hold.
        """
        there = set(store.list())
        for file, seal in ((SIGNATURE, self.seals.sign), (TIME_STAMP, self.seals.stamp)):
            if seal and file not in there:
                raise RefusedError(
                    f"an earlier start with other options has finished the archive, and {file} is not in it",
                    untouched="the archive, which is whole",
                    todo=f"sign it {_BY_HAND}" if file == SIGNATURE else "have it time stamped by hand, or write another archive",
                )
        lines = [f"It is signed by {_signer(store, self.seals.sign)}: {SIGNATURE}"] if self.seals.sign else []
        return [*lines, f"It has a time stamp: {TIME_STAMP}"] if self.seals.stamp else lines


def _signed(key: SshKey, tags: bytes) -> bytes:
    return key.sign(tags, NAMESPACE).encode()


def _stamped(stamper: Rfc3161, tags: bytes) -> bytes:
    lacking = f"the archive, which lacks nothing but its time stamp and {TAG_MANIFEST}"
    try:
        return stamper.stamp(tags).token
    except UnavailableError as error:
        raise UnavailableError(error.what, untouched=lacking, todo=_AGAIN) from error
    except RefusedError as error:
        raise RefusedError(error.what, untouched=lacking, todo=f"{error.todo}; then {_AGAIN}") from error


def _signer(store: ArchiveStore, sign: Seal) -> str:
    """Say whose signature is there; it has to be by the same key as `sign` uses."""
    tags = _read(store, TAG_MANIFEST)
    signer = verify(_read(store, SIGNATURE).decode("ascii", "replace"), tags, NAMESPACE)
    if signer != verify((sign(tags) or b"").decode(), tags, NAMESPACE):
        raise RefusedError(
            f"an earlier start has signed the archive by another key, {fingerprint(signer)}",
            untouched="the archive, which is whole",
            todo=f"name that key; or remove {SIGNATURE} and sign {_BY_HAND}",
        )
    return fingerprint(signer)


def _stamper(authority: str, roots: Path | None) -> Rfc3161:
    if not authority or roots is None:
        raise ConfigurationError(["--time-stamp URL and --time-stamp-roots FILE go together: give both, or neither"])
    try:
        x509.load_pem_x509_certificates(roots.read_bytes())
        return Rfc3161(kind="rfc3161", url=authority, roots=roots)
    except ValidationError:
        raise ConfigurationError([f"--time-stamp {authority!r} is no address: write http://HOST/PATH or https://HOST/PATH"]) from None
    except (OSError, ValueError):
        raise ConfigurationError([f"--time-stamp-roots {roots}: it is no readable file of certificates (PEM)"]) from None


def _read(store: ArchiveStore, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()
