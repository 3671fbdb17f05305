"""QuickXorHash, the sum that drives for business keep of a file.

Source: https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash. Each byte is put into a ring of 160 bits by exclusive or,
eleven bits after the one before. After 160 bytes the same places come again; so the bytes of a file are first folded into 160 by whole
numbers, which costs little more than reading them.
"""

import base64
from typing import Final

_RING: Final = 160
"""Bits of the sum, and bytes after which the places come again."""
_STEP: Final = 11


class QuickXor:
    """The sum of what was given so far."""

    def __init__(self) -> None:
        self._folded = 0
        self._length = 0

    def update(self, piece: bytes | memoryview) -> None:
        """Add what comes next."""
        begin = self._length % _RING
        self._length += len(piece)
        number, blocks = int.from_bytes(piece, "little") << 8 * begin, -(-(begin + len(piece)) // _RING)
        while blocks > 1:
            blocks = (blocks + 1) // 2
            bits = 8 * _RING * blocks
            number = (number & ((1 << bits) - 1)) ^ (number >> bits)
        self._folded ^= number

    def as_text(self) -> str:
        """Write it as Graph does, in base64."""
        ring = 0
        for place, byte in enumerate(self._folded.to_bytes(_RING, "little")):
            ring ^= byte << _STEP * place % _RING
        ring = (ring & ((1 << _RING) - 1)) ^ (ring >> _RING)
        ring ^= self._length << _RING - 64
        return base64.b64encode(ring.to_bytes(_RING // 8, "little")).decode()
