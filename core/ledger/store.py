"""The ledger: entries that are only ever appended, documents by their digest, and signed checkpoints over all entries.

The one place of core that talks to a database (with `database` and `lease` beside it).
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import AwareDatetime
from sqlalchemy import Connection, func, insert, select

from core.errors import ConfigurationError, LedgerError, StaleHolderError
from core.ledger.database import CHECKPOINTS, DOCUMENTS, ENTRIES, Database, add_lease_row, lock
from core.ledger.entries import line, read_line
from core.ledger.merkle import RightEdge, leaf_hash
from core.ledger.note import LogKey, verify_checkpoint
from core.ledger.replay import replay_entries
from core.model import Action, Checkpoint, EntryKind, LedgerEntry

FENCED: Final = frozenset({EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT})
"""What only the holder of the lease may write: whoever acts on a system."""

_PAGE: Final = 1_000


class Ledger:
    """The ledger of one engagement. Several processes and threads may have it open at once; what is appended is in one order for all."""

    def __init__(self, url: str, engagement: str, key: LogKey) -> None:
        """Open it, and make it if it is new.

        `url` as SQLAlchemy reads it, `engagement` = the slug; the key's origin must end in `/offboard/<slug>`.
        Raises ConfigurationError, UnavailableError, LedgerError.
        """
        if not key.origin.endswith(f"/offboard/{engagement}"):
            raise ConfigurationError([f"the log's key is for {key.origin}, not for the engagement {engagement}"])
        self.engagement = engagement
        self.database = Database(url)
        self._key = key
        with self.database.write() as connection:
            add_lease_row(connection, engagement)

    @property
    def vkey(self) -> str:
        """The verifier key of its checkpoints."""
        return self._key.vkey

    def append(
        self,
        kind: EntryKind,
        *,
        at: AwareDatetime,
        action: Action | None = None,
        subject: str = "",
        data: Mapping[str, Any] | None = None,
        fence: int | None = None,
    ) -> LedgerEntry:
        """Append one entry, durably: it is on the disk when this returns. If it raises, nothing was written.

        Intents, receipts and verdicts need the fence of the lease's holder. A fence that is given is checked for every kind.
        Raises StaleHolderError if it is not the current holder's or is missing, ValueError (too long, naive time, lone surrogate) or
        TypeError (`data` is not JSON without floats), UnavailableError.
        """
        with self.database.write() as connection:
            self._require_holder(connection, kind, fence)
            entry = LedgerEntry(
                engagement=self.engagement,
                number=self._size(connection),
                at=at,
                kind=kind,
                action=action,
                subject=subject,
                fence=fence,
                data=data or {},
            )
            body = line(entry)
            connection.execute(insert(ENTRIES).values(engagement=self.engagement, number=entry.number, body=body, leaf=leaf_hash(body)))
        return read_line(body)

    def entries(
        self, *, kind: EntryKind | None = None, action: Action | None = None, subject: str | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Read the entries in order, all or those that match. Raises LedgerError for one that does not fit its leaf."""
        return tuple(
            entry
            for entry in map(read_line, self.lines())
            if kind in (None, entry.kind) and action in (None, entry.action) and subject in (None, entry.subject)
        )

    def lines(self) -> Iterator[bytes]:
        """Read the canonical bytes of each entry in order, without line ends. Raises LedgerError as `entries` does."""
        for number, body, leaf in self._rows():
            if leaf_hash(body) != leaf:
                raise LedgerError(
                    f"entry {number} of the ledger was altered",
                    todo="stop all passes of this engagement and find out who altered the database",
                )
            yield body

    def size(self) -> int:
        """Count the entries."""
        with self.database.read() as connection:
            return self._size(connection)

    def root(self) -> bytes:
        """Compute the tree's root over the stored leaves."""
        edge = RightEdge()
        for _, _, leaf in self._rows():
            edge.add(leaf)
        return edge.root()

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Read all stored checkpoints, smallest first. Raises LedgerError for one that our key did not sign."""
        query = select(CHECKPOINTS.c.size, CHECKPOINTS.c.note).where(CHECKPOINTS.c.engagement == self.engagement)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(CHECKPOINTS.c.size)).all()
        found = []
        for size, note in rows:
            checkpoint = verify_checkpoint(note, self._key.vkey)
            if checkpoint.size != size:
                raise LedgerError(f"the checkpoint stored for size {size} is of size {checkpoint.size}", todo="find out who altered it")
            found.append(checkpoint)
        return tuple(found)

    def replay(self) -> tuple[int, bytes]:
        """Recompute everything from the entries' bytes and hold it against stored leaves and checkpoints; return size and root.

        Raises LedgerError that names the entry, or the checkpoint and the entries before it. What it cannot see: entries after the last
        checkpoint cut off at the end, and a database replaced as a whole by whoever has the log's key; for that, others hold checkpoints.
        """
        # Checkpoints first: entries only grow, so whatever is read after them must cover them.
        checkpoints = self.checkpoints()
        return replay_entries(self.engagement, self._rows(), checkpoints)

    def checkpoint(self) -> Checkpoint:
        """Replay, sign size and root, store and return it. Raises LedgerError, and signs nothing, if the ledger was altered or cut."""
        size, root = self.replay()
        note = self._key.sign_checkpoint(size, root)
        with self.database.write() as connection:
            lock(connection, self.engagement)
            here = (CHECKPOINTS.c.engagement == self.engagement) & (CHECKPOINTS.c.size == size)
            if connection.execute(select(CHECKPOINTS.c.size).where(here)).first() is None:
                connection.execute(insert(CHECKPOINTS).values(engagement=self.engagement, size=size, note=note))
        return verify_checkpoint(note, self._key.vkey)

    def put_document(self, body: bytes, media_type: str) -> str:
        """Store bytes under their SHA-256 (lower case hex), durably; again is fine, and keeps the first media type."""
        digest = hashlib.sha256(body).hexdigest()
        with self.database.write() as connection:
            lock(connection, self.engagement)
            here = (DOCUMENTS.c.engagement == self.engagement) & (DOCUMENTS.c.digest == digest)
            if connection.execute(select(DOCUMENTS.c.digest).where(here)).first() is None:
                connection.execute(insert(DOCUMENTS).values(engagement=self.engagement, digest=digest, media_type=media_type, body=body))
        return digest

    def document(self, digest: str) -> bytes:
        """Read a document of this engagement. Raises LedgerError if it is not there or does not fit its digest."""
        here = (DOCUMENTS.c.engagement == self.engagement) & (DOCUMENTS.c.digest == digest)
        with self.database.read() as connection:
            body = connection.execute(select(DOCUMENTS.c.body).where(here)).scalar_one_or_none()
        if body is None:
            raise LedgerError(f"the ledger has no document {digest}", todo="find out who altered the database")
        if hashlib.sha256(body).hexdigest() != digest:
            raise LedgerError(f"the document {digest} was altered in the ledger", todo="find out who altered the database")
        return bytes(body)

    def documents(self) -> tuple[tuple[str, str], ...]:
        """List digest and media type of this engagement's documents, sorted by digest."""
        query = select(DOCUMENTS.c.digest, DOCUMENTS.c.media_type).where(DOCUMENTS.c.engagement == self.engagement)
        with self.database.read() as connection:
            return tuple((row[0], row[1]) for row in connection.execute(query.order_by(DOCUMENTS.c.digest)))

    def close(self) -> None:
        """Close all connections to the database."""
        self.database.close()

    def _require_holder(self, connection: Connection, kind: EntryKind, fence: int | None) -> None:
        current, holder, _, _ = lock(connection, self.engagement)
        if fence is None and kind not in FENCED:
            return
        if not holder or fence != current:
            raise StaleHolderError(
                f"this pass may not write to the ledger: the lease on {self.engagement} "
                + (f"is held by {holder} (token {current})" if holder else "is held by nobody")
                + (f", ours was {fence}" if fence is not None else ", and none was given"),
                untouched="the ledger",
                todo="nothing: the present holder, or the next pass, looks at what was begun",
            )

    def _size(self, connection: Connection) -> int:
        last = connection.execute(select(func.max(ENTRIES.c.number)).where(ENTRIES.c.engagement == self.engagement)).scalar()
        return 0 if last is None else int(last) + 1

    def _rows(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Read number, body and leaf a page at a time, so that no transaction stays open while the caller is busy."""
        last = -(2**63)
        while True:
            query = (
                select(ENTRIES.c.number, ENTRIES.c.body, ENTRIES.c.leaf)
                .where(ENTRIES.c.engagement == self.engagement, ENTRIES.c.number > last)
                .order_by(ENTRIES.c.number)
                .limit(_PAGE)
            )
            with self.database.read() as connection:
                page = connection.execute(query).all()
            for number, body, leaf in page:
                yield int(number), bytes(body), bytes(leaf)
            if len(page) < _PAGE:
                return
            last = int(page[-1][0])
