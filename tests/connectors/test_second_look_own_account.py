"""An exit where the client has taken our key out of our own account before us: only the client sees whether the account is closed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.client_check.second_look import SecondCheck, systems_closed_by_others
from core.client_check.seen import ClientsLooks
from core.errors import UnavailableError
from core.model import Action, EntryKind
from core.steps.ask_client import ask_the_client_to_look
from core.steps.close import close, closed_sentence
from core.steps.discover import find_grants, only_asked
from core.steps.revoke import read_back, revoke
from core.steps.sessions import Sessions
from tests.servers.aws_desk import opened_desk
from tests.servers.linux_desk import LinuxDesk
from tests.servers.linux_world import WITH_PAM
from tests.servers.one_account import PASSWORD, OneAccountWorld


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneAccountWorld]:
    world = OneAccountWorld(tmp_path_factory.mktemp("one"), WITH_PAM)
    yield world
    world.server.stop()


@pytest.fixture
def desk(made: OneAccountWorld, tmp_path: Path) -> Iterator[LinuxDesk]:
    made.reset()
    with opened_desk(made, tmp_path, LinuxDesk) as found:
        assert isinstance(found, LinuxDesk)
        yield found


class TwoAccountsWorld(OneAccountWorld):
    """A technician of ours has an account there, too."""

    ours = ("connector", "technician")

    def make(self) -> None:
        super().make()
        self.server.account("tech", self.people.lines["technician"])

    def fields(self) -> dict[str, Any]:
        fields = super().fields()
        return fields | {"accounts": (*fields["accounts"], {"name": "tech", "holder": "technician"})}


@pytest.fixture
def two(tmp_path: Path) -> Iterator[LinuxDesk]:
    (tmp_path / "two").mkdir()
    world = TwoAccountsWorld(tmp_path / "two", WITH_PAM)
    try:
        with opened_desk(world, tmp_path, LinuxDesk) as found:
            assert isinstance(found, LinuxDesk)
            yield found
    finally:
        world.server.stop()


def first_check(desk: LinuxDesk) -> tuple[str, ...]:
    check = SecondCheck(desk.exit, desk.plan, ClientsLooks(desk.exit, desk.plan))
    return read_back(desk.exit, desk.plan, weigh=check.weigh_unknown)


def give_up(desk: LinuxDesk) -> None:
    found = find_grants(desk.exit, desk.plan)
    assert list(found.gone) == ["db1"]
    revoke(desk.exit, desk.plan.grants, found.present, only_ask=True)


def test_it_closes_only_when_the_client_sees_the_account_closed(desk: LinuxDesk) -> None:
    server = desk.world.server
    server.keys("/home/northlight/.ssh/authorized_keys", ("# nothing",), owner="northlight")
    give_up(desk)
    (said,) = first_check(desk)
    assert "db1:account northlight is unknown" in said
    assert "it may have a password" in said
    assert systems_closed_by_others(desk.exit, desk.plan) == ask_the_client_to_look(desk.exit, desk.plan) == ("db1",)
    desk.later()
    desk.take_in(desk.text(desk.look()))
    (said,) = first_check(desk)
    assert "db1:account northlight is active" in said
    assert desk.world.people.by_paramiko(server, "northlight", password=PASSWORD)
    assert "db1:account northlight is active" in desk.held()
    server.run("usermod", "-L", "-e", "1", "northlight")
    server.run("mv", "/etc/sudoers.d/northlight", "/etc/sudoers.d/northlight.aside")
    desk.later()
    desk.take_in(desk.text(desk.look()))
    assert first_check(desk) == ()
    close(desk.exit, desk.plan, Sessions())
    assert "at the first check 1 attested by the client's own look, and at the second 1 attested" in closed_sentence(desk.exit, desk.plan)


def test_all_our_accounts_closed_by_the_client_beforehand_end_when_it_sees_them_closed(two: LinuxDesk) -> None:
    for account in ("northlight", "tech"):
        two.world.server.keys(f"/home/{account}/.ssh/authorized_keys", ("# nothing",), owner=account)
        two.world.server.run("usermod", "-L", "-e", "1", account)
    two.world.server.run("mv", "/etc/sudoers.d/northlight", "/etc/sudoers.d/northlight.aside")
    found = find_grants(two.exit, two.plan)
    assert (list(found.gone), dict(found.trouble), only_asked(two.exit, two.plan, found)) == (["db1"], {}, frozenset())
    give_up(two)
    receipts = two.exit.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    assert [one.data["facts"] for one in receipts] == [{"changed": False}] * len(two.plan.grants)
    assert [one.split(" is ")[0] for one in first_check(two)] == ["db1:account tech", "db1:account northlight"]
    assert systems_closed_by_others(two.exit, two.plan) == ask_the_client_to_look(two.exit, two.plan) == ("db1",)
    two.later()
    two.take_in(two.text(two.look()))
    assert first_check(two) == ()
    close(two.exit, two.plan, Sessions())
    assert "at the first check 1 observed, 2 attested by the client's own look" in closed_sentence(two.exit, two.plan)


def test_what_lets_us_in_again_meanwhile_gets_no_receipt(two: LinuxDesk) -> None:
    server, line = two.world.server, two.world.people.lines["connector"]
    for account in ("northlight", "tech"):
        server.keys(f"/home/{account}/.ssh/authorized_keys", ("# nothing",), owner=account)
    found = find_grants(two.exit, two.plan)
    server.keys("/home/northlight/.ssh/authorized_keys", (line,), owner="northlight")
    with pytest.raises(UnavailableError, match="lets us in again"):
        revoke(two.exit, [one for one in two.plan.grants if one.own], found.present, only_ask=True)
    assert not two.exit.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
    assert two.world.people.by_ssh(server, "connector", "northlight")


def test_killed_before_the_receipt_the_client_sees_what_became_of_it(desk: LinuxDesk) -> None:
    """Between the intent and the receipt our key is gone; whether by us, or by the client with the account still open, nobody knows."""
    (own,) = desk.plan.grants
    desk.exit.record(
        EntryKind.INTENT, action=Action.REVOKE, subject=own.subject, data={"grant": own.model_dump(mode="json") | own_undo(own)}
    )
    desk.world.revoke_and_die_at(own, "leave")
    assert not desk.world.people.by_paramiko(desk.world.server, "northlight", password=PASSWORD)
    give_up(desk)
    receipt = desk.exit.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=own.subject)
    assert receipt
    assert receipt.data["done"].startswith("our own way in is refused, after it was begun and not finished")
    assert "is unknown" in first_check(desk)[0]
    desk.later()
    desk.take_in(desk.text(desk.look()))
    assert first_check(desk) == ()
    close(desk.exit, desk.plan, Sessions())


def test_closed_by_us_nobody_else_has_to_look(desk: LinuxDesk) -> None:
    desk.cut()
    desk.later()
    assert systems_closed_by_others(desk.exit, desk.plan) == ask_the_client_to_look(desk.exit, desk.plan) == ()
    close(desk.exit, desk.plan, Sessions())
    assert "1 grant of ours is gone, seen twice" in closed_sentence(desk.exit, desk.plan)


def own_undo(own: Any) -> dict[str, Any]:  # noqa: ANN401 - a grant
    return {"undo": dict(own.undo)}
