"""Files of a Unix host, read over SFTP. Nothing here can write."""

import heapq
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from pydantic import Field, PrivateAttr

from connectors.ssh_host.host import AbsolutePath, SshHost
from connectors.ssh_host.line import Line
from connectors.ssh_host.names import decode, encode, show
from connectors.ssh_host.reader import SftpReader
from connectors.ssh_host.sftp import Attributes, Sftp
from core.errors import RefusedError, UnavailableError
from core.model import Dataset, InventoryItem, ItemKind

NANOSECONDS: Final = 1_000_000_000
_KINDS: Final = {stat.S_IFREG: ItemKind.FILE, stat.S_IFDIR: ItemKind.DIRECTORY, stat.S_IFLNK: ItemKind.SYMLINK}


class SshFiles(SshHost):
    """A DataSource: these paths of the host, whole, as our account may read them.

    Raises UnavailableError when the host or the connection fails, RefusedError for another host key, a refused login, a path that is not
    there or is a link, or a directory that may not be listed.
    """

    paths: tuple[AbsolutePath, ...] = Field(min_length=1, description="absolute paths of directories or files on the host")
    _line: Line = PrivateAttr(default_factory=Line)

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""
        return Dataset(source=self.name, selectors=self.paths)

    def inventory(self) -> Iterator[InventoryItem]:
        """List all that is there, sorted by path as bytes; paths are absolute on the host, written without the leading slash."""
        sftp = self._sftp()
        waiting = [self._root(sftp, path) for path in sorted(set(self.paths))]
        heapq.heapify(waiting)
        last = None
        while waiting:
            path, attributes = heapq.heappop(waiting)
            if path == last:  # one of the paths lies inside another
                continue
            last = path
            if path != b"/":
                yield self._item(sftp, path, attributes)
            if stat.S_ISDIR(attributes.mode):
                for child in self._children(sftp, path):
                    heapq.heappush(waiting, child)

    @contextmanager
    def open(self, item: InventoryItem) -> Iterator[BinaryIO]:
        """Read one file from its start; the reader also has `stat_now()`, its size and time of change asked again.

        Raises FileNotFoundError if it has vanished or is no regular file any more, PermissionError if our account may not read it.
        """
        path = b"/" + encode(item.path)
        sftp = self._sftp()
        try:
            attributes = sftp.lstat(path)
            handle = sftp.open_to_read(path) if stat.S_ISREG(attributes.mode) else None
        except (FileNotFoundError, PermissionError):
            raise
        except OSError as exc:
            raise UnavailableError(f"{self.address} could not open {show(path)} ({exc})") from exc
        if handle is None:
            raise FileNotFoundError(f"{show(path)} is no regular file any more")
        with SftpReader(sftp, handle, attributes.size) as reader:
            yield cast("BinaryIO", reader)  # RawIOBase has all of its methods, but is not registered as one

    def close(self) -> None:
        """Hang up. The next use opens a new connection; twice is fine."""
        self._line.close()

    def _sftp(self) -> Sftp:
        return self._line.sftp(self, tuple(encode(path) for path in self.paths))

    def _root(self, sftp: Sftp, path: str) -> tuple[bytes, Attributes]:
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
        return encode(path), attributes

    def _children(self, sftp: Sftp, path: bytes) -> list[tuple[bytes, Attributes]]:
        try:
            return [(path.rstrip(b"/") + b"/" + name, attributes) for name, attributes in sftp.listdir(path)]
        except FileNotFoundError:
            return []  # it went while we looked: nothing is left below it
        except OSError as exc:
            raise RefusedError(
                f"the directory {show(path)} of {self.name} cannot be listed on {self.address} ({exc})",
                untouched="everything on the host; an inventory with a hole is not given out",
                todo="have the client let our account read it, or leave it out of the paths",
            ) from exc

    def _item(self, sftp: Sftp, path: bytes, attributes: Attributes) -> InventoryItem:
        kind = _KINDS.get(stat.S_IFMT(attributes.mode), ItemKind.OTHER)
        target = b""
        if kind == ItemKind.SYMLINK:
            try:
                target = sftp.readlink(path)
            except OSError as exc:
                raise UnavailableError(f"the link {show(path)} on {self.address} changed while it was listed ({exc})") from exc
        return InventoryItem(
            dataset=self.name,
            path=decode(path.lstrip(b"/")),
            kind=kind,
            size=attributes.size if kind == ItemKind.FILE else 0,
            mtime_ns=attributes.mtime * NANOSECONDS,
            mode=stat.S_IMODE(attributes.mode),
            uid=attributes.uid,
            gid=attributes.gid,
            target=decode(target),
        )
