"""What nothing puts back comes after all that can be, and two executives sign for it by itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from configs.engagement_file import load
from core.errors import RefusedError
from core.interlocks.systems import plan_fits
from core.interlocks.there import There
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
    """A system of doors: what is taken away is closed, unless it holds; of some it cannot be seen yet whether they are."""

    def __init__(self, name: str, *holds: str, unseen: str = "") -> None:
        self.name, self.holds, self.unseen = name, holds, unseen
        self.closed: list[str] = []

    def revoke(self, grant: Grant) -> None:
        if grant.id in self.holds:
            raise RefusedError("no")
        self.closed.append(grant.id)

    def verify(self, grant: Grant, *, log_in: bool) -> Verdict:
        assert not log_in
        if grant.id == self.unseen:
            return Verdict(state=GrantState.UNKNOWN, assurance=Assurance.UNKNOWN, evidence="it did not answer")
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


def test_nothing_more_is_begun_where_it_is_not_seen_that_what_came_before_is_gone(tmp_path: Path) -> None:
    said = [("reversible", {}), ("irreversible", {"irreversible": True}), ("own", {"own": True})]
    made = [Grant(system=one, id=id_, holder="h", privilege="p", **more) for one in ("a", "b") for id_, more in said]
    plan = ExitPlan.model_construct(grants=tuple(made), negative_login=False)
    doors: dict[str, Any] = {"a": Doors("a", unseen="reversible"), "b": Doors("b")}
    with opened_exit(load(EXAMPLE), tmp_path, *doors.values()) as exit_:

        def give_all_up() -> Mapping[str, str]:
            return give_up(exit_, plan, {}, lambda grants: [doors[grant.system].revoke(grant) for grant in grants])

        trouble = give_all_up()
        assert "it did not answer" in trouble["a"]
        assert (doors["a"].closed, doors["b"].closed) == (["reversible"], ["reversible", "irreversible", "own"])
        doors["a"].unseen = ""
        assert give_all_up() == {}  # the next pass looks again, and goes on
    assert set(doors["a"].closed) == {"reversible", "irreversible", "own"}


def test_what_became_irreversible_since_the_plan_was_signed_holds() -> None:
    planned, found = grant(), grant(irreversible=True)
    nothing: Any = None  # neither the record nor the system is asked about what was found
    for now, met in ((planned, True), (found, False)):
        there = There("s", (planned,), {planned.subject: now}, (), gone=False, control=None, trouble=None)
        assert plan_fits(nothing, nothing, there).met is met


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
