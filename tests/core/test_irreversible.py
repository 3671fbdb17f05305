"""What nothing puts back comes after all that can be, and two executives sign for it by itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from configs.engagement_file import load
from core.errors import RefusedError
from core.model import STAGES, Assurance, ExitPlan, Grant, GrantState, Verdict
from core.signatures.fields import problem
from core.signatures.purposes import Purpose
from core.steps.revoke import give_up
from tests.servers.aws_exit import opened_exit

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example-engagement.yaml"

FIELDS = [
    *(("client", "acme"), ("principal", "alice@msp.example"), ("nonce", "0" * 32), ("made-at", "2026-11-22T10:00:00Z")),
    *(("plan-sha256", "0" * 64), ("decision", "approve"), ("not-before", "2026-11-22T10:00:00Z"), ("not-after", "2026-11-23T10:00:00Z")),
]


def grant(*, own: bool = False, irreversible: bool = False) -> Grant:
    return Grant(system="s", id="i", holder="h", privilege="p", own=own, irreversible=irreversible)


def test_its_turn_is_between_what_can_be_put_back_and_our_own_way_in() -> None:
    assert [one.stage for one in (grant(), grant(irreversible=True), grant(own=True))] == list(STAGES)
    assert grant(own=True, irreversible=True).stage == STAGES[-1]


class Doors:
    """A system of doors: what is taken away is closed, unless it holds."""

    def __init__(self, name: str, *holds: str) -> None:
        self.name, self.holds = name, holds
        self.closed: list[str] = []

    def revoke(self, grant: Grant) -> None:
        if grant.id in self.holds:
            raise RefusedError("no")
        self.closed.append(grant.id)

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        assert not log_in
        state = GrantState.REVOKED if grant.id in self.closed else GrantState.ACTIVE
        return Verdict(state=state, assurance=Assurance.OBSERVED, evidence="looked")


def test_it_is_begun_nowhere_before_all_that_can_be_put_back_is_done_everywhere(tmp_path: Path) -> None:
    said = [("reversible", {}), ("irreversible", {"irreversible": True}), ("own", {"own": True})]
    made = [Grant(system=one, id=id_, holder="h", privilege="p", **more) for one in ("a", "b") for id_, more in said]
    plan, taken = ExitPlan.model_construct(grants=tuple(made[::-1]), negative_login=False), list[Grant]()
    doors: dict[str, Any] = {"a": Doors("a"), "b": Doors("b", "irreversible")}
    example = load(EXAMPLE)
    with opened_exit(example, tmp_path, *doors.values()) as exit_:

        def take(grants: Sequence[Grant]) -> None:
            for grant in grants:
                doors[grant.system].revoke(grant)
                taken.append(grant)

        trouble = give_up(exit_, plan, {}, take)
    assert [one.stage for one in taken] == sorted(one.stage for one in taken)
    assert [(one.system, one.stage) for one in taken if one.stage] == [("a", 1), ("a", 2)]
    assert set(trouble) == {"b"}  # its own way in stays: somebody has to look


def test_a_plan_without_it_keeps_its_digest() -> None:
    assert "irreversible" not in grant().model_dump(mode="json")
    assert grant(irreversible=True).model_dump(mode="json")["irreversible"] is True
    assert Grant.model_validate(grant().model_dump(mode="json")) == grant()


@pytest.mark.parametrize(("scope", "right"), [("irreversible", True), ("export,irreversible", False), ("irreversible,revoke", False)])
def test_it_is_never_agreed_to_in_the_same_breath_as_the_rest(scope: str, right: bool) -> None:
    assert (problem(Purpose.APPROVAL, [*FIELDS, ("scope", scope)]) == "") is right


def test_a_rescission_is_of_the_whole() -> None:
    fields = [one for one in FIELDS if not one[0].startswith("not-")]
    taken_back = [one if one[0] != "decision" else ("decision", "rescind") for one in fields]
    assert problem(Purpose.APPROVAL, [*taken_back, ("scope", "irreversible")])
    assert not problem(Purpose.APPROVAL, [*taken_back, ("scope", "export,hand-over,revoke")])
