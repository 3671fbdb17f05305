"""Whatever is done to an age file is an error with a name."""

import base64
import io
from collections import deque
from typing import Final

import pytest

from core.archive.age_header import LONGEST_HEADER, read_header
from core.archive.age_payload import CHUNK, NONCE_BYTES
from core.archive.encryption import decrypting, encrypting
from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError

from .age_files import Pair, plaintext_of, read, split, write

SEALED: Final = CHUNK + 16


@pytest.fixture(scope="module")
def sealed(pairs: dict[str, Pair]) -> bytes:
    return write(plaintext_of(3 * CHUNK + 100), [pairs["x25519"].recipient, pairs["ssh-ed25519"].recipient])


def without(header: bytes, kind: bytes) -> bytes:
    parsed = read_header(header.splitlines(keepends=True))
    [gone] = [stanza for stanza in parsed.stanzas if stanza.arguments[0] == kind]
    return header.replace(gone.text, b"")


@pytest.mark.parametrize("reader", ["x25519", "ssh-ed25519"])
def test_a_header_that_was_tampered_with_is_named(pairs: dict[str, Pair], sealed: bytes, reader: str) -> None:
    header, payload = split(sealed)
    own, other = (b"X25519", b"ssh-ed25519") if reader == "x25519" else (b"ssh-ed25519", b"X25519")
    at = header.index(b"\n--- ") + 5
    other_mac = header[:at] + base64.b64encode(bytes(32)).rstrip(b"=") + b"\n"
    extra = header.replace(b"\n--- ", b"\n-> extra\nAAAA\n--- ")
    for changed, error in (
        (without(header, other), AlteredError),
        (other_mac, AlteredError),
        (extra, AlteredError),
        (without(header, own), WrongKeyError),
        (header[:at] + b"\n", NotAnArchiveError),
        (header.replace(b"/v1", b"/v2"), NotAnArchiveError),
        (b"", NotAnArchiveError),
    ):
        with pytest.raises(error):
            read(changed + payload, pairs[reader].identities)


def test_any_changed_byte_of_the_header_is_an_error_with_a_name(pairs: dict[str, Pair], sealed: bytes) -> None:
    header, payload = split(sealed)
    for at in range(len(header)):
        changed = bytearray(header)
        changed[at] ^= 1
        with pytest.raises((NotAnArchiveError, AlteredError, WrongKeyError)):
            read(bytes(changed) + payload, pairs["x25519"].identities)


@pytest.mark.parametrize("reader", ["x25519", "ssh-ed25519"])
def test_chunks_that_were_moved_cut_or_added_to_are_named(pairs: dict[str, Pair], sealed: bytes, reader: str) -> None:
    header, payload = split(sealed)
    start = header + payload[:NONCE_BYTES]
    chunks = [payload[at : at + SEALED] for at in range(NONCE_BYTES, len(payload), SEALED)]
    assert len(chunks) == 4
    changes = {
        "reordered": start + b"".join([chunks[1], chunks[0], *chunks[2:]]),
        "one left out": start + b"".join([chunks[0], *chunks[2:]]),
        "one twice": start + b"".join([chunks[0], *chunks]),
        "last gone": start + b"".join(chunks[:-1]),
        "all gone": start,
        "no nonce": header,
        "last byte gone": sealed[:-1],
        "a byte more": sealed + b"\0",
        "the last twice": sealed + chunks[-1],
        "another file": sealed + sealed,
        "other nonce": header + bytes(NONCE_BYTES) + b"".join(chunks),
        "flipped": sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:],
    }
    for changed in changes.values():
        with pytest.raises(AlteredError):
            read(changed, pairs[reader].identities)


def test_a_header_without_end_is_given_up(pairs: dict[str, Pair]) -> None:
    class Endless:
        given = 0

        def read(self, size: int, /) -> bytes:
            line = b"-> endless " + b"a" * (size - 12) + b"\n"
            piece = (b"age-encryption.org/v1\n" + line)[:size] if not self.given else line
            self.given += len(piece)
            return piece

    source = Endless()
    with pytest.raises(NotAnArchiveError), decrypting(source, pairs["x25519"].identities, "it"):
        pass
    assert source.given < 2 * LONGEST_HEADER


def test_what_the_sink_raises_comes_through_and_nothing_is_ended(pairs: dict[str, Pair]) -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]  # as much of a sink as is used
            if self.tell() > CHUNK:
                raise OSError(28, "No space left on device")
            return super().write(data)

    sink = Full()
    with pytest.raises(OSError, match="No space"), encrypting(sink, [pairs["x25519"].recipient]) as stream:
        deque(map(stream.write, [bytes(CHUNK)] * 5))
    with pytest.raises(AlteredError):
        read(sink.getvalue(), pairs["x25519"].identities)
