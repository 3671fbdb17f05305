"""Reading many small files of a host through its own GNU tar: one command, one stream, no round trip for each file.

tar is trusted with nothing: what it gives is taken only for a file that is as SFTP listed it, and once it complains, SFTP looks again.
"""

import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from connectors.ssh_host.guard import Guard, GuardedTransport, refused
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.pipelined import NANOSECONDS, SMALL, Reading, looked_at, path_of
from connectors.ssh_host.running import Running
from connectors.ssh_host.sftp import Sftp
from connectors.ssh_host.tar_stream import BrokenTarError, TarMember, TarStream
from core.errors import RefusedError, UnavailableError
from core.model import InventoryItem
from core.ports import ReadFile

VERSION_COMMAND: Final = b"tar --version"
TAR_COMMAND: Final = (
    b"env LC_ALL=C TAR_OPTIONS= tar --create --file=- --format=gnu --blocking-factor=128 --directory=/ --no-recursion --hard-dereference"
    b" --quoting-style=escape --null --no-unquote --verbatim-files-from --files-from=-"
)
_FILES: Final = 4096
_BYTES: Final = 256 * 1024 * 1024
_NAMES: Final = 1024 * 1024
_FEW: Final = 4
"""So few small files are had sooner by SFTP than a command is started."""
_KEPT: Final = 4 * 1024 * 1024
_WORTH_SKIPPING: Final = 64 * 1024 * 1024
"""So much of a file that is not as listed is passed over; for more, tar is left, and SFTP reads on."""
_LONGEST_REST: Final = 1024 * 1024
_ANSWER_SECONDS: Final = 30.0
_SILENCE_SECONDS: Final = 60.0
_SOME_FAILED: Final = (1, 2)
"""Exit statuses of a tar that came to its end: a file changed; a file could not be read (GNU tar manual, "Return Values")."""
_COMPLAINT: Final = re.compile(rb"tar: ((?:[^:\\\n]|\\.)+): ")
_ESCAPE: Final = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def has_gnu_tar(transport: GuardedTransport) -> bool:
    """Ask the host whether its `tar` is GNU's. Raises UnavailableError when the connection is lost."""
    try:
        with Running(transport, VERSION_COMMAND, patience=_ANSWER_SECONDS) as asked:
            asked.feed(b"")
            first = asked.read()
            return b"GNU tar" in first.split(b"\n", 1)[0] and asked.status() == 0
    except RefusedError:
        return False
    except UnavailableError:
        if transport.is_over():
            raise
        return False  # whatever runs there instead of tar does not answer


def batches(items: Iterable[InventoryItem]) -> Iterator[list[InventoryItem]]:
    """Cut the items into what is asked of one tar: so much can be remembered until tar has said whether all went well."""
    batch: list[InventoryItem] = []
    content = names = 0
    for item in items:
        batch.append(item)
        content += item.size if item.size <= SMALL else 0
        names += len(item.path) + 3
        if len(batch) == _FILES or content >= _BYTES or names >= _NAMES:
            yield batch
            batch, content, names = [], 0, 0
    if batch:
        yield batch


class TarReading:
    """Gives one batch of files in order: the small ones from one tar, all others, and those that tar has not, or not as listed, by SFTP.

    At the end those come a second time that tar saw change, or that look otherwise now and tar complained. If tar breaks off, or writes
    anything that is no tar, all that came from it do.
    """

    def __init__(self, transport: GuardedTransport, sftp: Sftp, guard: Guard, batch: Sequence[InventoryItem]) -> None:
        self._transport = transport
        self._sftp = sftp
        self._batch = batch
        self._done = 0
        self._small = [item for item in batch if item.size <= SMALL]
        self._given: list[InventoryItem] = []
        if not all(guard.may_read(path_of(item)) for item in self._small):
            raise refused("reading what is not below the paths of this source")

    def __iter__(self) -> Iterator[ReadFile]:
        again: Sequence[InventoryItem] = ()
        if len(self._small) >= _FEW and (tar := self._start()):
            with tar:
                try:
                    yield from self._members(TarStream(lambda: self._received(tar)))
                    again = self._doubtful(tar)
                except BrokenTarError:
                    again = self._given
        yield from Reading(self._sftp, self._batch[self._done :])
        yield from Reading(self._sftp, again)

    def _start(self) -> Running | None:
        try:
            tar = Running(self._transport, TAR_COMMAND, patience=_SILENCE_SECONDS, keep=_KEPT)
        except RefusedError:
            return None
        tar.feed(b"".join(_name(item) + b"\0" for item in self._small))
        return tar

    def _received(self, tar: Running) -> bytes:
        try:
            return tar.read()
        except UnavailableError as error:
            raise self._broken(error) from error

    def _broken(self, error: UnavailableError) -> BrokenTarError | UnavailableError:
        """Tell a tar that hangs from a connection that is lost."""
        return error if self._transport.is_over() else BrokenTarError(error.what)

    def _members(self, stream: TarStream) -> Iterator[ReadFile]:
        waiting = set(map(_name, self._small))
        while (member := stream.following()) is not None:
            if member.name not in waiting:
                raise BrokenTarError("it holds what was not asked for")
            at = next(at for at in range(self._done, len(self._batch)) if _name(self._batch[at]) == member.name)
            waiting.difference_update(map(_name, self._batch[self._done : at + 1]))
            yield from self._by_sftp(at)
            item = self._batch[at]
            if _is_as_listed(member, item):
                content = stream.body(member.size)
                self._given.append(item)
                self._done += 1
                yield ReadFile(item, content, member.size, item.mtime_ns)
            elif member.size > _WORTH_SKIPPING:
                raise BrokenTarError("a small file became a very large one")
            else:
                stream.skip(member.size)
                yield from self._by_sftp(at + 1)

    def _by_sftp(self, end: int) -> Iterator[ReadFile]:
        """Give the items up to an index that tar passed over, or gave otherwise than listed."""
        if self._done < end:
            yield from Reading(self._sftp, self._batch[self._done : end])
            self._done = end

    def _doubtful(self, tar: Running) -> Sequence[InventoryItem]:
        """Wait for tar's end and name what has to be read again."""
        rest = 0
        while piece := self._received(tar):
            rest += len(piece)
            if rest > _LONGEST_REST:
                raise BrokenTarError("it goes on after its end")
        try:
            status = tar.status()
        except UnavailableError as error:
            raise self._broken(error) from error
        if status == 0:
            return ()
        if status not in _SOME_FAILED or len(tar.said) == _KEPT:
            return self._given
        named = {_unescaped(found[1]) for found in map(_COMPLAINT.match, tar.said.split(b"\n")) if found}
        seen = looked_at(self._sftp, map(path_of, self._given))
        return [item for item, (_path, now) in zip(self._given, seen, strict=True) if _name(item) in named or not _is_still(item, now)]


def _name(item: InventoryItem) -> bytes:
    return b"." + path_of(item)


def _is_as_listed(member: TarMember, item: InventoryItem) -> bool:
    return member.is_file and (member.size, member.mtime) == (item.size, item.mtime_ns // NANOSECONDS)


def _is_still(item: InventoryItem, now: Attributes | OSError) -> bool:
    """Tell whether a file is as it was listed, or went away after tar had read it."""
    if isinstance(now, OSError):
        return isinstance(now, FileNotFoundError)
    return stat.S_ISREG(now.mode) and (now.size, now.mtime) == (item.size, item.mtime_ns // NANOSECONDS)


def _unescaped(name: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes((int(found[1], 8) & 0xFF,)) if len(found[1]) == 3 else _ESCAPED.get(found[1], found[1]), name)  # noqa: PLR2004 - octal digits
