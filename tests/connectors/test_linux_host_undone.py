"""What the way back did while nobody was there: nothing of ours comes back by it, and what it undid of the client's own doing is told."""

from pathlib import Path

import pytest

from core.model import Action, EntryKind, GrantState
from core.steps.discover import find_grants
from core.steps.revoke import look_back, revoke, with_undo
from core.steps.rounds import newest_verdict
from tests.servers.aws_desk import opened_desk
from tests.servers.linux_desk import LinuxDesk
from tests.servers.linux_world import AccountsWorld
from tests.servers.way_back import FOLDER, at_its_start, let_the_time_pass

APPS = "/home/app/.ssh/authorized_keys"
RULE = b"tech ALL=(ALL) NOPASSWD: ALL\n"
TOLD = "somebody has to look whether that undid what the client did meanwhile"


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    return at_its_start(accounts_host)


def test_nothing_of_ours_that_the_client_took_away_meanwhile_comes_back(world: AccountsWorld) -> None:
    """Lines and drop-ins of every holder, not only of the grant that was begun; the main file of sudo's rules is told."""
    server, lines = world.server, world.people.lines
    server.keys(APPS, (lines["neighbour"], lines["technician"], f"cert-authority {lines['authority']}"), owner="app")
    server.write("/etc/sudoers.d/tech", RULE, mode=0o440)
    main = server.read("/etc/sudoers")
    server.write("/etc/sudoers", main + RULE, mode=0o440)
    found = {grant.id: grant for grant in world.target.discover(world.holders)}
    world.revoke_and_die_at(found["account tech"], "way-back-check")
    server.keys(APPS, (), owner="app")
    server.run("rm", "/etc/sudoers.d/tech")
    server.write("/etc/sudoers", main, mode=0o440)
    let_the_time_pass(world)
    assert server.read(APPS).decode() == f"{lines['neighbour']}\n"
    assert not (server.root / "etc/sudoers.d/tech").exists()
    assert not world.people.by_ssh(server, "technician", "app")
    rule = world.target.verify(found["sudoers /etc/sudoers"], log_in=False)
    assert rule.state == GrantState.ACTIVE
    assert f"{TOLD} ({FOLDER}/log there): put back: /etc/sudoers; put lines back that are not ours: {APPS}" in rule.evidence


def test_what_it_put_back_stands_in_the_record(world: AccountsWorld, tmp_path: Path) -> None:
    """Killed after the act: the client throws a stolen key out, and the host brings it back; whoever goes on says so."""
    server, lines = world.server, world.people.lines
    server.keys(APPS, (lines["neighbour"], lines["stranger"]), owner="app")
    with opened_desk(world, tmp_path, LinuxDesk) as desk:
        exit_, plan = desk.exit, desk.plan
        begun, *others = sorted(plan.grants, key=lambda one: (one.own, not one.id.startswith("authority")))
        noted = find_grants(exit_, plan).present[begun.subject]
        exit_.record(EntryKind.INTENT, action=Action.REVOKE, subject=begun.subject, data={"grant": with_undo(noted)})
        world.revoke_and_die_at(noted, "way-back-check")
        server.keys(APPS, (lines["neighbour"],), owner="app")
        let_the_time_pass(world)
        assert world.people.by_ssh(server, "stranger", "app")
        for grant in (begun, *others):
            revoke(exit_, [grant], find_grants(exit_, plan).present)
            assert look_back(exit_, plan, grant) == ""
        receipts = exit_.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)
        assert len(receipts) == len(plan.grants)
        for entry in receipts:
            assert TOLD in entry.data["done"]
            assert APPS in entry.data["done"]
        assert all(APPS in entry.data["facts"]["way back ran"] for entry in receipts[1:])
        seen = newest_verdict(exit_, begun)
        assert seen is not None
        assert TOLD in seen.data["evidence"]  # which the checklist shows beside it


def test_where_it_never_ran_nothing_is_told(world: AccountsWorld) -> None:
    grant = world.grant("authority")
    receipt = world.target.revoke(grant)
    assert "way back ran" not in receipt.facts
    assert TOLD not in receipt.done + world.target.verify(grant, log_in=False).evidence
