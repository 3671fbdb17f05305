"""Honest ledgers at random: exits that kept every rule, with all that goes wrong in good faith, as bundles in memory."""

import hashlib
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from made_up_exit import CUTOFF, GRANTS, Listed, People

from core.evidence.bundle import Record
from core.evidence.verify import Bag
from core.handover.receipt import commitment
from core.ledger.entries import line
from core.ledger.merkle import RightEdge, leaf_hash
from core.ledger.note import LogKey, verify_checkpoint
from core.ledger.rotation import rotation_data
from core.model import Action, Checkpoint, Engagement, EntryKind, ExitPlan, LedgerEntry, Party, Person
from core.signatures.forms import acknowledgement_statement, approval_statement, waiver_statement
from core.signatures.sshsig import sign
from core.signatures.statements import Statement, namespace

CODES = {"archive": "AAAA-BBBB-CCCC", "package": "DDDD-EEEE-FFFF"}


class InMemory(Bag):
    """A bundle that was never written to a disk."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(Path("/nowhere"))
        self.files = files

    def has(self, name: str) -> bool:
        return name in self.files

    def read(self, name: str) -> bytes:
        return self.files[name]

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.files[name]).hexdigest()

    def names(self, below: str = "") -> set[str]:
        return {name for name in self.files if name.startswith(below)}

    @property
    def lines(self) -> list[bytes]:  # type: ignore[override] # it is cached there
        return self.files["data/ledger.jsonl"].splitlines()


class Honest:
    """Walks an exit at random, as the program may: steps fail, are repeated, plans drawn anew, keys replaced, checkpoints anchored."""

    def __init__(self, seed: int, engagement: Engagement, people: People, keys: list[LogKey]) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - made-up histories
        self.engagement, self.people, self.keys = engagement, people, list(keys)
        self.key, self.now, self.fence = self.keys.pop(0), datetime(2026, 11, 2, 9, tzinfo=UTC), 1
        self.lines: list[bytes] = []
        self.documents: dict[str, bytes] = {}
        self.edge = RightEdge()
        self.plan = self._plan(GRANTS)

    def put(self, body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        self.documents[digest] = body
        return digest

    def entry(self, kind: EntryKind, data: dict[str, Any], action: Action | None = None, subject: str = "") -> None:
        self.now += timedelta(seconds=self.chance.randrange(7200))
        fence = self.fence if action else None
        made = LedgerEntry(
            engagement="acme", number=len(self.lines), at=self.now, kind=kind, action=action, subject=subject, fence=fence, data=data
        )
        self.lines.append(line(made))
        self.edge.add(leaf_hash(self.lines[-1]))
        if self.chance.random() < 0.1:
            self._interrupt()

    def checkpoint(self) -> Checkpoint:
        return verify_checkpoint(self.key.sign_checkpoint(self.edge.size, self.edge.root()), self.key.vkey)

    def record(self) -> Record:
        return Record(self.engagement, self.key, self.checkpoint(), self.lines, self.documents.__getitem__, self.now, "the client")

    def walk(self) -> "Honest":
        """Go as far as chance will have it."""
        for step in (self.draw, self.approve, self.deliver, self.acknowledge, self.control, self.revoke, self.close):
            if self.chance.random() < 0.05:
                break
            step()
        return self

    def _plan(self, grants: tuple[Any, ...]) -> ExitPlan:
        datasets = (Listed(()).dataset(),)
        nothing: dict[str, Any] = dict.fromkeys(("obligations", "recipients", "credentials", "documents"), ())
        return ExitPlan(
            engagement="acme",
            cutoff=self.engagement.cutoff,
            datasets=datasets,
            addresses={Party.CLIENT: "carol@acme.example"},
            grants=grants,
            negative_login=False,
            second_check_after_seconds=7200,
            **nothing,
        )

    def _interrupt(self) -> None:
        what = self.chance.randrange(4)
        if what == 0:
            self.fence += 1
        elif what == 1:
            self.entry(EntryKind.HELD, {"why": "a system did not answer"})
        elif what == 2:
            self._anchor()
        elif self.keys:
            new, at = self.keys.pop(0), self.edge.size
            data, self.key = rotation_data(self.key, new, at, self.edge.root(), "a test"), new
            self.entry(EntryKind.ROTATION, data)

    def _anchor(self) -> None:
        made = self.checkpoint()
        data = {"how": "copy", "size": made.size, "root": made.root.hex(), "by": "a store", "why": "a test", "place": "x"}
        self.entry(EntryKind.ANCHOR, data | {"checkpoint-document": self.put(made.note.encode())}, subject=f"checkpoint {made.size}")

    def _sign(self, statement: Statement) -> None:
        who, text = statement.one("principal"), statement.text
        key = next(one for one in self.people.persons if one.principal == who).keys[0]
        signature = sign(self.people.private[who], text.encode(), namespace(statement.purpose, "msp.example"))
        data = {
            "principal": who,
            "key": key,
            "text": text,
            "signature": signature,
            "text-sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
        self.entry(EntryKind.STATEMENT, data, subject=statement.purpose)

    def _executives(self) -> list[Person]:
        return [self.people["alice"], self.people["dora"]]

    def draw(self) -> None:
        for grants in self.chance.choice(((GRANTS,), (GRANTS[:1], GRANTS), (GRANTS, GRANTS))):
            self.plan = self._plan(grants)
            digest = self.put(self.plan.canonical)
            self.entry(EntryKind.PLAN, {"plan-sha256": self.plan.digest, "document": digest, "cutoff": CUTOFF.isoformat()})

    def approve(self) -> None:
        kinds = self.chance.choice((["approve"], ["approve", "rescind", "approve"]))
        for decision in kinds:
            for person in self._executives():
                self._sign(approval_statement(self.plan.digest, person, self.engagement, self.now, timedelta(days=90), decision=decision))  # type: ignore[arg-type] # one of its two

    def _do(self, action: Action, subject: str, facts: dict[str, Any], verdict: dict[str, str]) -> None:
        for _ in range(self.chance.choice((1, 1, 2))):
            self.entry(EntryKind.INTENT, {}, action, subject)
            if self.chance.random() < 0.2:
                self.entry(EntryKind.FAILED, {"why": "it did not answer"}, action, subject)
        self.entry(EntryKind.RECEIPT, {"done": "done", "undo": {}, "facts": facts}, action, subject)
        self.entry(EntryKind.VERDICT, {"assurance": "observed", "evidence": "read back"} | verdict, action, subject)

    def deliver(self) -> None:
        for action, name in ((Action.EXPORT, "archive"), (Action.HAND_OVER, "package")):
            subject = {"archive": self.plan.archive_subject, "package": self.plan.package_subject}[name]
            self._do(action, subject, {"salt": "5a17", "commitment": commitment("5a17", CODES[name])}, {})

    def acknowledge(self) -> None:
        if self.chance.random() < 0.2:
            for person in self._executives():
                self._sign(waiver_statement(self.plan.digest, person, self.engagement, self.now, subject="receipt", reason="no answer"))
            return
        codes = self.chance.choice((["AAAA-BBBB-CCCD", CODES["archive"]], [CODES["archive"]], [CODES["archive"].lower().replace("-", "")]))
        for code in codes:  # a wrong one is on record as well, and counts for nothing
            archive, package = ("0" * 64, code), ("0" * 64, CODES["package"], 2)
            self._sign(acknowledgement_statement(self.people["carol"], self.engagement, self.now, archive=archive, package=package))

    def control(self) -> None:
        for proved in self.chance.choice(((True,), (False, True))):
            self.entry(EntryKind.CONTROL, {"system": "files-server", "proved": proved, "evidence": "seen"}, subject="files-server")

    def revoke(self) -> None:
        for grant in self.plan.grants:
            self._do(Action.REVOKE, grant.subject, {}, {"state": self.chance.choice(("revoked", "unknown"))})
        for grant in self.plan.grants:
            self.entry(EntryKind.VERDICT, {"state": "revoked", "assurance": "observed", "evidence": "seen"}, Action.REVOKE, grant.subject)

    def close(self) -> None:
        self.entry(EntryKind.CLOSED, {"plan-sha256": self.plan.digest, "grants": len(self.plan.grants)})
