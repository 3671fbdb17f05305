"""Sweeps over a whole Linux host: days after the end, our own way in is open again, and nobody comes in by it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.folder.store import FolderStore
from connectors.smtp import Smtp
from core.errors import HeldError
from core.exit import Exit, Systems
from core.ledger.lease import hold
from core.ledger.store import Ledger
from demo.mail_server import MailServer
from tests.servers.ended_exit import CUTOFF, DAY, Ended, engagement
from tests.servers.linux_world import LinuxWorld

LOG = "/var/log/auth.log"


class SweptWorld(LinuxWorld):
    """We come in as `northlight`, an account of ours; a key of ours opens `app`, too."""

    ours = ("connector", "technician")

    def make(self) -> None:
        lines, server = self.people.lines, self.server
        server.account("northlight", lines["connector"])
        server.write("/etc/sudoers.d/northlight", b"northlight ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        server.account("admin", lines["client"], groups="sudo")
        server.account("app", lines["neighbour"], lines["technician"])

    def fields(self) -> dict[str, Any]:
        accounts = ({"name": "northlight", "holder": "connector"},)
        return {"user": "northlight", "root": "sudo", "client_admins": ("admin",), "accounts": accounts}

    @property
    def keys(self) -> dict[str, str]:
        return self.people.lines

    @property
    def logins(self) -> int:
        time.sleep(1.0)  # each connection's own process writes its line of the log, when it comes to it
        return self.server.read(LOG).count(b"Accepted ")


class EndedWhole(Ended):
    """`lines` puts the host back to its start, as a backup does; what we took away stays away otherwise."""

    host: SweptWorld  # type: ignore[assignment]

    def lines(self, *who: str) -> None:
        self.host.settle()
        if who:
            self.host.restore(self.host.start)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SweptWorld]:
    world = SweptWorld(tmp_path_factory.mktemp("swept"), ("UsePAM yes",))
    yield world
    world.server.stop()


@pytest.fixture
def ended(ledger: Ledger, tmp_path: Path, host: SweptWorld) -> Iterator[EndedWhole]:
    nothing: Any = None
    store = FolderStore(path=tmp_path / "archive")
    with (
        MailServer(tmp_path / "mail") as mail,
        hold(ledger, "test", lambda: datetime.now(UTC), ttl=timedelta(minutes=5), wait=timedelta(0)) as lease,
    ):
        systems = Systems(
            data_sources=(),
            access_targets=(host.access(),),
            credential_sources=(),
            document_sources=(),
            obligation_sources=(),
            archive_store=store,
            delta_store=store,
            handover_store=store,
            notifier=Smtp(kind="smtp", name="mail", host="127.0.0.1", port=mail.port, security="none", sender="exits@msp.example"),
        )
        exit_ = Exit(
            engagement=engagement(host, negative_login_consent=False),  # type: ignore[arg-type]
            systems=systems,
            ledger=ledger,
            key=nothing,
            lease=lease,
            clock=lambda: CUTOFF,
            folder=tmp_path,
            receipt_secret=b"",
            evidence_folder=tmp_path,
        )
        done = EndedWhole(exit_, host, mail)  # type: ignore[arg-type]
        done.walk()
        yield done


def test_with_our_own_way_in_back_we_do_not_come_in_to_look(ended: EndedWhole) -> None:
    ended.lines("connector")
    before = ended.host.logins
    ended.at(7 * DAY)
    with pytest.raises(HeldError, match="connector"):
        ended.sweep()
    assert ended.host.logins == before
    assert ended.seen("sweep +7 days") == {ended.grant(own=True).subject: ["active"], ended.grant(own=False).subject: ["unknown"]}
    assert ended.host.people.by_ssh(ended.host.server, "connector", "northlight")


def test_nor_where_it_was_seen_refused_before_in_the_same_sweep(ended: EndedWhole) -> None:
    """The server says nothing of keys for `app`; what it said of our own way in is not asked again."""
    server, other = ended.host.server, ended.grant(own=False).subject
    try:
        for back in ((), ("connector",)):
            ended.lines(*back)
            server.write("/etc/ssh/sshd_config.d/app.conf", b"Match User app\nPubkeyAuthentication no\n")
            server.reload()
            before = ended.host.logins
            ended.at(7 * DAY)
            ended.sweep(at_once=True)
            assert ended.host.logins == before
        assert ended.seen("sweep +7 days") == {ended.grant(own=True).subject: ["revoked"], other: ["unknown", "unknown"]}
        assert ended.host.people.by_ssh(server, "connector", "northlight")
    finally:
        server.run("rm", "/etc/ssh/sshd_config.d/app.conf")
        server.reload()
