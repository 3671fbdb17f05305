"""Names that are good where they stand, and are not of the form that our commands have: of files with rules of sudo, and of systems."""

import pytest

from core.errors import RefusedError
from core.model import GrantState
from tests.servers.linux_world import AccountsWorld

FOLDER = "var/lib/good-leaver-db1"


@pytest.fixture
def world(accounts_host: AccountsWorld) -> AccountsWorld:
    accounts_host.reset()
    return accounts_host


@pytest.mark.parametrize("name", ["our company", "tech,app", "techniker-für-nachts"])
def test_rules_in_a_file_of_an_unusual_name_are_left_to_a_person_before_anything_is_done(world: AccountsWorld, name: str) -> None:
    path = f"/etc/sudoers.d/{name}"
    world.server.write(path, b"tech ALL=(root) /bin/true\n", mode=0o440)
    before, grant = world.state(), world.grant(f"sudoers {path}")
    assert f"nothing: {grant.id} is left to a person" in world.target.operations([grant])
    with pytest.raises(RefusedError, match="left to a person: it is no drop-in") as caught:
        world.target.revoke(grant)
    assert "visudo" in str(caught.value)
    assert world.state() == before
    assert not (world.server.root / FOLDER / "armed").exists()
    assert world.target.verify(grant, log_in=False).state == GrantState.ACTIVE


def test_our_own_account_is_closed_though_its_rules_stand_in_a_file_of_an_unusual_name(world: AccountsWorld) -> None:
    world.server.run("mv", "/etc/sudoers.d/northlight", "/etc/sudoers.d/north light")
    own, rules = world.grant("account northlight"), world.grant("sudoers /etc/sudoers.d/north light")
    assert own.undo["drop-ins"] == "[]"
    assert any(one.startswith("run our script leave") for one in world.target.operations([rules, own]))
    with pytest.raises(RefusedError, match="left to a person: it is no drop-in"):
        world.target.revoke(rules)
    assert world.target.revoke(own).facts["sessions_ended"] is True
    assert not any(world.ways_in("connector"))
    assert all(world.ways_in("client"))
    assert world.server.read("/etc/sudoers.d/north light") == b"northlight ALL=(ALL) NOPASSWD: ALL\n"


@pytest.mark.parametrize("name", ["Büro-Server 1", "n" * 80])
def test_a_system_may_be_named_in_any_way(world: AccountsWorld, name: str) -> None:
    target = world.access(name=name)
    (grant,) = [one for one in target.discover(world.holders) if one.id == "account tech"]
    assert any("way-back-start" in one for one in target.operations([grant]))
    assert target.revoke(grant).facts["changed"] is True
    assert not any(world.ways_in("technician"))
    assert [one.name for one in (world.server.root / "var/lib").glob("good-leaver-*/confirmed")] == ["confirmed"]
