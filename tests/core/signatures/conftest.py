"""People with real SSH keys, and the engagement that names them."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.client_check.asked import Asked
from core.client_check.looking import Look, look_statement
from core.model import Client, CutoffDate, Decision, Engagement, Grant, Party, Person, Provider, ReasonCode, Role, Transition
from core.signatures import forms
from core.signatures.sshsig import sign
from core.signatures.statements import Purpose, Statement, namespace

DOMAIN = "msp.example"


@dataclass(frozen=True)
class Key:
    path: Path
    public: str

    @property
    def private(self) -> bytes:
        return self.path.read_bytes()


def make_key(path: Path, *options: str) -> Key:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", path.name, "-f", path, *options], check=True)
    return Key(path, path.with_name(path.name + ".pub").read_text().strip())


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Key]:
    folder = tmp_path_factory.mktemp("keys")
    kinds = {
        "alice": ("-t", "ed25519"),
        "bob": ("-t", "rsa", "-b", "2048"),
        "tim": ("-t", "ed25519"),
        "carol": ("-t", "ecdsa", "-b", "384"),
        "sam": ("-t", "ecdsa", "-b", "521"),
        "mallory": ("-t", "ed25519"),
    }
    return {name: make_key(folder / name, *options) for name, options in kinds.items()}


@pytest.fixture(scope="session")
def engagement(keys: dict[str, Key]) -> Engagement:
    def person(name: str, role: Role, domain: str = DOMAIN) -> Person:
        return Person(principal=f"{name}@{domain}", name=name.title(), role=role, keys=(keys[name].public,))

    return Engagement(
        provider=Provider(name="MSP Ltd", domain=DOMAIN, address="exit@msp.example"),
        client=Client(slug="acme", name="Acme Ltd", address="boss@acme.example", time_zone="America/Vancouver"),
        decision=Decision(
            reason=ReasonCode.NOT_A_FIT,
            specifics="the client needs a night shift",
            evidence=("2026-10-01 letter",),
            decided_on=date(2026, 11, 1),
        ),
        transition=Transition(what_we_do=("keep the lights on",)),
        cutoff=CutoffDate(instant=datetime(2027, 1, 1, 6, 30, tzinfo=UTC), zone="America/Vancouver"),
        people=(
            person("alice", Role.EXECUTIVE),
            person("bob", Role.EXECUTIVE),
            person("tim", Role.TECHNICIAN),
            person("carol", Role.CLIENT, "acme.example"),
            person("sam", Role.SUCCESSOR, "next.example"),
        ),
        holders=(),
        recipients=(),
    )


@pytest.fixture(scope="session")
def signed(keys: dict[str, Key]) -> Callable[[Statement, str], str]:
    def by(statement: Statement, name: str) -> str:
        return sign(keys[name].private, statement.text.encode(), namespace(statement.purpose, DOMAIN))

    return by


NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
DIGEST = "ab" * 32
WEEK = timedelta(days=7)
Signed = Callable[[Statement, str], str]


def grant(id_: str) -> Grant:
    return Grant(system="db1", id=id_, holder="tim", privilege="")


LOOK = Look(
    Asked("db1", DIGEST, (), {"kind": "ssh_host"}, (grant("SHA256:x"), grant("SHA256:y"))),
    NOW - WEEK,
    (grant("SHA256:x"),),
    ((grant("SHA256:y"), "it may not be read"),),
    (grant("SHA256:z"),),
    ("passwords",),
)
"""What a client found: one grant of each sort."""


def somebody(engagement: Engagement, name: str) -> Person:
    return next(one for one in engagement.people if one.principal.startswith(f"{name}@"))


def approval(engagement: Engagement, name: str = "alice", now: datetime = NOW) -> Statement:
    return forms.approval_statement(DIGEST, somebody(engagement, name), engagement, now, WEEK)


def every_form(engagement: Engagement) -> dict[Purpose, tuple[Statement, str]]:
    alice, carol, sam = (somebody(engagement, name) for name in ("alice", "carol", "sam"))
    return {
        Purpose.APPROVAL: (approval(engagement), "alice"),
        Purpose.CONVERSATION: (
            forms.conversation_statement(alice, engagement, NOW, held_at=NOW - WEEK, channel="phone", with_whom="Carol Boss"),
            "alice",
        ),
        Purpose.ELECTION: (
            forms.election_statement(DIGEST, carol, engagement, NOW, deliver_to=(Party.CLIENT, Party.SUCCESSOR), copies="delete"),
            "carol",
        ),
        Purpose.ACKNOWLEDGEMENT: (
            forms.acknowledgement_statement(
                sam,
                engagement,
                NOW,
                archive=("cd" * 32, "ABCD-EFGH"),
                package=("ef" * 32, "IJKL-MNOP", 42),
                result="accepted-with-exceptions",
                exceptions=("the router's\n password is wrong", "no diagram"),
            ),
            "sam",
        ),
        Purpose.WAIVER: (
            forms.waiver_statement(DIGEST, alice, engagement, NOW, subject="obligation:42", reason="They refuse.\r\nTwice."),
            "alice",
        ),
        Purpose.REINSTATEMENT: (
            forms.reinstatement_statement(DIGEST, alice, engagement, NOW, grants=("db1:root:SHA256:x", "db1:ops"), reason="outage"),
            "alice",
        ),
        Purpose.ARMING: (forms.arming_statement(DIGEST, somebody(engagement, "tim"), engagement, NOW, timedelta(hours=48)), "tim"),
        Purpose.CONTROL: (
            forms.control_statement(carol, engagement, NOW, systems=("db1", "db2"), acted_at=NOW - WEEK, how="logged in as administrator"),
            "carol",
        ),
        Purpose.READINESS: (
            forms.readiness_statement(DIGEST, sam, engagement, NOW, state="ready", what="backup, protection and monitoring"),
            "sam",
        ),
        Purpose.LOOK: (look_statement(LOOK, client=engagement.slug, principal=carol.principal, now=NOW), "carol"),
    }


def person_of(engagement: Engagement, name: str) -> str:
    return somebody(engagement, name).principal
