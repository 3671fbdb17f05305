"""What one command of a host writes, as data: a dump of a database, say, that never lies on the host's disk."""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, Literal, cast

from pydantic import AfterValidator, ByteSize, Field

from connectors.ssh_host.host import SshHost
from connectors.ssh_host.names import show
from connectors.ssh_host.running import Running
from core.errors import RefusedError
from core.model import UNKNOWN_SIZE, Dataset, InventoryItem, ItemKind
from core.ports import ReadFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_OWNER_ONLY: Final = 0o600


def _plain_file(path: str) -> str:
    if not path.isprintable() or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("write a relative path in its plain form: patients.dump, without . or .. and without a slash at either end")
    return path


def _one_command(command: str) -> str:
    if not command.strip() or "\0" in command:
        raise ValueError("write the command as you would type it")
    return command


class SshCommand(SshHost):
    """A DataSource of one file: the standard output of one command, run anew each time it is read, and nothing else can be run.

    Raises UnavailableError when the host or the connection fails, RefusedError for another host key, a refused login or a command that
    fails. What the command writes to its standard error is not said, since it may hold secrets.
    """

    kind: Literal["ssh_command"] = "ssh_command"
    command: Annotated[str, AfterValidator(_one_command)] = Field(description="the shell command, word for word, as pg_dump -Fc patients")
    file: Annotated[str, AfterValidator(_plain_file)] = Field(description="the name that its output gets in the archive")
    patience_seconds: int = Field(default=3600, gt=0, description="how long it may write nothing before it counts as hanging")
    rate_limit: ByteSize | None = Field(default=None, gt=0, description="bytes a second, as 20MB")

    def commands(self) -> frozenset[bytes]:
        """Say which command may be run: this one."""
        return frozenset((self.command.encode(),))

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""
        return Dataset(source=self.name, selectors=(f"command: {self.command}", f"file: {self.file}"))

    def inventory(self) -> Iterator[InventoryItem]:
        """List the one file; nothing is run, so its size is not known."""
        yield InventoryItem(dataset=self.name, path=self.file, kind=ItemKind.FILE, size=UNKNOWN_SIZE, mode=_OWNER_ONLY)

    @contextmanager
    def open(self, item: InventoryItem) -> Iterator[BinaryIO]:
        """Run the command and read its output. The stream's end comes, as an empty read, only after the command has ended well.

        Else that read raises RefusedError, or UnavailableError if the connection broke or the command hangs: what was read before is
        incomplete. The stream is not asked for a size or a time: it has none. Raises FileNotFoundError for any other file.
        """
        if item.path != self.file:
            raise FileNotFoundError(f"{show(item.path)} is not what {self.name} gives")
        transport = self.log_in()
        try:
            with (
                Running(transport, self.command.encode(), patience=self.patience_seconds) as running,
                _Output(running, self.name) as output,
            ):
                yield cast("BinaryIO", output)  # RawIOBase has all of its methods, but is not registered as one
        finally:
            transport.close()

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Run the command for each of these items, of which there is one."""
        for item in items:
            try:
                with self.open(item) as stream:
                    yield ReadFile(item, stream, UNKNOWN_SIZE)
            except FileNotFoundError as error:
                yield ReadFile(item, error)


class _Output(io.RawIOBase):
    def __init__(self, running: Running, name: str) -> None:
        super().__init__()
        self._running = running
        self._name = name
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer; fewer bytes only at the end."""
        with memoryview(buffer).cast("B") as view:
            filled = 0
            while filled < len(view) and self._has_more():
                part = self._rest[: len(view) - filled]
                view[filled : filled + len(part)] = part
                self._rest = self._rest[len(part) :]
                filled += len(part)
        if not filled and self._ended:
            self._require_success()
        return filled

    def _has_more(self) -> bool:
        if not self._rest and not self._ended:
            self._rest = memoryview(self._running.read())
            self._ended = not self._rest
        return not self._ended

    def _require_success(self) -> None:
        status = self._running.status()
        if status == 0:
            return
        how = f"ended with status {status}" if status is not None else "was ended before it had finished"
        raise RefusedError(
            f"the command of {self._name} {how}; it wrote {self._running.lines} lines to its standard error",
            untouched="everything else on the host; what it had written so far is incomplete",
            todo="run it by hand on the host to see why",
        )
