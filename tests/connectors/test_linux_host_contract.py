"""The promises of every access target, on whole Linux hosts: by keys alone as root, and by accounts, sudo and certificates.

Each world is tried whole with one setting of `UsePAM`; with the other, what depends on who lets somebody in: PAM, or sshd alone.
"""

from collections.abc import Iterator

import pytest

from core.model import Assurance, GrantState
from tests.contracts.access_target import AccessTargetContract
from tests.servers.linux_world import PASSWORDS_AND_AUTHORITIES, AccountsWorld, KeysWorld


@pytest.fixture(scope="module")
def keys_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysWorld]:
    world = KeysWorld(tmp_path_factory.mktemp("keys"), ("UsePAM no",))
    yield world
    world.server.stop()


class TestKeysAsRoot(AccessTargetContract):
    @pytest.fixture
    def world(self, keys_host: KeysWorld) -> KeysWorld:
        keys_host.reset()
        return keys_host


class TestAccountsBySudo(AccessTargetContract):
    @pytest.fixture
    def world(self, accounts_host: AccountsWorld) -> AccountsWorld:
        accounts_host.reset()
        return accounts_host


def test_a_session_by_the_key_that_we_come_in_by_ends_with_it(keys_host: KeysWorld) -> None:
    keys_host.reset()
    held = keys_host.target.open_session()
    assert held.verify().state == GrantState.ACTIVE
    (own,) = [grant for grant in keys_host.target.discover(keys_host.holders) if grant.own]
    facts = keys_host.target.revoke(own).facts
    assert (facts["sessions ended"], facts["sessions_ended"]) == ("1", True)
    seen = held.verify()
    assert (seen.state, seen.assurance) == (GrantState.REVOKED, Assurance.OBSERVED)
    held.close()


def test_where_the_log_does_not_tell_whose_a_login_is_nobody_says_that_ours_ended(keys_host: KeysWorld) -> None:
    keys_host.reset()
    held = keys_host.target.open_session()
    keys_host.server.run("truncate", "-s", "0", "/var/log/auth.log")
    (own,) = [grant for grant in keys_host.target.discover(keys_host.holders) if grant.own]
    facts = keys_host.target.revoke(own).facts
    assert facts["sessions of which nobody can tell by which key"] == "1"
    assert "sessions_ended" not in facts
    assert held.verify().state == GrantState.ACTIVE
    held.close()


def test_keys_are_given_up_and_back_with_pam(keys_host: KeysWorld) -> None:
    with_the_other(keys_host, ("UsePAM yes",))


def test_accounts_are_given_up_and_back_without_pam(accounts_host: AccountsWorld) -> None:
    with_the_other(accounts_host, ("UsePAM no", *PASSWORDS_AND_AUTHORITIES))


def with_the_other(world: KeysWorld | AccountsWorld, options: tuple[str, ...]) -> None:
    """Keep these promises with other settings of the server; the last of the tests on this host."""
    contract = AccessTargetContract()
    world.reset()
    world.server.configure(options)
    world.start = world.state()
    for promise in (
        contract.test_what_is_revoked_is_gone_and_nobody_else_loses_anything,
        contract.test_reinstating_undoes_to_the_byte_in_any_order_and_twice_is_fine,
    ):
        world.reset()
        promise(world)
