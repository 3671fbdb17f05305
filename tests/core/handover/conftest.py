"""An engagement, its keys and a request for a package."""

import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.handover import PackageRequest, VaultEntry, Withheld, derive_code, derive_salt
from core.model import (
    Client,
    CutoffDate,
    Decision,
    Engagement,
    Holder,
    Party,
    Person,
    Provider,
    ReasonCode,
    Recipient,
    Role,
    Transition,
)

MakeRequest = Callable[..., PackageRequest]
NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `client.txt` (age identity), `successor` and `stranger` (SSH keys), each with its .pub."""
    folder = tmp_path_factory.mktemp("keys")
    subprocess.run(["age-keygen", "-o", folder / "client.txt"], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", folder / "client.txt"], check=True, capture_output=True, text=True).stdout
    (folder / "client.pub").write_text(public)
    for name in ("successor", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name], check=True)
    return folder


@pytest.fixture(scope="session")
def engagement(keys: Path) -> Engagement:
    recipients = {Party.CLIENT: "client.pub", Party.SUCCESSOR: "successor.pub"}
    public = (keys / "successor.pub").read_text().strip()
    return Engagement(
        provider=Provider(name="MSP Ltd", domain="msp.example", address="exit@msp.example"),
        client=Client(slug="acme", name="Acme $ Söhne", address="it@acme.example", time_zone="America/Vancouver"),
        decision=Decision(
            reason=ReasonCode.NOT_A_FIT,
            specifics="We serve offices up to fifty people, and you have grown beyond that.",
            evidence=("2026-10-01 review meeting",),
            decided_on=NOW.date(),
        ),
        transition=Transition(what_we_do=("We answer your next provider's questions.",)),
        cutoff=CutoffDate(instant=datetime(2027, 1, 1, 1, tzinfo=UTC), zone="America/Vancouver"),
        people=(Person(principal="sue@next.example", name="Sue", role=Role.SUCCESSOR, keys=(public,)),),
        holders=(Holder(name="tech", keys=(public,)),),
        recipients=tuple(Recipient(party=party, age=(keys / name).read_text().strip()) for party, name in recipients.items()),
    )


@pytest.fixture(scope="session")
def request_for(engagement: Engagement) -> MakeRequest:
    """Make a request over documents; more fields may be replaced."""

    def make(documents: Iterable[tuple[str, bytes]] = (), **more: object) -> PackageRequest:
        fields = {
            "engagement": engagement,
            "made_at": NOW,
            "entries": (VaultEntry(title="Firewall", username="=admin", password="hush-hush", reference="1", source="office"),),
            "withheld": (Withheld(title="RMM console", why="ours"),),
            "documents": iter(documents),
            "texts": {"00-control/systems.md": "# Systems\n"},
            "recipients": engagement.recipients,
            "code": derive_code(b"secret", "package", "plan"),
            "salt": derive_salt(b"secret", "package", "plan"),
            "archive": {"name": "acme-data", "manifest_sha256": "ab" * 32},
            "signer": "sue@next.example",
        }
        return PackageRequest(**(fields | more))

    return make
