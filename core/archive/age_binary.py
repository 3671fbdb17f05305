"""Post-quantum age keys (`age1pq1…`), which only the program `age` can use, from its version 1.3 on.

The program reads and writes through pipes, so memory is bounded. It has no terminal of ours, so it can ask nobody for a passphrase.
"""

import base64
import binascii
import io
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final, cast

from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError
from core.errors import ConfigurationError, GoodLeaverError, RefusedError, UnavailableError

if TYPE_CHECKING:  # these modules need the recipients, which need this one
    from core.archive.streams import Sink, Source

POST_QUANTUM_RECIPIENT: Final = "age1pq1"
POST_QUANTUM_IDENTITY: Final = "AGE-SECRET-KEY-PQ-1"
POST_QUANTUM_STANZA: Final = b"mlkem768x25519"
"""The type of a post-quantum recipient's stanza in the header of an age file (https://c2sp.org/age)."""

_NEEDED: Final = (1, 3)
_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_BUFFER: Final = 1 << 18
_SECONDS: Final = 20
_MOMENT: Final = 2.0
_WORDS: Final = 300
_AGAIN: Final = "fetch it again from where it was stored"
_INSTALL: Final = "install age 1.3 or newer on this machine (https://age-encryption.org), or ask for a plain age1… key"


def needs_age_binary(recipient: str) -> bool:
    """Say whether a recipient is a post-quantum one. One plain key in a thousand begins with `age1pq` too, but never with `age1pq1`."""
    return recipient.startswith(POST_QUANTUM_RECIPIENT)


def is_post_quantum(head: bytes) -> bool:
    """Say whether an age file whose beginning this is, armored or not, is for post-quantum recipients."""
    if head.startswith(b"-----BEGIN "):
        text = b"".join(line for line in head.splitlines() if not line.startswith(b"-"))
        try:
            head = base64.b64decode(text[: len(text) // 4 * 4])
        except binascii.Error:
            return False
    return b"\n-> " + POST_QUANTUM_STANZA + b" " in head.partition(b"\n--- ")[0]


def age_binary() -> str:
    """Find an age on PATH that knows post-quantum keys. Raises ConfigurationError that says what is there and what to install."""
    found = shutil.which("age")
    if found is None:
        raise _wrong("there is no program age on PATH, which post-quantum keys need", _INSTALL)
    try:
        asked = subprocess.run([found, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
        said = asked.stdout.decode("utf-8", "replace").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _wrong(f"{found} does not run ({type(error).__name__})", _INSTALL) from None
    version = _VERSION.match(said)
    if version is None or (int(version[1]), int(version[2])) < _NEEDED:
        raise _wrong(f"post-quantum keys need age 1.3 or newer; {found} says that it is {said[:40] or 'nothing'!r}", _INSTALL)
    return found


def check_post_quantum(recipient: str) -> None:
    """Let age try whether it can encrypt to this key. Raises ConfigurationError; the key is not repeated."""
    command = [age_binary(), "--encrypt", "--recipient", recipient]
    tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    if tried.returncode:
        raise _wrong("a post-quantum recipient (age1pq1…) is refused by age: check that it was copied whole", "ask for the key again")


@contextmanager
def encrypting_by_age(sink: "Sink", recipients: Sequence[str], *, armored: bool = False) -> Iterator[BinaryIO]:
    """Give a stream; what is written to it arrives at the sink encrypted, whole when the block ends cleanly.

    The sink is called from a thread of its own. Raises ConfigurationError if there is no fit age, RefusedError if age fails, and what the
    sink raises.
    """
    armor = ["--armor"] if armored else []
    options = [part for recipient in recipients for part in ("--recipient", recipient)]
    with _child([age_binary(), "--encrypt", *armor, *options]) as age:
        pump = _Pump(iter(lambda: age.stdout.read1(_BUFFER), b""), sink.write, age.kill)
        try:
            yield cast("BinaryIO", age.stdin)
            age.stdin.close()
        except BaseException as error:
            code = age.own_end() if isinstance(error, BrokenPipeError) else 0
            age.kill()
            pump.join()
            if pump.error or code:
                # What the block met after it was only that nobody took more.
                raise pump.error or _not_encrypted(age) from None
            raise
        pump.join()
        if pump.error or age.wait():
            raise pump.error or _not_encrypted(age)


@contextmanager
def decrypting_by_age(source: "Source", identity_files: Sequence[Path], what: str) -> Iterator[io.RawIOBase]:
    """Give the plaintext as a stream. `what` names the object in messages.

    The source is called from a thread of its own. Reading raises WrongKeyError, NotAnArchiveError, AlteredError, ConfigurationError if a
    key is malformed, or what the source raises; only a read to the end shows that all is there. Raises ConfigurationError if there is no
    fit age.
    """
    if not identity_files:
        raise _wrong_key(what)
    options = [part for file in identity_files for part in ("--identity", str(file))]
    with _child([age_binary(), "--decrypt", *options]) as age:
        feed = _Pump(iter(lambda: source.read(_BUFFER), b""), age.stdin.write, age.kill, age.stdin.close)
        plaintext = _Plaintext(age, feed, what)
        try:
            yield plaintext
        finally:
            age.kill()
            feed.join()
            plaintext.close()


class _Age(subprocess.Popen[bytes]):
    """The running program. What it says goes to a file without a name, so that it never waits for a reader."""

    stdin: IO[bytes]
    stdout: io.BufferedReader

    def __init__(self, command: list[str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        super().__init__(command, bufsize=_BUFFER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, start_new_session=True)

    def words(self) -> str:
        """Say what it said first, cut short."""
        self._said.seek(0)
        first, _, _ = self._said.read(_WORDS).decode("utf-8", "replace").partition("\n")
        return first.removeprefix("age: error: ") or f"it ended with {self.returncode} and said nothing"

    def own_end(self) -> int:
        """Wait a moment for a program that took no more to end by itself. Returns its exit status, 0 if it still runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(_MOMENT)
        return 0

    def end(self) -> None:
        """End it if it still runs, and let go of its pipes."""
        self.kill()
        self.wait()
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        self._said.close()


@contextmanager
def _child(command: list[str]) -> Iterator[_Age]:
    age = _Age(command)
    try:
        yield age
    finally:
        age.end()


class _Pump:
    """Carries chunks in a thread of its own until there are no more; an error is kept, and ends the program."""

    def __init__(
        self, chunks: Iterable[bytes], put: Callable[[bytes], object], stop: Callable[[], None], last: Callable[[], None] = lambda: None
    ) -> None:
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, args=(chunks, put, stop, last), name="age-pipe", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the last chunk is carried."""
        self._thread.join()

    def _work(self, chunks: Iterable[bytes], put: Callable[[bytes], object], stop: Callable[[], None], last: Callable[[], None]) -> None:
        try:
            for chunk in chunks:
                put(chunk)
            last()
        except BrokenPipeError:
            pass  # the program took no more: it says why by its end
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits for us
            self.error = error
            stop()


class _Plaintext(io.RawIOBase):
    """What age gives; at its end it says whether decryption ended well."""

    def __init__(self, age: _Age, feed: _Pump, what: str) -> None:
        self._age, self._feed, self._what = age, feed, what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader passes a memoryview
        count = self._age.stdout.readinto1(buffer)
        if count == 0 and len(buffer):
            self._feed.join()
            if self._feed.error:
                raise self._feed.error
            if self._age.wait():
                raise _not_decrypted(self._age, self._what)
        return count


def _not_encrypted(age: _Age) -> GoodLeaverError:
    if age.returncode < 0:
        return UnavailableError("age was ended from outside while it encrypted", todo="look whether memory ran out, and start again")
    return RefusedError(f"age could not encrypt ({age.words()})", untouched="what was written before", todo=_INSTALL)


def _not_decrypted(age: _Age, what: str) -> GoodLeaverError:
    """Turn how age ended into an error of ours. Its words are not repeated: they may quote a key file."""
    words = age.words()
    if age.returncode < 0:
        return UnavailableError(f"age was ended from outside while it read {what}", todo="look whether memory ran out, and start again")
    if "no identity matched" in words:
        return _wrong_key(what)
    if words.startswith("reading ") or "passphrase" in words:
        return _wrong("age refuses a file of keys: one in it is malformed, or needs a passphrase", "name files of unprotected keys")
    if "header" in words and "MAC" not in words:
        return NotAnArchiveError(f"{what} does not begin as an age file does", todo=_AGAIN)
    return AlteredError(f"{what} was altered or cut: age refuses it", todo=_AGAIN)


def _wrong_key(what: str) -> WrongKeyError:
    return WrongKeyError(f"none of the keys given opens {what}", todo="use the private key of one of the recipients in recipients.txt")


def _wrong(what: str, todo: str) -> ConfigurationError:
    return ConfigurationError([f"{what}; {todo}"], todo=todo)
