"""Sweeps: a real SSH server is looked at from outside, days after the end, by a clock that the test sets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.folder.store import FolderStore
from connectors.smtp import Smtp
from connectors.ssh_host import SshAccess
from core.checklist import checklist
from core.errors import HeldError
from core.exit import Exit, Systems
from core.ledger.lease import hold
from core.ledger.store import Ledger
from core.model import (
    Action,
    EntryKind,
    Grant,
    LedgerEntry,
)
from core.steps.reinstate import opens_again, reinstate
from core.steps.sweep import sweep_due, sweeps
from demo.mail_server import MailServer
from tests.servers.ended_exit import CUTOFF, DAY, QUARTER, Ended, engagement
from tests.servers.ssh_world import SshWorld


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshWorld]:
    folder = tmp_path_factory.mktemp("host")
    (folder / "shut").touch()
    made = SshWorld(folder, "openssh", [f"RevokedKeys {folder / 'shut'}"])
    yield made
    made.server.stop()


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path / "mail") as server:
        yield server


@pytest.fixture
def started(ledger: Ledger, tmp_path: Path, host: SshWorld, mail: MailServer) -> Iterator[Ended]:
    nothing: Any = None
    store = FolderStore(path=tmp_path / "archive")
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
    with hold(ledger, "test", lambda: datetime.now(UTC), ttl=timedelta(minutes=5), wait=timedelta(0)) as lease:
        exit_ = Exit(
            engagement=engagement(host),
            systems=systems,
            ledger=ledger,
            key=nothing,
            lease=lease,
            clock=lambda: CUTOFF,
            folder=tmp_path,
            receipt_secret=b"",
            evidence_folder=tmp_path,
        )
        yield Ended(exit_, host, mail)


@pytest.fixture
def ended(started: Ended) -> Ended:
    started.walk()
    return started


def test_each_in_its_time_and_then_no_more(ended: Ended) -> None:
    said = ended.sweep()
    assert ended.swept() == []
    assert "seen twice" in said
    assert said.endswith("next look from outside on Monday 7 December 2026, 17:00 (America/Vancouver)")
    for number, days in enumerate((7, 30, 90), 1):
        ended.at(days * DAY - QUARTER)
        ended.sweep()
        assert len(ended.swept()) == number - 1
        ended.at(days * DAY)
        said = ended.sweep()
        assert f"(+{days} days): 2 of 2 refused" in said
        assert ended.sweep() == said  # a second pass finds it done
        assert len(ended.swept()) == number
        assert ended.seen(f"sweep +{days} days") == {grant.subject: ["revoked"] for grant in ended.plan.grants}
    assert "swept for the last time on" in said
    assert "next look" not in said
    assert ended.swept()[0].data == {
        "due": "2026-12-08T00:00:00Z",
        "since": "2026-12-01T01:00:00Z",
        "grants": 2,
        "revoked": 2,
        "active": 0,
        "unknown": 0,
        "found": [],
        "missed": [],
        "next": "2026-12-31T00:00:00Z",
    }
    assert ended.mail.messages() == ()


def test_a_line_that_is_back_is_an_alarm_until_it_is_gone(ended: Ended) -> None:
    ended.lines("technician")
    assert ended.host.by_ssh("technician")
    ended.at(7 * DAY)
    grant = ended.grant(own=False)
    for _ in range(2):
        with pytest.raises(HeldError) as held:
            ended.sweep()
    for words in (
        f"technician, {grant.privilege} on db1 ({grant.id}), seen open since Monday 7 December 2026, 17:00",
        "last seen refused on Monday 30 November 2026, 18:00",
        "after the end nothing is taken away by us",
        "tell the client, which takes it away",
        "have two executives sign that one",
    ):
        assert words in str(held.value)
    (notice,) = ended.mail.messages()
    assert notice["To"] == "exits@msp.example"
    assert grant.id in notice.get_content().replace("\n", " ")
    assert ended.swept()[-1].data["found"] == [grant.subject]
    assert ended.host.by_ssh("technician")  # we took nothing away

    ended.lines()
    ended.now += QUARTER
    said = ended.sweep()
    assert "2 of 2 refused" in said
    assert ended.seen("sweep +7 days")[grant.subject] == ["active", "active", "revoked"]
    assert len(ended.mail.messages()) == 1


def test_a_further_find_is_told_as_well_and_a_smaller_one_is_not(ended: Ended) -> None:
    both = ("technician", "connector")
    for days, back, notices in ((7, ("technician",), 1), (30, both, 2), (30, ("technician",), 2)):
        ended.at(days * DAY)
        ended.lines(*back)
        with pytest.raises(HeldError):
            ended.sweep(at_once=True)
        assert len(ended.mail.messages()) == notices


def test_a_notice_that_cannot_leave_does_not_hide_the_alarm(ended: Ended) -> None:
    ended.lines("technician")
    ended.at(7 * DAY)
    closed_port = ended.exit_.systems.notifier.model_copy(update={"port": 1})  # type: ignore[attr-defined]
    ended.exit_.systems = Systems(**{**vars(ended.exit_.systems), "notifier": closed_port})
    with pytest.raises(HeldError, match=r"a way in of ours works again: technician.*The notice of it to us did not leave"):
        ended.sweep()


def test_with_our_own_key_back_we_do_not_come_in_to_look(ended: Ended) -> None:
    ended.lines("connector")
    ended.plan = ended.plan.model_copy(update={"negative_login": False})
    entered = ended.host.server.log.read_text(errors="replace").count("Accepted publickey")
    ended.at(7 * DAY)
    closing_under_this_plan(ended)
    with pytest.raises(HeldError, match="connector"):
        ended.sweep()
    assert ended.host.server.log.read_text(errors="replace").count("Accepted publickey") == entered
    assert ended.seen("sweep +7 days")[ended.grant(own=False).subject] == ["unknown"]


def closing_under_this_plan(ended: Ended) -> None:
    ended.exit_.record(EntryKind.CLOSED, data={"plan-sha256": ended.plan.digest, "grants": len(ended.plan.grants)})


def test_a_host_that_is_down_is_unknown_and_looked_at_again(ended: Ended) -> None:
    ended.move(port=1)
    ended.at(7 * DAY)
    said = ended.sweep()
    assert "0 of 2 refused, 2 grants cannot be seen from outside (the client's own look would tell)" in said
    assert ended.swept()[-1].data["unknown"] == 2
    looks = [ended.now]
    for _ in range(96):  # a day of passes
        ended.now += QUARTER
        before = len(ended.seen("sweep +7 days")[ended.plan.grants[0].subject])
        ended.sweep()
        if len(ended.seen("sweep +7 days")[ended.plan.grants[0].subject]) > before:
            looks.append(ended.now)
    assert [(look - looks[0]) // QUARTER for look in looks] == [0, 1, 2, 4, 8, 16, 32, 64]  # ever more rarely: it is not our host
    assert len(ended.swept()) == 1  # nothing new was seen
    ended.move()
    assert "2 of 2 refused" in ended.sweep(at_once=True)
    assert ended.swept()[-1].data["unknown"] == 0


def test_the_last_sweep_does_not_look_again_for_ever(ended: Ended) -> None:
    ended.move(port=1)
    ended.at(90 * DAY)
    ended.sweep()
    ended.at(97 * DAY)
    assert sweep_due(ended.exit_, ended.plan) is not None
    ended.at(98 * DAY)
    assert sweep_due(ended.exit_, ended.plan) is None
    assert sweep_due(ended.exit_, ended.plan, at_once=True) is not None


def test_after_a_time_without_us_the_newest_is_run_and_the_others_are_told(ended: Ended) -> None:
    ended.at(40 * DAY)
    said = ended.sweep()
    assert "(+30 days): 2 of 2 refused; not looked at +7 days, when nothing of ours ran" in said
    assert [one.subject for one in ended.swept()] == ["+30 days"]
    assert ended.swept()[0].data["missed"] == ["+7 days"]
    rows = {row.step: row for row in checklist(ended.exit_, ended.plan) if row.step.startswith("Looked at from outside")}
    assert [row.progress for row in rows.values()] == ["unknown", "done", "open"]
    assert rows["Looked at from outside, +7 days"].what.startswith("missed")
    assert rows["Looked at from outside, +90 days"].what == "due on Sunday 28 February 2027, 17:00 (America/Vancouver)"


@pytest.mark.parametrize("when", ["while it is tried", "once it is on record"])
def test_killed_in_between_each_credential_is_tried_once(ended: Ended, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own, tried = ended.grant(own=True), []
    verify, record = SshAccess.verify_from_outside, Exit.record

    def counted(self: SshAccess, grant: Grant, *, log_in: bool) -> Any:  # noqa: ANN401 - as the port says
        verdict = verify(self, grant, log_in=log_in)
        if grant.subject == own.subject and log_in:
            tried.append("tried to log in by it" in verdict.evidence)
            if when == "while it is tried" and len(tried) == 1:
                raise KeyboardInterrupt
        return verdict

    def dies(self: Exit, kind: EntryKind, **more: Any) -> LedgerEntry:  # noqa: ANN401 - handed on
        entry = record(self, kind, **more)
        if kind == EntryKind.VERDICT:
            raise KeyboardInterrupt
        return entry

    monkeypatch.setattr(SshAccess, "verify_from_outside", counted)
    ended.at(7 * DAY)
    with monkeypatch.context() as patch:
        if when == "once it is on record":
            patch.setattr(Exit, "record", dies)
        with pytest.raises(KeyboardInterrupt):
            ended.sweep()
    assert ended.swept() == []
    assert "2 of 2 refused" in ended.sweep()
    assert tried == [True]
    assert ended.seen("sweep +7 days") == {grant.subject: ["revoked"] for grant in ended.plan.grants}


def test_without_consent_nothing_is_tried(ended: Ended) -> None:
    ended.plan = ended.plan.model_copy(update={"negative_login": False})
    closing_under_this_plan(ended)
    ended.at(7 * DAY)
    ended.sweep()
    said = [one.data["evidence"] for one in ended.exit_.ledger.entries(kind=EntryKind.VERDICT, action=Action.SWEEP)]
    assert len(said) == 2
    assert all("asked without logging in" in one for one in said)


def test_what_two_executives_gave_back_is_no_alarm(ended: Ended) -> None:
    ended.lines("connector")  # the client lets us in, to put the other line back
    back = ended.exit_.ledger.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=ended.grant(own=False).subject)
    assert back
    reinstate(ended.exit_, ended.grant(own=False).model_copy(update={"undo": back.data["undo"]}))
    assert ended.host.by_ssh("technician")
    ended.lines("technician")
    ended.at(7 * DAY)
    ended.sweep()
    assert list(ended.seen("sweep +7 days")) == [ended.grant(own=True).subject]
    assert ended.swept()[-1].data["grants"] == 1
    ended.lines("connector", "technician")
    ended.at(30 * DAY)
    with pytest.raises(HeldError) as held:
        ended.sweep()
    assert "connector" in str(held.value)
    assert "technician" not in str(held.value)


def test_a_line_that_is_back_while_the_server_refuses_its_key_is_not_called_open(ended: Ended) -> None:
    ended.lines("connector")
    grant = ended.grant(own=False)
    back = ended.exit_.ledger.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=grant.subject)
    assert back
    shut = ended.host.folder / "shut"
    shut.write_text(ended.host.keys["technician"] + "\n", encoding="utf-8")
    try:
        reinstate(ended.exit_, grant.model_copy(update={"undo": back.data["undo"]}))
        said = opens_again(ended.exit_, ended.plan, grant)
        assert not ended.host.by_ssh("technician")
    finally:
        shut.write_text("", encoding="utf-8")
    assert f"{grant.subject} is unknown: it is there, and is refused all the same: " in said
    assert opens_again(ended.exit_, ended.plan, grant) == ""
    assert ended.host.by_ssh("technician")


def test_what_was_found_beyond_the_plan_is_looked_at_too(started: Ended) -> None:
    started.walk(beyond="operator")
    started.lines("operator")
    started.at(7 * DAY)
    with pytest.raises(HeldError, match=r"operator, .* on db1"):
        started.sweep()
    assert started.swept()[-1].data["grants"] == 3


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (["7 days", "7 days"], "each has to be longer than the one before it"),
        (["30 days", "7 days"], "each has to be longer than the one before it"),
        (["00:00:00"], "from one second to ten years"),
        (["4000 days"], "from one second to ten years"),
        ([f"{number} days" for number in range(1, 12)], "at most 10 items"),
    ],
)
def test_times_that_cannot_be(host: SshWorld, written: list[str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        engagement(host, sweeps_after=written)


def test_how_they_are_named(started: Ended) -> None:
    started.walk()
    wanted = {"1 day": "+1 day", "36:00:00": "+36 hours", "7 days": "+7 days"}
    started.exit_.engagement = engagement(started.host, sweeps_after=list(wanted))
    assert [one.name for one in sweeps(started.exit_, started.plan)] == list(wanted.values())
    started.exit_.engagement = engagement(started.host, sweeps_after=[])
    started.at(90 * DAY)
    said = started.sweep()
    assert "nothing of ours was found beyond the plan" in said
    assert "from outside" not in said
    assert started.swept() == []
