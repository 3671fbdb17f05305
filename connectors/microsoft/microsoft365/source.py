"""A tenant at Microsoft 365 as a source of data."""

import io
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Annotated, BinaryIO, Literal, Self

from pydantic import ByteSize, Field, PrivateAttr, StringConstraints, model_validator

from connectors.microsoft.microsoft365.configuration import OWNER_ONLY
from connectors.microsoft.microsoft365.listing import listed
from connectors.microsoft.microsoft365.names import NOT_EXPORTED
from connectors.microsoft.microsoft365.permissions import missing, needed
from connectors.microsoft.microsoft365.reading import Reading
from connectors.microsoft.microsoft365.rules import Rules
from connectors.microsoft.microsoft365.unseen import Told, as_text, version
from connectors.microsoft.microsoft365.visit import Visit
from connectors.microsoft.permissions import expiry
from connectors.microsoft.settings import Tenancy
from core.model import Dataset, InventoryItem, ItemKind
from core.ports import Expiry, Missing, ReadFile

UserName = Annotated[str, StringConstraints(pattern=r"^[^\s/]{1,200}$")]


class Microsoft365(Tenancy):
    """A DataSource: configuration and logs of one tenant, and drives and mailboxes of those whom the engagement names. It cannot write.

    Paths: `configuration/AREA.csv` and `.json`, `logs/LOG.csv` and `.jsonl`, `drives/USER/DRIVE/…`, `mailboxes/USER/FOLDER/ID.eml`,
    and `NOT-EXPORTED.txt`. Raises UnavailableError where the service does not answer, RefusedError where it does not let us in.
    """

    kind: Literal["microsoft365"] = "microsoft365"
    name: str
    drives: tuple[UserName, ...] = Field(default=(), description="whose drives are exported: sign-in names or object ids")
    mailboxes: tuple[UserName, ...] = Field(default=(), description="whose mailboxes are exported: sign-in names or object ids")
    rate_limit: ByteSize | None = Field(default=None, gt=0, description="bytes a second, as 20MB")
    logs_kept_days: int = Field(
        default=7, ge=1, le=3650, description="for how many days the tenant keeps its logs: 30 with Entra ID P1 or P2"
    )
    _told: Told = PrivateAttr(default_factory=Told)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for field in ("drives", "mailboxes"):
            users = [user.casefold() for user in getattr(self, field)]
            if twice := next((user for user in users if users.count(user) > 1), None):
                raise ValueError(f"{field} names {twice} twice: name everybody once")
        return self

    def dataset(self) -> Dataset:
        """Say what is exported from here, without looking."""
        people = (*(f"the drives of {user}" for user in self.drives), *(f"the mailbox of {user}" for user in self.mailboxes))
        return Dataset(source=self.name, selectors=(f"tenant: {self.tenant_id}", "configuration", "logs", *people))

    def inventory(self) -> Iterator[InventoryItem]:
        """List everything, sorted by path as bytes. The configuration is read for it, and its files have its sums as versions.

        What may not be seen comes as OTHER, and stands in NOT-EXPORTED.txt.
        """
        visit = self._visit()
        items = listed(visit, self.name, self.mailboxes, self.drives)
        first = next(items, None)  # by now all is listed
        content = as_text(self.tenant_id, visit, drives=self.drives, mailboxes=self.mailboxes)
        self._told.text = content
        yield InventoryItem(self.name, NOT_EXPORTED, ItemKind.FILE, len(content), mode=OWNER_ONLY, version=version(content))
        if first is not None:
            yield first
        yield from items

    @contextmanager
    def open(self, item: InventoryItem) -> Iterator[BinaryIO]:
        """Read one file from its start; that of a drive says by `stat_now()` what size and mtime the content has.

        Raises FileNotFoundError if it has vanished, RefusedError if it may not be read, UnavailableError.
        """
        opened = Reading(self._visit(), self.mailboxes, self._not_exported).stream(item)
        with io.BytesIO(opened) if isinstance(opened, bytes) else opened as stream:
            yield stream

    def read_all(self, items: Iterable[InventoryItem]) -> Iterator[ReadFile]:
        """Read in this order: messages and files up to 4 MiB whole and several at a time, logs and larger files as streams."""
        with closing(Reading(self._visit(), self.mailboxes, self._not_exported).all(items)) as reading:
            yield from reading

    def logs_kept(self) -> timedelta:
        """Say for how long the tenant keeps its logs of sign-ins and of its directory: 7 days, 30 with a licence, as the file says.

        https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
        """
        return timedelta(days=self.logs_kept_days)

    def missing_permissions(self) -> tuple[Missing, ...]:
        """Sign in, and name what was not given. Without it that is left out of the export, and told in its place. Changes nothing."""
        return tuple(missing(self, needed(mail=bool(self.mailboxes), files=bool(self.drives))))

    def expiries(self) -> tuple[Expiry, ...]:
        """Tell until when our certificate is valid, if we come in by one; nobody is asked."""
        at = expiry(self.access)
        return (Expiry(f"the certificate {self.access.certificate}", at),) if at else ()

    def _not_exported(self) -> bytes:
        """Give the text of the last listing; list for it, if this process has not."""
        if self._told.text is None:
            for _ in self.inventory():
                pass
        return self._told.text or b""

    def _visit(self) -> Visit:
        return Visit(self, Rules(mailboxes=self.mailboxes, owners=self.drives))
