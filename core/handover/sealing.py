"""age (C2SP age v1) around what is handed over, by the keys that the parties already have."""

import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import pyrage

from core.archive.age_binary import encrypting_by_age, needs_age_binary
from core.archive.encryption import decrypting, encrypting
from core.archive.identities import read_identities
from core.archive.recipients import age_recipients, check_recipients
from core.archive.streams import Source
from core.model import Recipient

KEPT_IN_MEMORY = 32 << 20


def seal(plain: Iterable[bytes], recipients: Sequence[Recipient]) -> BinaryIO:
    """Encrypt chunks to all recipients; returns the ciphertext, rewound.

    Large ciphertext goes to an unnamed temporary file; plaintext never does. Raises what the chunks raise, and
    ConfigurationError if there is no recipient or one is not a key.
    """
    sealed = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY))  # noqa: SIM115 - the caller reads it
    try:
        with encrypting(sealed, [one.age for one in recipients]) as pipe:
            for chunk in plain:
                pipe.write(chunk)
    except BaseException:
        sealed.close()
        raise
    sealed.seek(0)
    return sealed


def seal_text(text: str, recipients: Sequence[Recipient]) -> bytes:
    """Encrypt a short text to all recipients, armored so that it survives any mail programme."""
    keys = check_recipients([one.age for one in recipients])
    if needs_age_binary(keys[0]):
        sink = io.BytesIO()
        with encrypting_by_age(sink, keys, armored=True) as stream:
            stream.write(text.encode())
        return sink.getvalue()
    armored: bytes = pyrage.encrypt(text.encode(), age_recipients(keys), armored=True)
    return armored


def unseal(ciphertext: Source, plain: BinaryIO, identities: Sequence[Path]) -> None:
    """Decrypt a stream, armored or not, with age identity files or OpenSSH private keys.

    What was written to `plain` counts only if nothing is raised. Raises ArchiveError if no key fits or the ciphertext
    is truncated or altered, ConfigurationError if a key file holds no key.
    """
    with decrypting(ciphertext, read_identities(identities), "what was handed over") as stream:
        shutil.copyfileobj(stream, plain)
