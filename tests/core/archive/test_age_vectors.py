"""The published vectors of the age format are read as they should be, and written to the byte."""

import base64
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyrage
import pytest

from core.archive.age_payload import CHUNK, NONCE_BYTES, MalformedPayloadError, PayloadReader, PayloadWriter
from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError
from core.archive.identities import AgeIdentity

from .age_files import read, split

UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {"": bytes, "zlib": zlib.decompress, "xz": lzma.decompress}
ERRORS: Final = {
    "header failure": (NotAnArchiveError,),
    "HMAC failure": (AlteredError,),
    "payload failure": (AlteredError,),
    "no match": (WrongKeyError,),
}


class Vector(NamedTuple):
    name: str
    expect: str
    payload_sha256: str
    file_key: str
    identity: str
    packed: str
    file: str

    @property
    def content(self) -> bytes:
        return UNPACK[self.packed](base64.b64decode(self.file))


_LINES = Path(__file__).with_name("age_vectors.tsv").read_text().splitlines()[2:]
VECTORS: Final = [Vector(*line.split("\t")) for line in _LINES]
SUCCESSFUL: Final = [vector for vector in VECTORS if vector.expect == "success"]


def ids(vectors: Sequence[Vector]) -> list[str]:
    return [vector.name for vector in vectors]


def keys_of(vector: Vector) -> list[AgeIdentity]:
    return [pyrage.x25519.Identity.from_str(vector.identity)] if vector.identity else []


@pytest.mark.parametrize("vector", VECTORS, ids=ids(VECTORS))
def test_published_vectors_read_as_they_should(vector: Vector) -> None:
    seen = io.BytesIO()
    if vector.expect == "success":
        read(vector.content, keys_of(vector), seen)
    else:
        # The specification counts the nonce among the header, we among the payload; either way the file was cut.
        cut = (AlteredError,) if vector.name in ("stream_no_nonce", "stream_short_nonce") else ERRORS[vector.expect]
        with pytest.raises(cut) as caught:
            read(vector.content, keys_of(vector), seen)
        assert type(caught.value) in cut
    if vector.payload_sha256 and vector.expect == "success":
        assert hashlib.sha256(seen.getvalue()).hexdigest() == vector.payload_sha256


def _broken_payloads() -> list[Vector]:
    return [vector for vector in VECTORS if vector.expect == "payload failure"]


@pytest.mark.parametrize("vector", _broken_payloads(), ids=ids(_broken_payloads()))
def test_nothing_but_authentic_plaintext_is_given_before_an_error(vector: Vector) -> None:
    _, payload = split(vector.content)
    seen = bytearray()
    with pytest.raises(MalformedPayloadError):  # noqa: PT012 - what was given before the error is the point
        reader = PayloadReader(io.BytesIO(payload), bytes.fromhex(vector.file_key))
        while piece := reader.read(1 << 20):
            seen += piece
    # Chunks are opened sixteen at a time: where one of them is bad, those before it may be kept back.
    assert not seen or hashlib.sha256(seen).hexdigest() == vector.payload_sha256


@pytest.mark.parametrize("size", [1 << 30, CHUNK, 1_000_003, 777])
@pytest.mark.parametrize("vector", SUCCESSFUL, ids=ids(SUCCESSFUL))
def test_with_the_vectors_key_and_nonce_its_payload_is_written_to_the_byte(vector: Vector, size: int) -> None:
    _, payload = split(vector.content)
    plaintext = read(vector.content, keys_of(vector))
    written = io.BytesIO()
    writer = PayloadWriter(written, bytes.fromhex(vector.file_key), payload[:NONCE_BYTES])
    for at in range(0, len(plaintext), size):
        writer.write(plaintext[at : at + size])
    writer.finish()
    assert written.getvalue() == payload
