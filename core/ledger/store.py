"""The ledger: entries that are only ever appended, documents by their digest, and signed checkpoints over all entries.

The one place of core that talks to a database (with `database`, `rows`, `documents` and `lease` beside it).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pydantic import AwareDatetime
from sqlalchemy import Connection, insert, select

from core.errors import ConfigurationError, LedgerError, RefusedError, StaleHolderError
from core.ledger import rows
from core.ledger.database import Database, add_lease_row, lock, prolong
from core.ledger.documents import Documents
from core.ledger.entries import read_line
from core.ledger.merkle import RightEdge, leaf_hash
from core.ledger.note import LogKey, verify_checkpoint
from core.ledger.personal import PersonalData
from core.ledger.replay import replay_entries
from core.ledger.rotation import KeyHistory, KeyPeriod, rotation_data
from core.ledger.tables import CHECKPOINTS
from core.model import Action, Checkpoint, EntryKind, LedgerEntry

FENCED: Final = frozenset({EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT})
"""What only the holder of the lease may write: whoever acts on a system."""


class Ledger(Documents, PersonalData):
    """The ledger of one engagement. Several processes and threads may have it open at once; what is appended is in one order for all."""

    def __init__(self, url: str, engagement: str, key: LogKey) -> None:
        """Open it, and make it if it is new.

        `url` as SQLAlchemy reads it, `engagement` = the slug; the key's origin must end in `/offboard/<slug>`.
        Raises ConfigurationError, UnavailableError, LedgerError.
        """
        if not key.origin.endswith(f"/offboard/{engagement}"):
            raise ConfigurationError([f"the log's key is for {key.origin}, not for the engagement {engagement}"])
        super().__init__(Database(url), engagement)
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
        """Append one entry, durably: it is on the disk when this returns. If it raises, nothing was written (but see `Database.write`).

        Intents, receipts and verdicts need the fence of the lease's holder. A fence that is given is checked for every kind.
        Raises StaleHolderError if it is not the current holder's or is missing, ValueError (too long, naive time, lone surrogate) or
        TypeError (`data` is not JSON without floats), UnavailableError.
        """
        return self.append_each(kind, {subject: data or {}}, at=at, action=action, fence=fence)[0]

    def append_each(
        self,
        kind: EntryKind,
        data: Mapping[str, Mapping[str, Any]],
        *,
        at: AwareDatetime,
        action: Action | None = None,
        fence: int | None = None,
        lease_until: int | None = None,
    ) -> list[LedgerEntry]:
        """Append an entry for each subject with its data, as `append` does: all of them, or none.

        `lease_until` prolongs the holder's lease with it, see `database.prolong`.
        """
        with self.database.write() as connection:
            self._require_holder(connection, kind, fence)
            if lease_until is not None:
                prolong(connection, self.engagement, lease_until)
            entries = [
                LedgerEntry(
                    engagement=self.engagement,
                    number=number,
                    at=at,
                    kind=kind,
                    action=action,
                    subject=subject,
                    fence=fence,
                    data=self._without_values(connection, kind, action, one),
                )
                for number, (subject, one) in enumerate(data.items(), rows.count(connection, self.engagement))
            ]
            bodies = [rows.write(connection, entry) for entry in entries]
        return [read_line(body) for body in bodies]

    def entries(
        self, *, kind: EntryKind | None = None, action: Action | None = None, subject: str | None = None
    ) -> tuple[LedgerEntry, ...]:
        """Read the entries in order, all or those that match. Raises LedgerError for one that does not fit its leaf.

        What matches is found without reading the rest, however long the ledger is. That none was hidden is what `replay` finds out.
        """
        return tuple(self._matching(kind, action, None if subject is None else (subject,)))

    def entries_of(self, subjects: Collection[str]) -> tuple[LedgerEntry, ...]:
        """Read the entries of some subjects in order, by one look; as `entries` does."""
        return tuple(self._matching(None, None, subjects))

    def last(self, kind: EntryKind | None = None, *, action: Action | None = None, subject: str | None = None) -> LedgerEntry | None:
        """Read the newest entry that matches, if there is one; as `entries` does."""
        return next(self._matching(kind, action, None if subject is None else (subject,), newest_first=True), None)

    def lines(self) -> Iterator[bytes]:
        """Read the canonical bytes of each entry in order, without line ends. Raises LedgerError as `entries` does."""
        return (row.whole() for row in self._rows())

    def line(self, number: int) -> bytes:
        """Read the canonical bytes of one entry. Raises LedgerError if it is not there, or as `entries` does."""
        with self.database.read() as connection:
            row = rows.one(connection, self.engagement, number)
        if row is None:
            raise LedgerError(f"the ledger has no entry {number}")
        return row.whole()

    def leaves(self) -> Iterator[bytes]:
        """Read the hash of each entry in order, the leaves of the tree. Raises LedgerError as `entries` does."""
        return (leaf_hash(line) for line in self.lines())

    def size(self) -> int:
        """Count the entries."""
        with self.database.read() as connection:
            return rows.count(connection, self.engagement)

    def root(self) -> bytes:
        """Compute the tree's root over the stored leaves."""
        edge = RightEdge()
        for row in self._rows():
            edge.add(row.leaf)
        return edge.root()

    def key_history(self) -> tuple[KeyPeriod, ...]:
        """Tell by which keys checkpoints are signed, first to last. Raises LedgerError for a replacement that does not hold."""
        with self.database.read() as connection:
            return self._keys(connection).periods

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Read all stored checkpoints, smallest first. Raises LedgerError for one that the key then in force did not sign."""
        with self.database.read() as connection:
            return self._checkpoints(connection, self._keys(connection))

    def replay(self) -> tuple[int, bytes]:
        """Recompute everything from the entries' bytes and hold it against stored leaves and checkpoints; return size and root.

        Raises LedgerError that names the entry, or the checkpoint and the entries before it. What it cannot see: entries after the last
        checkpoint cut off at the end, and a database replaced as a whole by whoever has the log's key; for that, others hold checkpoints.
        """
        tree = self._replay()
        return tree.size, tree.root()

    def checkpoint(self) -> Checkpoint:
        """Replay, sign size and root, store and return it. Raises LedgerError, and signs nothing, if the ledger was altered or cut."""
        tree = self._replay()
        note = self._key.sign_checkpoint(tree.size, tree.root())
        with self.database.write() as connection:
            lock(connection, self.engagement)
            self._keys(connection)  # the key may have been replaced since
            self._store(connection, tree.size, note)
        return verify_checkpoint(note, self._key.vkey)

    def rotate(self, new: LogKey, *, at: AwareDatetime, reason: str, fence: int | None = None) -> LedgerEntry:
        """Replay, and hand over to a new key (see `rotation`): the old key's last checkpoint, the entry, the new key's first checkpoint.

        All are on the disk when this returns, or none is. Raises ConfigurationError (no other key, or for another log), LedgerError,
        StaleHolderError (a fence that is not the holder's).
        """
        old = self._key
        if new.origin != old.origin or new.vkey == old.vkey:
            raise ConfigurationError([f"the new key is the present one, or not a key for {old.origin}"])
        while True:
            tree = self._replay()
            with self.database.write() as connection:
                self._require_holder(connection, EntryKind.ROTATION, fence)
                if rows.count(connection, self.engagement) != tree.size:
                    continue  # somebody has appended meanwhile
                self._keys(connection)
                entry = LedgerEntry(
                    engagement=self.engagement,
                    number=tree.size,
                    at=at,
                    kind=EntryKind.ROTATION,
                    fence=fence,
                    data=rotation_data(old, new, tree.size, tree.root(), reason),
                )
                self._store(connection, tree.size, old.sign_checkpoint(tree.size, tree.root()))
                tree.add(leaf_hash(rows.write(connection, entry)))
                self._store(connection, tree.size, new.sign_checkpoint(tree.size, tree.root()))
            self._key = new
            return entry

    def close(self) -> None:
        """Close all connections to the database."""
        self.database.close()

    def _rows(self) -> Iterator[rows.Row]:
        return rows.pages(self.database, self.engagement, {})

    def _matching(
        self, kind: EntryKind | None, action: Action | None, subjects: Collection[str] | None, *, newest_first: bool = False
    ) -> Iterator[LedgerEntry]:
        conditions = rows.found_by(kind, action, subjects)
        for row in rows.pages(self.database, self.engagement, conditions, newest_first=newest_first):
            entry = read_line(row.whole())
            if kind in (None, entry.kind) and action in (None, entry.action) and (subjects is None or entry.subject in subjects):
                yield entry

    def _replay(self) -> RightEdge:
        # Checkpoints first: entries only grow, so whatever is read after them must cover them.
        with self.database.read() as connection:
            keys = self._keys(connection)
            checkpoints = self._checkpoints(connection, keys)
        return replay_entries(self.engagement, self._rows(), checkpoints + keys.handed_over)

    def _keys(self, connection: Connection) -> KeyHistory:
        """Read the history of the log's keys; ours has to be the last of them."""
        rotations = rows.page(connection, self.engagement, rows.found_by(EntryKind.ROTATION))
        history = KeyHistory([read_line(row.whole()) for row in rotations], self._key.vkey)
        if (vkey := history.periods[-1].vkey) == self._key.vkey:
            return history
        successor = self._key.successor()
        if successor and successor.vkey == vkey:  # killed right after it was recorded
            self._key.give_way()
        raise RefusedError(
            f"the log's key was replaced in entry {history.periods[-1].since - 1}: {vkey} is in force",
            untouched="the ledger",
            todo="start again; if this comes again, put the file of that key into its place",
        )

    def _checkpoints(self, connection: Connection, keys: KeyHistory) -> tuple[Checkpoint, ...]:
        query = select(CHECKPOINTS.c.size, CHECKPOINTS.c.note).where(CHECKPOINTS.c.engagement == self.engagement)
        found = []
        for size, note in connection.execute(query.order_by(CHECKPOINTS.c.size)):
            checkpoint = verify_checkpoint(note, keys.in_force(size))
            if checkpoint.size != size:
                raise LedgerError(f"the checkpoint stored for size {size} is of size {checkpoint.size}", todo="find out who altered it")
            found.append(checkpoint)
        keys.require_first_checkpoints({checkpoint.size for checkpoint in found})
        return tuple(found)

    def _store(self, connection: Connection, size: int, note: str) -> None:
        here = (CHECKPOINTS.c.engagement == self.engagement) & (CHECKPOINTS.c.size == size)
        if connection.execute(select(CHECKPOINTS.c.size).where(here)).first() is None:
            connection.execute(insert(CHECKPOINTS).values(engagement=self.engagement, size=size, note=note))

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
