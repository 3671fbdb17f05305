"""The promises of every access target, on whole Linux hosts: by keys alone as root, and by accounts, sudo and certificates."""

from collections.abc import Iterator

import pytest

from tests.contracts.access_target import AccessTargetContract
from tests.servers.linux_world import AccountsWorld, KeysWorld


@pytest.fixture(scope="module", params=["yes", "no"])
def keys_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeysWorld]:
    world = KeysWorld(tmp_path_factory.mktemp("keys"), (f"UsePAM {request.param}",))
    yield world
    world.server.stop()


@pytest.fixture(scope="module", params=["yes", "no"])
def accounts_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsWorld]:
    options = (f"UsePAM {request.param}", "PasswordAuthentication yes", "TrustedUserCAKeys /etc/ssh/authorities")
    world = AccountsWorld(tmp_path_factory.mktemp("accounts"), options)
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
