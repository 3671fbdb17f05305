"""Decryption with SSH keys, whole by pyrage. It pulls, so it works in a thread of its own behind a bounded pipe."""

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pyrage

from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError
from core.archive.identities import AgeIdentity
from core.archive.streams import Source


class _Kept:
    """Keeps the error of our own stream, since pyrage turns every error into one of its own."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise


class _Plaintext(io.RawIOBase):
    """The reading end; at the end of the pipe it says whether decryption ended well."""

    def __init__(self, descriptor: int, thread: threading.Thread, failures: list[BaseException]) -> None:
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._thread = thread
        self._failures = failures

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        count = self._file.readinto(buffer)
        if count == 0:
            self._thread.join()
            if self._failures:
                raise self._failures[0]
        return count or 0

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def decrypting_by_pyrage(ciphertext: Source, identities: Sequence[AgeIdentity], what: str) -> Iterator[io.RawIOBase]:
    """Give the plaintext of one age file. Reading raises WrongKeyError, NotAnArchiveError, AlteredError, or what the source raises."""
    source, failures = _Kept(ciphertext), list[BaseException]()
    read_end, write_end = os.pipe()

    def work() -> None:
        with suppress(BrokenPipeError), os.fdopen(write_end, "wb", buffering=0) as plaintext:
            try:
                pyrage.decrypt_io(source, plaintext, list(identities))
            except BaseException as error:  # noqa: BLE001 - carried over to the reading thread
                failures.append(source.error or _translated(error, what))

    thread = threading.Thread(target=work, name="age-decrypt", daemon=True)
    raw = _Plaintext(read_end, thread, failures)
    thread.start()
    try:
        yield raw
    finally:
        raw.close()
        thread.join()


def _translated(error: BaseException, what: str) -> BaseException:
    words = str(error) if isinstance(error, pyrage.DecryptError) else ""
    if "matching keys" in words:
        return WrongKeyError(f"none of the keys given opens {what}", todo="use the private key of one of the recipients in recipients.txt")
    if "Header is invalid" in words or "Unknown age format" in words:
        return NotAnArchiveError(f"{what} does not begin as an age file does", todo="fetch it again from where it was stored")
    if words or isinstance(error, OSError):
        return AlteredError(f"{what} was altered or cut: age refuses it", todo="fetch it again from where it was stored")
    return error
