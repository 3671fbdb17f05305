"""What the tenant has logged, newest first, as long as it keeps it: read anew each time, and never held whole."""

import io
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connectors.microsoft.microsoft365.configuration import OWNER_ONLY
from connectors.microsoft.microsoft365.names import LOGS
from connectors.microsoft.microsoft365.tables import bare, heading, json_line, row
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.session import Entity
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MOST: Final = "999"


@dataclass(frozen=True)
class Log:
    """One log. `instant` names the property that says when."""

    name: str
    operation: str
    instant: str
    columns: Mapping[str, str]


DIRECTORY: Final = Log(
    "directory-audits",
    "list_audits",
    "activityDateTime",
    {"When": "activityDateTime", "What": "activityDisplayName", "Category": "category", "Result": "result", "Why": "resultReason"}
    | {"By person": "initiatedBy/user/userPrincipalName", "By application": "initiatedBy/app/displayName"}
    | {"From": "initiatedBy/user/ipAddress", "On": "targetResources", "Id": "id"},
)
SIGN_INS: Final = Log(
    "sign-ins",
    "list_sign_ins",
    "createdDateTime",
    {"When": "createdDateTime", "Sign-in name": "userPrincipalName", "Name": "userDisplayName", "Application": "appDisplayName"}
    | {"From": "ipAddress", "By": "clientAppUsed", "A person": "isInteractive", "Error": "status/errorCode", "Why": "status/failureReason"}
    | {"Home tenant": "homeTenantId", "Id": "id"},
)
EVERY: Final = (DIRECTORY, SIGN_INS)
_ENDINGS: Final = ("csv", "jsonl")


def items(visit: Visit, dataset: str, log: Log) -> Iterator[InventoryItem]:
    """Say that a log is there, if we may read it: one entry is asked for. How long it is shows when it is read."""
    next(visit.graph.pages(log.operation, top="1"), None)
    for ending in _ENDINGS:
        yield InventoryItem(dataset, f"{LOGS}/{log.name}.{ending}", ItemKind.FILE, UNKNOWN_SIZE, mode=OWNER_ONLY)


def log_of(path: str) -> tuple[Log, str]:
    """Find whose file this is, and which of the two. Raises FileNotFoundError."""
    for log in EVERY:
        for ending in _ENDINGS:
            if path == f"{LOGS}/{log.name}.{ending}":
                return log, ending
    raise FileNotFoundError(f"there is no {path} in this source")


class LogStream(io.RawIOBase):
    """A log as text. `details` say at its end how many entries there were, and the instants of the oldest and the newest."""

    def __init__(self, visit: Visit, log: Log, ending: str) -> None:
        super().__init__()
        self.details = {"Log": log.name}
        self._pieces = self._write(visit, log, ending)
        self._rest = b""

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill the buffer; 0 only at the end. Raises UnavailableError, RefusedError."""
        with memoryview(buffer).cast("B") as view:
            filled = 0
            while filled < len(view):
                self._rest = self._rest or next(self._pieces, b"")
                if not self._rest:
                    break
                part = self._rest[: len(view) - filled]
                view[filled : filled + len(part)] = part
                self._rest = self._rest[len(part) :]
                filled += len(part)
            return filled

    def close(self) -> None:
        """Give it up. Twice is fine."""
        self._pieces.close()
        super().close()

    def _write(self, visit: Visit, log: Log, ending: str) -> Generator[bytes, None, None]:
        if ending == "csv":
            yield heading(log.columns)
        count, instants = 0, list[str]()
        for found in visit.graph.pages(log.operation, top=_MOST):
            entry: Entity = bare(found)
            count += 1
            instants = [one for one in (*instants, entry.get(log.instant)) if one]
            instants = [min(instants), max(instants)] if instants else []
            yield row(entry, log.columns) if ending == "csv" else json_line(entry) + b"\n"
        self.details["Entries"] = str(count)
        if instants:
            self.details |= {"Oldest": instants[0], "Newest": instants[-1]}
