"""What was seen of the grants of one change goes on record together: killed in between, they are looked at again, and no login is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.ssh_host import SshAccess
from connectors.ssh_host.authentication import Answer
from core.exit import Exit
from core.ledger.store import Ledger
from core.model import Action, EntryKind, ExitPlan, LedgerEntry
from core.planning import draw_plan
from core.steps.discover import find_grants
from core.steps.revoke import give_up, look_back_together, read_back, revoke
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.ssh_world import SshWorld

OURS = ("technician", "operator", "connector")
ONCE = [EntryKind.INTENT, EntryKind.RECEIPT, EntryKind.VERDICT]


class KilledError(BaseException):
    """Stands for kill -9 in the thread of a system: nothing there catches it."""


@pytest.fixture
def exit_(host: SshWorld, tmp_path: Path) -> Iterator[Exit]:
    host.write("".join(f"{host.keys[name]}\n" for name in ("client", *OURS)).encode())
    made: Any = engagement(host, tmp_path)  # type: ignore[arg-type] # holders and target are what it takes
    with opened_exit(made, tmp_path, host.target) as found:
        yield found


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What came of each real login that was tried to see whether it is refused."""
    tried, try_login = list[Answer](), SshAccess.try_login

    def counted(self: SshAccess) -> tuple[Answer, str]:
        answer = try_login(self)
        tried.append(answer[0])
        return answer

    monkeypatch.setattr(SshAccess, "try_login", counted)
    return tried


def a_pass(exit_: Exit, plan: ExitPlan) -> None:
    """What the cutoff does from the last look on."""
    found = find_grants(exit_, plan)
    assert give_up(exit_, plan, found.gone, lambda grants: revoke(exit_, grants, found.present)) == {}
    assert read_back(exit_, plan) == ()


def kinds(exit_: Exit, plan: ExitPlan) -> dict[str, list[EntryKind]]:
    return {one.holder: [entry.kind for entry in exit_.ledger.entries(action=Action.REVOKE, subject=one.subject)] for one in plan.grants}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("grants", [2, 1])
def test_killed_about_a_verdict(
    exit_: Exit, host: SshWorld, logins: list[Answer], monkeypatch: pytest.MonkeyPatch, when: str, grants: int
) -> None:
    plan, append_each = draw_plan(exit_), Ledger.append_each

    def killed(self: Ledger, kind: EntryKind, data: Any, **more: Any) -> list[LedgerEntry]:  # noqa: ANN401 - passed on as it came
        if (kind, len(data)) == (EntryKind.VERDICT, grants) and when == "before":
            raise KilledError
        entries = append_each(self, kind, data, **more)
        if (kind, len(data)) == (EntryKind.VERDICT, grants):
            raise KilledError
        return entries

    monkeypatch.setattr(Ledger, "append_each", killed)
    with pytest.raises(KilledError):
        a_pass(exit_, plan)
    monkeypatch.setattr(Ledger, "append_each", append_each)
    done = 2 if grants == 2 else 3  # our own way in goes after the other two
    seen = [entry.subject for entry in exit_.ledger.entries(kind=EntryKind.VERDICT)]
    assert len(seen) == (done if when == "after" else done - grants)
    a_pass(exit_, plan)
    assert kinds(exit_, plan) == dict.fromkeys(OURS, ONCE)
    unrecorded = grants == 1 and when == "before"  # a kill between a login and its record: then it is tried again
    assert logins == [Answer.REFUSED] * (2 if unrecorded else 1)
    assert host.file.read_text(encoding="ascii") == f"{host.keys['client']}\n"


def test_what_is_looked_at_together_is_not_tried_by_a_login(exit_: Exit, logins: list[Answer]) -> None:
    plan = draw_plan(exit_)
    assert plan.negative_login
    assert all(look_back_together(exit_, plan, plan.grants))  # all of it is open
    assert not logins
    assert [entry.data["state"] for entry in exit_.ledger.entries(kind=EntryKind.VERDICT)] == ["active"] * len(plan.grants)


def test_each_grant_has_its_own_sentence(exit_: Exit, host: SshWorld) -> None:
    plan = draw_plan(exit_)
    host.write("".join(f"{host.keys[name]}\n" for name in ("client", "operator", "connector")).encode())
    said = dict(zip([one.holder for one in plan.grants], look_back_together(exit_, plan, plan.grants), strict=True))
    assert said["technician"] == ""
    assert " is active: " in said["operator"]
    assert " is active: " in said["connector"]
