"""The payload of an age file: STREAM over ChaCha20-Poly1305 in chunks of 64 KiB (https://c2sp.org/age, section Payload).

Written on `cryptography` because pyrage takes ten times as long for it, 8 KiB at a time, each asked for through Python.
"""

import secrets
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from core.archive.age_header import derived

CHUNK: Final = 1 << 16
NONCE_BYTES: Final = 16
_TAG: Final = 16
_SEALED: Final = CHUNK + _TAG
_AT_ONCE: Final = 16
"""Chunks that are read together."""


class MalformedPayloadError(ValueError):
    """The payload was altered, or ends before its end."""


class Sink(Protocol):
    """What ciphertext is written to."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Take all of it."""


class Source(Protocol):
    """What ciphertext is read from."""

    def read(self, size: int, /) -> bytes:
        """Give at most that much; nothing at the end."""


class PayloadWriter:
    """Encrypts what is written to it. `finish` writes the last chunk: without it the payload counts as cut."""

    def __init__(self, sink: Sink, file_key: bytes, nonce: bytes | None = None) -> None:
        """Begin a payload. `nonce` is given by tests alone, that compare with published files."""
        nonce = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
        self._cipher = ChaCha20Poly1305(derived(file_key, salt=nonce, info=b"payload"))
        self._sink, self._number, self._rest = sink, 0, bytearray()
        sink.write(nonce)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take all of it; the last chunk, even if it is full, waits until more comes or `finish` is called."""
        size, at = len(data), 0
        with memoryview(data) as view:
            if self._rest:
                at = min(CHUNK - len(self._rest), size)
                self._rest += view[:at]
                if at == size:
                    return size
                self._seal(memoryview(self._rest))
                self._rest = bytearray()
            whole = max(size - at - 1, 0) // CHUNK * CHUNK
            self._seal(view[at : at + whole])
            self._rest = bytearray(view[at + whole :])
        return size

    def finish(self) -> None:
        """Write the last chunk."""
        self._sink.write(self._cipher.encrypt(self._nonce(last=True), bytes(self._rest), None))

    def _seal(self, chunks: memoryview) -> None:
        if not chunks:
            return
        count = len(chunks) // CHUNK
        sealed = memoryview(bytearray(count * _SEALED))
        for number in range(count):
            piece = chunks[number * CHUNK : (number + 1) * CHUNK]
            self._cipher.encrypt_into(self._nonce(last=False), piece, None, sealed[number * _SEALED : (number + 1) * _SEALED])
        self._sink.write(sealed)

    def _nonce(self, *, last: bool) -> bytes:
        nonce = self._number.to_bytes(11, "big") + bytes([last])
        self._number += 1
        return nonce


class PayloadReader:
    """Decrypts a payload. Each piece that `read` gives is authentic in its place; only the end shows that nothing was cut off."""

    def __init__(self, source: Source, file_key: bytes) -> None:
        """Begin to read. Raises MalformedPayloadError."""
        nonce = _exactly(source, NONCE_BYTES)
        if len(nonce) < NONCE_BYTES:
            raise MalformedPayloadError("it ends before its payload")
        self._cipher = ChaCha20Poly1305(derived(file_key, salt=nonce, info=b"payload"))
        self._source, self._number, self._ended = source, 0, False
        self._ahead = _exactly(source, _SEALED)

    def read_chunks(self) -> bytes | bytearray:
        """Give the next chunks, 1 MiB at most; nothing at the end. Raises MalformedPayloadError."""
        if self._ended:
            return b""
        # One byte beyond tells whether the chunk before it is the last one.
        held = self._ahead + _exactly(self._source, _AT_ONCE * _SEALED + 1 - len(self._ahead))
        self._ended = len(held) <= _AT_ONCE * _SEALED
        count = max(-(-len(held) // _SEALED), 1) if self._ended else _AT_ONCE
        self._ahead = held[count * _SEALED :]
        return self._opened(memoryview(held)[: count * _SEALED], count)

    def _opened(self, sealed: memoryview, count: int) -> bytes | bytearray:
        shortest = (count - 1) * _SEALED + _TAG
        # An empty chunk may only be a payload's one chunk.
        if len(sealed) < shortest or (len(sealed) == shortest and self._number + count > 1):
            raise MalformedPayloadError("its payload ends early")
        plain = bytearray(len(sealed) - count * _TAG)
        view = memoryview(plain)
        for number in range(count):
            piece = sealed[number * _SEALED : (number + 1) * _SEALED]
            last = self._ended and number == count - 1
            nonce = self._number.to_bytes(11, "big") + bytes([last])
            try:
                self._cipher.decrypt_into(nonce, piece, None, view[number * CHUNK : number * CHUNK + len(piece) - _TAG])
            except InvalidTag:
                raise MalformedPayloadError("its payload was altered or cut") from None
            self._number += 1
        view.release()
        return plain


def _exactly(source: Source, size: int) -> bytes:
    piece = source.read(size)
    if len(piece) == size or not piece:
        return piece
    pieces, got = [piece], len(piece)
    while got < size and (piece := source.read(size - got)):
        pieces.append(piece)
        got += len(piece)
    return b"".join(pieces)
