"""What is too long for an entry: plans, letters, inventories, kept by their SHA-256, which entries name."""

import hashlib

from sqlalchemy import insert, select

from core.errors import LedgerError
from core.ledger.database import Database, lock
from core.ledger.tables import DOCUMENTS


class Documents:
    """The documents of one engagement."""

    def __init__(self, database: Database, engagement: str) -> None:
        self.database = database
        self.engagement = engagement

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
