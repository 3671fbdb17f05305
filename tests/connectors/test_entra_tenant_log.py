"""What the client's tenant wrote down of us is on record before our own way in goes; nobody else's doings are."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.canonical import read_canonical
from core.evidence.verify import documents_of
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, Grant
from core.planning import draw_plan
from core.ports import ForeignLog
from core.steps.discover import find_grants
from core.steps.foreign_log import keep_log, log_of
from core.steps.revoke import give_up, revoke
from tests.servers.acme_world import Acme, as_it_was
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.entra_desk import ready

LOG = log_of("entra")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    acme = Acme(tmp_path_factory.mktemp("acme"))
    with acme.server:
        yield acme


@pytest.fixture
def acme(running: Acme) -> Iterator[Acme]:
    with as_it_was(running):
        yield ready(running)


def an_exit(acme: Any, folder: Path, target: Any = None) -> AbstractContextManager[Exit]:  # noqa: ANN401 - worlds and targets of several kinds
    """An exit by the same clock as the simulated tenant's."""
    return opened_exit(engagement(acme, folder), folder, target or acme.target, clock=lambda: datetime.now(UTC))


def entries(exit_: Exit) -> list[tuple[EntryKind, Action | None]]:
    return [(one.kind, one.action) for one in exit_.ledger.entries(subject=LOG)]


def own_of(plan: ExitPlan) -> Grant:
    return next(one for one in plan.grants if one.own)


def kept(exit_: Exit) -> list[dict[str, Any]]:
    receipt = exit_.last(EntryKind.RECEIPT, subject=LOG)
    assert receipt
    digest = receipt.data["facts"]["document"]
    assert digest in documents_of(dict(receipt.data))  # so it goes into bundles, and is verified
    found = [read_canonical(line) for line in exit_.ledger.document(digest).splitlines()]
    assert len(found) == receipt.data["facts"]["entries"]
    return found


def cut(exit_: Exit, plan: ExitPlan) -> dict[str, str]:
    """Give up all, as the cutoff does."""
    present = find_grants(exit_, plan).present

    def take_away(grants: Sequence[Grant]) -> None:
        for own in (one for one in grants if one.own):
            keep_log(exit_, own)
        revoke(exit_, grants, present)

    return dict(give_up(exit_, plan, {}, take_away))


def test_all_that_we_did_is_there_as_the_tenant_wrote_it_and_nothing_of_others(acme: Acme, tmp_path: Path) -> None:
    review = acme.graph.sign_in(acme.acme.id, acme.acme.review, acme.graph.certificate("review"))
    assert "access_token" in review
    with an_exit(acme, tmp_path) as exit_:
        plan = draw_plan(exit_)
        assert cut(exit_, plan) == {}
        found = kept(exit_)
        principal, since = acme.acme.offboarding, f"{exit_.ledger.entries()[0].at:%Y-%m-%dT%H:%M:%SZ}"
        log = [one for one in acme.server.control("log", tenant=acme.acme.id) if one["activityDateTime"] >= since]
        there = {one["id"]: one for one in log if (one["initiatedBy"]["app"] or {}).get("appId") == principal["appId"]}
        last = {key for key, one in there.items() if one["targetResources"][0]["id"] == principal["id"]}
        assert {one["id"] for one in found} == there.keys() - last
        assert last
        assert all(one["correlationId"] == there[one["id"]]["correlationId"] for one in found)
        assert {(one["initiatedBy"]["app"] or {}).get("appId") for one in found} == {principal["appId"]}
        disabled = {one["targetResources"][0]["id"] for one in found}
        assert {acme.acme.nora["id"], acme.acme.tariq["id"]} <= disabled
        assert principal["id"] not in disabled  # that was our last act, after it was read
        begun = exit_.last(EntryKind.INTENT, action=Action.REVOKE, subject=own_of(plan).subject)
        receipt = exit_.last(EntryKind.RECEIPT, subject=LOG)
        assert begun
        assert receipt
        assert receipt.number < begun.number
        others = [grant for grant in plan.grants if not grant.own]
        assert all(exit_.last(EntryKind.RECEIPT, subject=one.subject).number < receipt.number for one in others)  # type: ignore[union-attr]


def test_twice_is_once_and_after_our_own_way_in_went_nobody_is_asked(acme: Acme, tmp_path: Path) -> None:
    with an_exit(acme, tmp_path) as exit_:
        plan = draw_plan(exit_)
        for _ in range(2):
            keep_log(exit_, own_of(plan))
        assert entries(exit_) == [(EntryKind.INTENT, None), (EntryKind.RECEIPT, None)]
        assert cut(exit_, plan) == {}
        keep_log(exit_, own_of(plan))
        assert len(entries(exit_)) == 2


def test_one_that_was_killed_in_between_reads_again(acme: Acme, tmp_path: Path) -> None:
    with an_exit(acme, tmp_path) as exit_:
        plan = draw_plan(exit_)
        exit_.record(EntryKind.INTENT, subject=LOG, data={})
        keep_log(exit_, own_of(plan))
        assert [kind for kind, _ in entries(exit_)] == [EntryKind.INTENT, EntryKind.INTENT, EntryKind.RECEIPT]


def test_where_it_cannot_be_read_that_is_on_record_and_holds_nothing(acme: Acme, tmp_path: Path) -> None:
    with an_exit(acme, tmp_path) as exit_:
        plan = draw_plan(exit_)
        acme.server.control("controls", faults=[{"kind": "503", "times": 99, "retry_after": 300, "path": "/directoryAudits"}])
        assert cut(exit_, plan) == {}
        failed = exit_.last(EntryKind.FAILED, subject=LOG)
        assert failed
        assert "GET /auditLogs/directoryAudits: the service is busy" in failed.data["why"]
        assert exit_.last(EntryKind.RECEIPT, subject=own_of(plan).subject)


class Odd:
    """A system whose log holds a number that has no one spelling."""

    name = "entra"

    def what_we_did(self, _since: datetime) -> ForeignLog:
        return ForeignLog("an odd log", ({"id": "1", "score": 0.1},))


def test_what_has_no_one_spelling_is_not_kept_as_if_it_had(acme: Acme, tmp_path: Path) -> None:
    with an_exit(acme, tmp_path) as exit_:
        plan = draw_plan(exit_)
        exit_.systems = replace(exit_.systems, access_targets=(Odd(),))  # type: ignore[arg-type]  # nothing else is asked of it
        keep_log(exit_, own_of(plan))
        failed = exit_.last(EntryKind.FAILED, subject=LOG)
        assert failed
        assert "no one spelling" in failed.data["why"]
