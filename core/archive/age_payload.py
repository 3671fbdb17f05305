"""The payload of an age file: STREAM over ChaCha20-Poly1305 in chunks of 64 KiB (https://c2sp.org/age, section Payload).

Written on `cryptography` because pyrage takes ten times as long for it, 8 KiB at a time, each asked for through Python.
"""

import io
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from core.archive.age_header import derived
from core.archive.streams import Sink, Source

CHUNK: Final = 1 << 16
NONCE_BYTES: Final = 16
_TAG: Final = 16
_SEALED: Final = CHUNK + _TAG
_AT_ONCE: Final = 16
"""Chunks that are read together."""


class MalformedPayloadError(ValueError):
    """The payload was altered, or ends before its end."""


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


class PayloadReader(io.RawIOBase):
    """Decrypts a payload. Each piece that is read is authentic in its place; only the end shows that nothing was cut off.

    Reading raises MalformedPayloadError, besides what the source raises. Into a buffer of a chunk or more it decrypts without a copy.
    """

    def __init__(self, source: Source, file_key: bytes) -> None:
        """Begin to read. Raises MalformedPayloadError."""
        self._source, self._number, self._ended = source, 0, False
        self._sealed = memoryview(bytearray(_AT_ONCE * _SEALED + 1))
        self._held = 0
        self._rest = memoryview(b"")
        self._hold(NONCE_BYTES)
        if self._ended:
            raise MalformedPayloadError("it ends before its payload")
        self._cipher = ChaCha20Poly1305(derived(file_key, salt=bytes(self._sealed[:NONCE_BYTES]), info=b"payload"))
        self._held = 0

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # what readers pass
        """Fill the buffer, less at the end, or where it is no multiple of 64 KiB; nothing once all is read."""
        if not self._rest and len(buffer) >= CHUNK:
            return self._decrypt(memoryview(buffer))
        if not self._rest:
            chunk = memoryview(bytearray(CHUNK))
            self._rest = chunk[: self._decrypt(chunk)]
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _hold(self, size: int) -> None:
        while self._held < size:
            got = self._source.readinto(self._sealed[self._held : size])
            if not got:
                self._ended = True
                return
            self._held += got

    def _decrypt(self, buffer: memoryview) -> int:
        if self._ended:
            return 0
        most = min(len(buffer) // CHUNK, _AT_ONCE)
        # One byte beyond tells whether the chunk before it is the last one.
        self._hold(most * _SEALED + 1)
        count = max(-(-self._held // _SEALED), 1) if self._ended else most
        size = min(self._held, count * _SEALED)
        # An empty chunk may only be a payload's one chunk.
        shortest = (count - 1) * _SEALED + _TAG
        if size < shortest or (size == shortest and self._number + count > 1):
            raise MalformedPayloadError("its payload ends early")
        for number in range(count):
            self._decrypt_chunk(
                self._sealed[number * _SEALED : min((number + 1) * _SEALED, size)], buffer[number * CHUNK :], number == count - 1
            )
        if not self._ended:
            self._sealed[:1], self._held = self._sealed[size : size + 1], 1
        return size - count * _TAG

    def _decrypt_chunk(self, sealed: memoryview, room: memoryview, last: bool) -> None:
        nonce = self._number.to_bytes(11, "big") + bytes([last and self._ended])
        try:
            self._cipher.decrypt_into(nonce, sealed, None, room[: len(sealed) - _TAG])
        except InvalidTag:
            raise MalformedPayloadError("its payload was altered or cut") from None
        self._number += 1
