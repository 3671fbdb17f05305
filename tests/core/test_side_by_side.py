"""What one system does, or does not, never holds the others."""

import threading
import time
from contextvars import ContextVar
from datetime import timedelta

import pytest

from core.errors import GoodLeaverError, RefusedError, UnavailableError
from core.steps.side_by_side import side_by_side

PASS: ContextVar[str] = ContextVar("PASS", default="nobody's")


def test_each_gives_what_came_of_it_in_the_order_asked() -> None:
    def act(name: str) -> str:
        time.sleep(0.05 if name == "a" else 0)
        if name == "b":
            raise RefusedError("b said no")
        return name.upper()

    found = side_by_side(["c", "a", "b", "a"], act)
    assert list(found) == ["c", "a", "b"]
    assert (found["a"], found["c"]) == ("A", "C")
    assert isinstance(found["b"], RefusedError)
    assert side_by_side([], act) == {}


def test_they_are_at_work_at_once_and_no_more_than_so_many() -> None:
    together = threading.Barrier(3)
    at_work, most, lock = 0, 0, threading.Lock()

    def act(_name: str) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        together.wait(timeout=10)
        with lock:
            at_work -= 1

    assert set(side_by_side("abcdef", act, at_once=3).values()) == {None}
    assert most == 3


def test_those_that_hang_hold_nobody_and_are_told() -> None:
    end, done = threading.Event(), []

    def act(name: str) -> None:
        if name.startswith("hangs"):
            end.wait(30)
        done.append(name)

    began = time.monotonic()
    found = side_by_side(["hangs-1", "hangs-2", "c", "d"], act, at_once=2, longest=timedelta(seconds=0.3))
    assert time.monotonic() - began < 10
    assert sorted(done) == ["c", "d"]
    assert all(isinstance(found[name], UnavailableError) for name in ("hangs-1", "hangs-2"))
    assert "hangs-1 did not answer within" in str(found["hangs-1"])
    assert found["c"] is None
    end.set()


def test_what_came_too_late_does_not_count_any_more() -> None:
    late = threading.Event()

    def act(name: str) -> str:
        if name == "late":
            late.wait(30)
        else:
            time.sleep(0.3)
            late.set()
            time.sleep(0.2)
        return name

    found = side_by_side(["late", "other"], act, at_once=1, longest=timedelta(seconds=0.1))
    assert isinstance(found["late"], GoodLeaverError)


def test_what_nobody_foresaw_is_raised_once_the_others_are_done() -> None:
    done = []

    def act(name: str) -> None:
        if name == "a":
            raise ZeroDivisionError
        time.sleep(0.1)
        done.append(name)

    with pytest.raises(ZeroDivisionError):
        side_by_side("abc", act)
    assert sorted(done) == ["b", "c"]


def test_each_knows_of_which_pass_it_is() -> None:
    PASS.set("ours")
    assert set(side_by_side("ab", lambda _: PASS.get()).values()) == {"ours"}
