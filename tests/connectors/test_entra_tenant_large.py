"""A tenant of a hundred thousand people: nobody is asked for one by one, and nothing of them is kept."""

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from connectors.microsoft.contract import graph
from core.model import Grant
from tests.servers.acme_world import HOLDERS, Acme, as_it_was

PEOPLE, GUESTS = 100_000, 5_000
PAGE = 999
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    acme = Acme(tmp_path_factory.mktemp("acme"))
    with acme.server:
        yield acme


@pytest.fixture
def acme(running: Acme) -> Iterator[Acme]:
    with as_it_was(running):
        yield running
        running.server.control("users", tenant=running.acme.id, made_up=0)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count what is asked, by operation; what is no operation of Graph's is a sign-in."""
    asked, send = Counter[str](), HTTPAdapter.send

    def count(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        path = (request.path_url or "").partition("?")[0]
        found = graph().find(request.method or "", path.removeprefix("/v1.0"))
        asked[found[0].name if found else "sign-in"] += 1
        return send(self, request, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(HTTPAdapter, "send", count)
        yield asked


def look(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[Grant, ...], Counter[str], int]:
    """Discover; give what was found, what was asked, and how many bytes it took at the most."""
    target = acme.entra()
    with counted(monkeypatch) as asked:
        tracemalloc.start()
        try:
            found = target.discover(HOLDERS)
            assert len(target.not_looked_at()) < 50
            return found, asked, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_a_hundred_thousand_people_cost_a_few_pages_more(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.server.control("controls", page_size=PAGE)
    few, asked_of_few, _ = look(acme, monkeypatch)
    acme.server.control("users", tenant=acme.acme.id, made_up=PEOPLE, guests=GUESTS)
    many, asked, bytes_ = look(acme, monkeypatch)
    assert many == few  # and nobody of the others is among them
    more = asked - asked_of_few
    assert set(more) <= {"list_users", "sign-in"}, more
    assert more["list_users"] <= 2 * (GUESTS // PAGE + 1)  # guests, and members that were invited
    assert more["sign-in"] <= 1  # the one other domain, once
    assert bytes_ < 25 * MEGABYTE


def test_what_is_ours_is_looked_at_again_without_listing_anybody(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    grants = acme.target.discover(HOLDERS)
    acme.server.control("users", tenant=acme.acme.id, made_up=PEOPLE, guests=GUESTS)
    with counted(monkeypatch) as asked:
        for grant in grants:
            if grant.id.startswith(("user ", "role ", "owner ", "consent ", "permission ", "application ")):
                assert acme.target.verify(grant, log_in=False).state == "active"
    assert asked["list_users"] == 0
    assert sum(asked.values()) <= 4 * len(grants)


def test_the_clients_control_is_seen_without_listing_anybody(acme: Acme, monkeypatch: pytest.MonkeyPatch) -> None:
    acme.server.control("users", tenant=acme.acme.id, made_up=PEOPLE, guests=GUESTS)
    with counted(monkeypatch) as asked:
        assert acme.target.client_control().proved
    assert asked["list_users"] == 0
    assert sum(asked.values()) < 30
