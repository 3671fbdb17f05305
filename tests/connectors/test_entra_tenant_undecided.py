"""What is seen in a tenant and only people can judge is told: nobody overlooks it because the engagement file does not name it."""

from collections.abc import Iterator

import pytest

from tests.servers.acme_world import HOLDERS, Acme, as_it_was


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    acme = Acme(tmp_path_factory.mktemp("acme"))
    with acme.server:
        yield acme


@pytest.fixture
def acme(running: Acme) -> Iterator[Acme]:
    with as_it_was(running):
        yield running


def told(acme: Acme, word: str) -> list[str]:
    acme.target.discover(HOLDERS)
    return [one for one in acme.target.not_looked_at() if word in one]


def test_a_domain_whose_people_another_identity_provider_signs_in_is_told(acme: Acme) -> None:
    assert told(acme, "identity provider signs people in to the domain") == []
    acme.object("domains", "acme-dental.example", changes={"authenticationType": "Federated"})
    (line,) = told(acme, "identity provider signs people in to the domain")
    assert "to the domain acme-dental.example: " in line


def test_where_domains_may_not_be_read_that_is_told(acme: Acme) -> None:
    acme.server.control("controls", faults=[{"kind": "403", "times": 9, "path": "/domains"}])
    assert told(acme, "domains (GET /domains was refused")
