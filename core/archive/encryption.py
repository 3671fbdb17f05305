"""age as a stream, in both directions: to recipients, and with whatever kind of key the reader holds."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import BinaryIO, Final, cast

import pyrage

from core.archive.age_binary import decrypting_by_age, encrypting_by_age, is_post_quantum, needs_age_binary
from core.archive.age_header import (
    INTRO,
    LONGEST_HEADER,
    AlteredHeaderError,
    MalformedHeaderError,
    new_header,
    read_header,
    x25519_secret,
)
from core.archive.age_payload import MalformedPayloadError, PayloadReader, PayloadWriter
from core.archive.decryption_by_pyrage import decrypting_by_pyrage
from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError
from core.archive.identities import AgeIdentity, PostQuantumFile
from core.archive.recipients import age_recipients, check_recipients
from core.archive.streams import Sink, Source

AGAIN: Final = "fetch it again from where it was stored"
ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_BUFFER: Final = 1 << 16
_FIRST_LOOK: Final = 4096
_END_OF_HEADER: Final = re.compile(rb"\n--- [^\n]*\n")


@contextmanager
def encrypting(sink: Sink, recipients: Sequence[str]) -> Iterator[Sink]:
    """Give a stream; what is written to it arrives at the sink encrypted, whole when the block ends cleanly.

    Raises ConfigurationError for a bad recipient, and what the sink raises.
    """
    checked = check_recipients(recipients)
    if needs_age_binary(checked[0]):
        with encrypting_by_age(sink, checked) as stream:
            yield stream
        return
    header, key = new_header(age_recipients(checked))
    sink.write(header)
    payload = PayloadWriter(sink, key)
    yield payload
    payload.finish()


@contextmanager
def decrypting(ciphertext: Source, identities: Sequence[AgeIdentity], what: str) -> Iterator[BinaryIO]:
    """Give the plaintext, armored or not, as a stream. `what` names the object in messages.

    Raises, here or while it is read, WrongKeyError, NotAnArchiveError (no age file) or AlteredError (a changed or missing part);
    plaintext that was read before is authentic in its place, but only a read to the end shows that all is there.
    """
    head = _head(ciphertext)
    if is_post_quantum(head):
        files = [one.path for one in identities if isinstance(one, PostQuantumFile)]
        with decrypting_by_age(_Rest(head, ciphertext), files, what) as raw:
            yield cast("BinaryIO", io.BufferedReader(raw, _BUFFER))
        return
    identities = [one for one in identities if not isinstance(one, PostQuantumFile)]
    if head.startswith(ARMOR):
        with decrypting_by_pyrage(_Rest(head, ciphertext), identities, what) as raw:
            yield cast("BinaryIO", io.BufferedReader(raw, _BUFFER))
        return
    found = _END_OF_HEADER.search(head)
    if found is None or not head.startswith(INTRO):
        raise NotAnArchiveError(f"{what} does not begin as an age file does", todo=AGAIN)
    with _plaintext(head, found.end(), ciphertext, identities, what) as raw:
        yield cast("BinaryIO", io.BufferedReader(raw, _BUFFER))


def _plaintext(
    head: bytes, end: int, ciphertext: Source, identities: Sequence[AgeIdentity], what: str
) -> AbstractContextManager[io.RawIOBase]:
    secrets = [x25519_secret(str(one)) for one in identities if isinstance(one, pyrage.x25519.Identity)]
    others = [one for one in identities if not isinstance(one, pyrage.x25519.Identity)]
    try:
        key = read_header(head[:end].splitlines(keepends=True)).file_key(secrets)
        if key is not None:
            return nullcontext(_Plaintext(PayloadReader(_Rest(head[end:], ciphertext), key), what))
    except MalformedHeaderError:
        raise NotAnArchiveError(f"{what} does not begin as an age file does", todo=AGAIN) from None
    except (AlteredHeaderError, MalformedPayloadError) as error:
        raise AlteredError(f"{what} was altered or cut: {error}", todo=AGAIN) from None
    if others:
        return decrypting_by_pyrage(_Rest(head, ciphertext), others, what)
    raise WrongKeyError(f"none of the keys given opens {what}", todo="use the private key of one of the recipients in recipients.txt")


def _head(ciphertext: Source) -> bytes:
    head = b""
    while (
        not head.startswith(ARMOR)
        and not _END_OF_HEADER.search(head)
        and len(head) < LONGEST_HEADER
        and (piece := ciphertext.read(_FIRST_LOOK))
    ):
        head += piece
    return head


class _Rest(io.RawIOBase):
    """What was read ahead, and then the stream."""

    def __init__(self, ahead: bytes, stream: Source) -> None:
        self._ahead, self._stream = ahead, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        if not self._ahead:
            return self._stream.readinto(buffer)
        size = min(len(buffer), len(self._ahead))
        buffer[:size], self._ahead = self._ahead[:size], self._ahead[size:]
        return size


class _Plaintext(io.RawIOBase):
    """A payload with our errors."""

    def __init__(self, payload: PayloadReader, what: str) -> None:
        self._payload, self._what = payload, what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        try:
            return self._payload.readinto(buffer)
        except MalformedPayloadError as error:
            raise AlteredError(f"{self._what} was altered or cut: {error}", todo=AGAIN) from None
