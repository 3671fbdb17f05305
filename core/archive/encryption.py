"""age as a stream, in both directions. pyrage pulls, so it works in a thread of its own behind a bounded pipe."""

import io
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, Protocol

import pyrage

from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError
from core.archive.identities import AgeIdentity
from core.archive.recipients import AgeRecipient

PIPE_BUFFER = 1 << 20


class Sink(Protocol):
    """What ciphertext or plaintext is written to."""

    def write(self, data: bytes, /) -> int:
        """Take all of it."""


class Source(Protocol):
    """What ciphertext is read from."""

    def read(self, size: int, /) -> bytes:
        """Give at most that much; nothing at the end."""


class _Kept:
    """Keeps the error of our own stream, since pyrage turns every error into one of its own."""

    def __init__(self, stream: BinaryIO | Sink | Source) -> None:
        self._stream = stream
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._stream.write(data)  # type: ignore[union-attr]  # used on sinks only
        except BaseException as error:
            self.error = error
            raise

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)  # type: ignore[union-attr]  # used on sources only
        except BaseException as error:
            self.error = error
            raise

    def flush(self) -> None:
        """Nothing is held back here."""


@contextmanager
def encrypting(sink: Sink, recipients: Sequence[AgeRecipient]) -> Iterator[BinaryIO]:
    """Give a stream; what is written to it arrives at the sink encrypted, whole when the block ends cleanly.

    An error of the sink surfaces in the block or at its end, as the sink raised it. Memory is bounded by the pipe.
    """
    ciphertext, failures = _Kept(sink), list[BaseException]()
    read_end, write_end = _pipe()

    def work() -> None:
        # Closing the reading end is what tells a writer who is still at it that nobody listens any more.
        with os.fdopen(read_end, "rb", buffering=PIPE_BUFFER) as plaintext:
            try:
                pyrage.encrypt_io(plaintext, ciphertext, list(recipients))
            except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits for us
                failures.append(ciphertext.error or error)

    thread = threading.Thread(target=work, name="age-encrypt", daemon=True)
    thread.start()
    writer = os.fdopen(write_end, "wb", buffering=PIPE_BUFFER)
    try:
        yield writer
    except BaseException:
        _hang_up(writer, thread)
        if failures:
            # The sink failed first; what the block raised is only that nobody read on.
            raise failures[0] from None
        raise
    _hang_up(writer, thread)
    if failures:
        raise failures[0]


def _hang_up(writer: BinaryIO, thread: threading.Thread) -> None:
    with suppress(BrokenPipeError):
        writer.close()
    thread.join()


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
def decrypting(ciphertext: Source, identities: Sequence[AgeIdentity], what: str) -> Iterator[BinaryIO]:
    """Give the plaintext as a stream. `what` names the object in messages.

    Reading raises WrongKeyError, NotAnArchiveError (no age file) or AlteredError (a changed or missing part); plaintext that was read
    before is authentic in its place, but only a read to the end shows that all is there.
    """
    source, failures = _Kept(ciphertext), list[BaseException]()
    read_end, write_end = _pipe()

    def work() -> None:
        with suppress(BrokenPipeError), os.fdopen(write_end, "wb", buffering=0) as plaintext:
            kept = _Kept(plaintext)
            try:
                pyrage.decrypt_io(source, kept, list(identities))
            except BaseException as error:  # noqa: BLE001 - carried over to the reading thread
                failures.append(kept.error or source.error or _translated(error, what))

    thread = threading.Thread(target=work, name="age-decrypt", daemon=True)
    raw = _Plaintext(read_end, thread, failures)
    thread.start()
    try:
        yield io.BufferedReader(raw, PIPE_BUFFER)
    finally:
        raw.close()
        thread.join()


def _translated(error: BaseException, what: str) -> BaseException:
    if isinstance(error, pyrage.DecryptError):
        if "matching keys" in str(error):
            return WrongKeyError(
                f"none of the keys given opens {what}", todo="use the private key of one of the recipients in recipients.txt"
            )
        return NotAnArchiveError(f"{what} does not begin as an age file does", todo="fetch it again from where it was stored")
    if isinstance(error, OSError):
        return AlteredError(f"{what} was altered or cut: age refuses it", todo="fetch it again from where it was stored")
    return error


def _pipe() -> tuple[int, int]:
    read_end, write_end = os.pipe()
    with suppress(ImportError, OSError, AttributeError):
        import fcntl  # noqa: PLC0415 - not on every system; a larger pipe is only faster

        fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIPE_BUFFER)
    return read_end, write_end
