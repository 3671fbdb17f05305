"""Files of a Unix host, read over SFTP or by its own tar. Nothing here can write."""

import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, Literal, cast

from pydantic import ByteSize, Field, PrivateAttr

from connectors.ssh_host.host import AbsolutePath, SshHost
from connectors.ssh_host.line import Line, Session
from connectors.ssh_host.listing import DirectoryError, Found, Listing
from connectors.ssh_host.names import decode, encode, show
from connectors.ssh_host.pipelined import NANOSECONDS, Reading, open_reader, path_of, told
from connectors.ssh_host.sftp import Sftp
from connectors.ssh_host.tar_files import TAR_COMMAND, VERSION_COMMAND, TarReading, batches
from core.errors import RefusedError, UnavailableError
from core.model import Dataset, InventoryItem, ItemKind
from core.ports import ReadFile

_KINDS: Final = {stat.S_IFREG: ItemKind.FILE, stat.S_IFDIR: ItemKind.DIRECTORY, stat.S_IFLNK: ItemKind.SYMLINK}
_WORDS: Final = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


class SshFiles(SshHost):
    """A DataSource: these paths of the host, whole, as our account may read them.

    Raises UnavailableError when the host or the connection fails, RefusedError for another host key, a refused login, a path that is not
    there or is a link, or a directory that may not be listed.
    """

    kind: Literal["ssh_host"] = "ssh_host"
    paths: tuple[AbsolutePath, ...] = Field(min_length=1, description="absolute paths of directories or files on the host")
    rate_limit: ByteSize | None = Field(default=None, gt=0, description="bytes a second, as 20MB")
    _line: Line = PrivateAttr(default_factory=Line)

    def commands(self) -> frozenset[bytes]:
        """Say which commands may be run: whether there is GNU tar, and that tar."""
        return frozenset((VERSION_COMMAND, TAR_COMMAND))

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""
        return Dataset(source=self.name, selectors=self.paths)

    def inventory(self) -> Iterator[InventoryItem]:
        """List all that is there, sorted by path as bytes; paths are absolute on the host, written without the leading slash."""
        sftp = self._session().sftp
        try:
            for found in Listing(sftp, [self._root(sftp, path) for path in sorted(set(self.paths))]):
                if found.path != b"/":
                    yield self._item(found)
        except DirectoryError as error:
            raise RefusedError(
                f"the directory {show(error.path)} of {self.name} cannot be listed on {self.address} ({error.why})",
                untouched="everything on the host; an inventory with a hole is not given out",
                todo="have the client let our account read it, or leave it out of the paths",
            ) from error

    @contextmanager
    def open(self, item: InventoryItem) -> Iterator[BinaryIO]:
        """Read one file from its start; the reader also has `stat_now()`, its size and time of change asked again.

        Raises FileNotFoundError if it has vanished or is no regular file any more, PermissionError if our account may not read it,
        RefusedError if the server says neither.
        """
        try:
            reader = open_reader(self._session().sftp, path_of(item))
        except OSError as error:
            raise told(error, path_of(item)) from error
        with reader:
            yield cast("BinaryIO", reader)  # RawIOBase has all of its methods, but is not registered as one

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Read these files in this order: small ones whole, by the host's GNU tar where it has one, else many at a time by SFTP.

        Whoever stops early does not learn which files changed while tar read them: they come once more at the end of a batch.
        """
        for batch in batches(items):
            session = self._session()
            if self._line.has_gnu_tar(session):
                yield from TarReading(session.transport, session.sftp, session.guard, batch)
            else:
                yield from Reading(session.sftp, batch)

    def close(self) -> None:
        """Hang up. The next use opens a new connection; twice is fine."""
        self._line.close()

    def _session(self) -> Session:
        return self._line.session(self, tuple(encode(path) for path in self.paths))

    def _root(self, sftp: Sftp, path: str) -> Found:
        try:
            attributes = sftp.lstat(encode(path))
        except OSError as exc:
            raise RefusedError(
                f"{show(path)} of {self.name} cannot be looked at on {self.address} ({exc})",
                untouched="everything on the host",
                todo="correct the path in the engagement file, or have the client let our account read it",
            ) from exc
        if stat.S_ISLNK(attributes.mode):
            raise RefusedError(
                f"{show(path)} of {self.name} is a symbolic link to {show(sftp.readlink(encode(path)))}; links are never followed",
                untouched="everything on the host",
                todo="name the real path in the engagement file",
            )
        return Found(encode(path), attributes)

    def _item(self, found: Found) -> InventoryItem:
        attributes, target = found.attributes, found.target
        if not isinstance(target, bytes):
            raise UnavailableError(f"the link {show(found.path)} on {self.address} changed while it was listed ({target})") from target
        kind = _KINDS.get(stat.S_IFMT(attributes.mode), ItemKind.OTHER)
        is_file = kind == ItemKind.FILE
        return InventoryItem(
            dataset=self.name,
            path=decode(found.path.lstrip(b"/")),
            kind=kind,
            size=attributes.size if is_file else 0,
            mtime_ns=attributes.mtime * NANOSECONDS,
            mode=stat.S_IMODE(attributes.mode),
            uid=attributes.uid,
            gid=attributes.gid,
            target=_WORDS.get(stat.S_IFMT(attributes.mode), "") or decode(target),
            aside=f"one of {found.links} hard links" if is_file and found.links > 1 else "",
        )
