"""A whole exit on record: a real ledger, real SSH keys of made-up people, and what a forger would do to the bundle of it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from core.archive.inventory import take_inventory
from core.evidence.bundle import EvidenceBundle, write_bundle
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import (
    Action,
    Assurance,
    Dataset,
    Engagement,
    EntryKind,
    ExitPlan,
    Grant,
    GrantState,
    InventoryItem,
    ItemKind,
    Obligation,
    ObligationSide,
    Party,
    Person,
    Receipt,
    Verdict,
)
from core.signatures.forms import (
    IRREVERSIBLE,
    acknowledgement_statement,
    approval_statement,
    conversation_statement,
    election_statement,
    waiver_statement,
)
from core.signatures.sshsig import sign
from core.signatures.statements import Statement, namespace

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
CUTOFF = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
ORIGIN = "msp.example/offboard/acme"
CAROL = "carol.private@acme.example"
"""Where letters to the client go: not her principal, which proves what she signed."""
SPITEFUL = "<script>alert(1)</script> & the old server"
KEYGEN: dict[str, Callable[[], Any]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
}


def new_key(kind: str = "ed25519") -> tuple[bytes, str]:
    key: Any = rsa.generate_private_key(65537, 3072) if kind == "rsa" else KEYGEN[kind]()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return pem, line.decode()


@dataclass(frozen=True)
class People:
    """Who signs, with their private keys by principal."""

    persons: tuple[Person, ...]
    private: dict[str, bytes]

    def __getitem__(self, name: str) -> Person:
        return next(one for one in self.persons if one.principal.startswith(f"{name}@"))


def item(path: str, size: int) -> InventoryItem:
    return InventoryItem(dataset="files-server", path=path, kind=ItemKind.FILE, size=size, mtime_ns=1)


@dataclass(frozen=True)
class Listed:
    """A data source that shows a given list."""

    items: Sequence[InventoryItem]
    name: str = "files-server"

    def dataset(self) -> Dataset:
        return Dataset(source=self.name, selectors=("/srv",))

    def inventory(self) -> Iterator[InventoryItem]:
        return iter(self.items)

    def open(self, item: InventoryItem) -> AbstractContextManager[BinaryIO]:
        raise FileNotFoundError(item.path)


GRANTS = (
    Grant(system="files-server", id="SHA256:aaaa in /home/ops/.ssh/authorized_keys", holder="Tess", privilege="shell"),
    Grant(system="files-server", id="SHA256:bbbb in /root/.ssh/authorized_keys", holder="backup service", privilege="root", own=True),
)
FOR_GOOD = Grant(system="files-server", id="relationship 1", holder="Tess", privilege="administer", irreversible=True)


@dataclass
class Story:
    """Writes an exit to a ledger, an hour an entry."""

    ledger: Ledger
    engagement: Engagement
    people: People
    key: LogKey
    folder: Path
    now: datetime = START
    drawn: ExitPlan | None = None
    stack: ExitStack = field(default_factory=ExitStack)
    fence: int = 0
    grants: tuple[Grant, ...] = GRANTS

    @property
    def digest(self) -> str:
        return self.in_force.digest

    @property
    def in_force(self) -> ExitPlan:
        assert self.drawn
        return self.drawn

    def entry(self, kind: EntryKind, data: dict[str, Any], *, action: Action | None = None, subject: str = "") -> None:
        self.now += timedelta(hours=1)
        fence = self.fence if kind in {EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.FAILED, EntryKind.VERDICT} else None
        self.ledger.append(kind, at=self.now, action=action, subject=subject, data=data, fence=fence)

    def plan(self, grants: tuple[Grant, ...] = ()) -> None:
        plan = ExitPlan(
            engagement="acme",
            cutoff=self.engagement.cutoff,
            obligations=(Obligation(source="register", id="T-7", owed_by=ObligationSide.OURS, what=SPITEFUL, due=date(2026, 11, 20)),),
            datasets=(Listed(()).dataset(),),
            recipients=(),
            addresses={Party.CLIENT: "carol@acme.example"},
            credentials=(),
            documents=(),
            grants=grants or self.grants,
            negative_login=True,
            second_check_after_seconds=7200,
        )
        self.drawn = plan
        document = self.ledger.put_document(plan.canonical, "application/json")
        self.entry(EntryKind.PLAN, {"plan-sha256": plan.digest, "document": document, "cutoff": plan.cutoff.instant.isoformat()})

    def sign(self, statement: Statement, *, private: bytes | None = None, purpose: str = "") -> None:
        principal = statement.one("principal")
        name = f"offboard-{purpose}@msp.example" if purpose else namespace(statement.purpose, "msp.example")
        text = statement.text
        data = {
            "principal": principal,
            "key": self.people[principal.split("@")[0]].keys[0],
            "text-sha256": hashlib.sha256(text.encode()).hexdigest(),
            "text": text,
            "signature": sign(private or self.people.private[principal], text.encode(), name),
        }
        self.entry(EntryKind.STATEMENT, data, subject=statement.purpose)

    def approve(self, name: str, *, private: bytes | None = None, purpose: str = "", days: int = 60, **more: Any) -> None:  # noqa: ANN401 - handed on
        form = approval_statement(self.digest, self.people[name], self.engagement, self.now, timedelta(days=days), **more)
        self.sign(form, private=private, purpose=purpose)

    def act(self, action: Action, subject: str, done: str, **facts: Any) -> None:  # noqa: ANN401 - whatever a receipt counts
        self.entry(EntryKind.INTENT, {}, action=action, subject=subject)
        self.entry(EntryKind.RECEIPT, Receipt(done=done, facts=facts).model_dump(mode="json"), action=action, subject=subject)

    def deliver(self, *, read_back: bool = True) -> None:
        """The archive and the package of the plan in force."""
        facts = {"files": 3, "bytes": 12, "manifest_sha256": "0" * 64}
        archive, package = self.in_force.archive_subject, self.in_force.package_subject
        self.act(Action.EXPORT, archive, "3 files, 12 bytes in 1 volume", **facts)
        self.act(Action.HAND_OVER, package, "2 credentials", credentials=2)
        for action, subject in ((Action.EXPORT, archive), (Action.HAND_OVER, package)) if read_back else ():
            verdict = Verdict(assurance=Assurance.OBSERVED, evidence=f"the {subject.split()[0]} has its sums")
            self.entry(EntryKind.VERDICT, verdict.model_dump(mode="json"), action=action, subject=subject)

    def control(self, *, proved: bool = True) -> None:
        self.entry(EntryKind.CONTROL, {"proved": proved, "evidence": "the server would accept a key of Carol's"}, subject="files-server")

    def see(self, subject: str, state: GrantState, check: str = "first", action: Action = Action.REVOKE) -> None:
        assurance = Assurance.UNKNOWN if state is GrantState.UNKNOWN else Assurance.OBSERVED
        verdict = Verdict(state=state, assurance=assurance, evidence="our key was tried once")
        self.entry(EntryKind.VERDICT, verdict.model_dump(mode="json") | {"check": check}, action=action, subject=subject)

    def inventory(self, when: str, items: Sequence[InventoryItem]) -> None:
        body = take_inventory(Listed(items))
        document = self.ledger.put_document(body, "application/jsonl")
        self.entry(EntryKind.INVENTORY, {"when": when, "document": document, "items": len(items)}, subject="files-server")

    def begin(self) -> None:
        """From the plan to the client's receipt."""
        client, now = self.people["carol"], self.now
        self.plan()
        self.approve("alice")
        self.approve("bob")
        for name in ("alice", "bob") if any(grant.irreversible for grant in self.grants) else ():
            self.approve(name, scope=IRREVERSIBLE)
        self.sign(conversation_statement(self.people["alice"], self.engagement, self.now, held_at=now, channel="phone", with_whom="Carol"))
        self.sign(election_statement(self.digest, client, self.engagement, self.now, deliver_to=(Party.CLIENT,), copies="delete"))
        owed = self.in_force.obligations[0].subject
        for name in ("alice", "bob"):
            form = waiver_statement(
                self.digest, self.people[name], self.engagement, self.now, subject=f"obligation {owed}", reason="agreed"
            )
            self.sign(form)
        self.inventory("before", [item("a.txt", 3), item("b.txt", 4), item("gone.txt", 5)])
        self.act(Action.SETTLE, owed, "waived by two executives")
        waived = Verdict(assurance=Assurance.WAIVED, evidence="waived by two executives")
        self.entry(EntryKind.VERDICT, waived.model_dump(mode="json"), action=Action.SETTLE, subject=owed)
        self.deliver()
        letter = self.ledger.put_document(b"Subject: Your exit\n\nDear Carol", "text/plain")
        to = [self.ledger.put_personal(CAROL)]
        self.entry(EntryKind.INTENT, {"document": letter, "to": to}, action=Action.NOTIFY, subject="confirmation letter")
        sent = Receipt(done=f"accepted by the mail server, for {CAROL}", facts={"recipients": [CAROL]}).model_dump(mode="json")
        self.entry(EntryKind.RECEIPT, sent, action=Action.NOTIFY, subject="confirmation letter")
        self.sign(acknowledgement_statement(client, self.engagement, self.now, package=("0" * 64, "ABCD", 2)))
        self.entry(EntryKind.SCHEDULED, {"at": "2026-12-01T01:00:00Z"}, subject="cutoff")
        self.entry(EntryKind.HELD, {"why": "the file server did not answer"})
        self.entry(EntryKind.INTENT, {}, action=Action.NOTIFY, subject="notice")
        self.entry(EntryKind.FAILED, {"why": "the mail server is busy"}, action=Action.NOTIFY, subject="notice")

    def revoke(self, states: Sequence[GrantState] = ()) -> None:
        self.now = CUTOFF
        self.inventory("after", [item("a.txt", 3), item("b.txt", 40), item("c.txt", 1)])
        self.control()
        self.take_away(states)

    def take_away(self, states: Sequence[GrantState] = ()) -> None:
        for grant in self.grants:
            self.act(Action.REVOKE, grant.subject, "key line taken out")
            self.see(grant.subject, GrantState.REVOKED)
        for grant, state in zip(self.grants, states or [GrantState.REVOKED] * len(self.grants), strict=True):
            self.see(grant.subject, state, check="second")

    @staticmethod
    def subject(number: int) -> str:
        return GRANTS[number].subject

    def close(self) -> None:
        self.entry(EntryKind.CLOSED, {"plan-sha256": self.digest, "grants": len(self.grants)})

    def sweep(self, name: str, states: Sequence[GrantState], *, following: str = "", missed: Sequence[str] = ()) -> None:
        """Look from outside at each grant, as the program does: announced, seen, and counted at the end."""
        for grant, state in zip(GRANTS, states, strict=True):
            self.entry(EntryKind.INTENT, {"check": f"sweep {name}"}, action=Action.SWEEP, subject=grant.subject)
            self.see(grant.subject, state, f"sweep {name}", Action.SWEEP)
        found = [grant.subject for grant, state in zip(GRANTS, states, strict=True) if state is GrantState.ACTIVE]
        counts = {str(state): list(states).count(state) for state in GrantState}
        self.entry(
            EntryKind.SWEEP, {"grants": 2, **counts, "found": found, "missed": list(missed), "next": following, "due": ""}, subject=name
        )

    def bundle(self, name: str = "bundle") -> EvidenceBundle:
        return write_bundle(
            self.ledger, self.engagement, self.folder / name, key=self.key, now=self.now + timedelta(hours=1), audience="the client"
        )


NewStory = Callable[[Path], Story]
