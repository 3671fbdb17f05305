"""The few data types of the SSH wire format that keys and signatures are made of (RFC 4251, section 5)."""

from typing import Final

from core.errors import SignatureError

_LONGEST: Final = 64 * 1024
"""No key or signature of ours comes near it; a larger length is a damaged or hostile file."""


def string(value: bytes) -> bytes:
    """Spell a `string`: its length as uint32, then the bytes."""
    return len(value).to_bytes(4, "big") + value


def mpint(value: int) -> bytes:
    """Spell a non-negative `mpint` in its one shortest form."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


class Reader:
    """Reads fields one after the other and refuses whatever is too short, too long or spelled otherwise."""

    def __init__(self, data: bytes, what: str) -> None:
        """Take the bytes and what they are, for the message when they are damaged."""
        self._data = data
        self._at = 0
        self._what = what

    def take(self, count: int) -> bytes:
        """Read exactly `count` bytes."""
        if count > len(self._data) - self._at:
            raise self.damaged("it ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def uint32(self) -> int:
        """Read a `uint32`."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Read a `string`."""
        length = self.uint32()
        if length > _LONGEST:
            raise self.damaged("a length in it is impossible")
        return self.take(length)

    def mpint(self) -> int:
        """Read a non-negative `mpint` that has no needless leading zero."""
        raw = self.string()
        value = int.from_bytes(raw, "big")
        if string(raw) != mpint(value):
            raise self.damaged("a number in it is negative or not in its shortest form")
        return value

    def end(self) -> None:
        """Insist that nothing follows."""
        if self._at != len(self._data):
            raise self.damaged("there are bytes after its end")

    def damaged(self, how: str) -> SignatureError:
        """Make the error for bytes that are not what they should be."""
        return SignatureError(
            f"the {self._what} is damaged: {how}",
            untouched="everything; it counts as not given",
            todo="ask for the file again, unchanged, as ssh-keygen wrote it",
        )
