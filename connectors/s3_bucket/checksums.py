"""Checking what was read against the sum that the server keeps of the whole object.

Source: Amazon S3 User Guide, Checking object integrity. A sum over sums of parts (COMPOSITE, or an ETag with a dash) needs the sizes of
the parts and is not used.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from awscrt import checksums

_MD5: Final = re.compile(r'^"?([0-9a-f]{32})"?$')
_CRCS: Final[dict[str, tuple[Callable[..., int], int]]] = {
    "x-amz-checksum-crc64nvme": (checksums.crc64nvme, 8),
    "x-amz-checksum-crc32c": (checksums.crc32c, 4),
    "x-amz-checksum-crc32": (checksums.crc32, 4),
}
_DIGESTS: Final = {"x-amz-checksum-sha256": "sha256", "x-amz-checksum-sha1": "sha1"}


class Sum(Protocol):
    """A running sum over an object's bytes."""

    def update(self, data: memoryview, /) -> None:
        """Take the next bytes."""

    def fits(self) -> bool:
        """Whether all bytes taken make the server's sum."""


class _Crc:
    def __init__(self, function: Callable[..., int], size: int, expected: str) -> None:
        self._function, self._size, self._expected, self._value = function, size, expected, 0

    def update(self, data: memoryview, /) -> None:
        self._value = self._function(data, self._value)

    def fits(self) -> bool:
        return base64.b64encode(self._value.to_bytes(self._size, "big")).decode() == self._expected


class _Digest:
    def __init__(self, name: str, expected: bytes) -> None:
        self._digest, self._expected = hashlib.new(name, usedforsecurity=False), expected

    def update(self, data: memoryview, /) -> None:
        self._digest.update(data)

    def fits(self) -> bool:
        return self._digest.digest() == self._expected


def sum_in(headers: Mapping[str, str]) -> Sum | None:
    """Give the running sum for an answer with these headers (names in lower case); None if the server keeps none that can be used.

    Raises ValueError if the sum in the headers is garbled.
    """
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") == "FULL_OBJECT":
        for name, (function, size) in _CRCS.items():
            if (expected := headers.get(name, "")) and "-" not in expected:
                return _Crc(function, size, expected)
        for name, algorithm in _DIGESTS.items():
            if (expected := headers.get(name, "")) and "-" not in expected:
                return _Digest(algorithm, base64.b64decode(expected, validate=True))
    found = _MD5.match(headers.get("etag", ""))
    # the ETag of an object encrypted by KMS, or with the client's own key, is no MD5
    if found and headers.get("x-amz-server-side-encryption", "AES256") == "AES256" and not _is_customer_encrypted(headers):
        return _Digest("md5", bytes.fromhex(found[1]))
    return None


def fits(data: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a whole object's bytes make the sum in its headers; True if there is none."""
    running = sum_in(headers)
    if running is None:
        return True
    running.update(memoryview(data))
    return running.fits()


def _is_customer_encrypted(headers: Mapping[str, str]) -> bool:
    return "x-amz-server-side-encryption-customer-algorithm" in headers
