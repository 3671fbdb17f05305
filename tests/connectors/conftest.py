"""The servers that the tests of several files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.data_source import grow_tree
from tests.servers.acme_world import Acme, as_it_was
from tests.servers.aws_desk import Desk, opened_desk
from tests.servers.aws_world import AwsWorld
from tests.servers.linux_world import WITH_PAM, AccountsWorld, AgentWorld
from tests.servers.ssh_files import FilesWorld
from tests.servers.ssh_world import IMPLEMENTATIONS, SshWorld


@pytest.fixture(scope="session", params=IMPLEMENTATIONS)
def running_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshWorld]:
    """OpenSSH's server, then asyncssh's: each is started once for all tests."""
    made = SshWorld(tmp_path_factory.mktemp("host"), request.param)
    yield made
    made.close()


@pytest.fixture
def host(running_host: SshWorld) -> SshWorld:
    """The server as it was at its start: with all its key lines."""
    running_host.reset()
    return running_host


@pytest.fixture
def files_world(host: SshWorld, tmp_path: Path) -> Iterator[FilesWorld]:
    """A tree of all that can stand in one, as the host shows it."""
    root = tmp_path / "data"
    root.mkdir()
    grow_tree(root)
    source = host.files(root)
    yield FilesWorld(source=source, root=root, prefix=f"{root}/"[1:])
    source.close()


@pytest.fixture(scope="module")
def accounts_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsWorld]:
    """A whole Linux host with accounts, sudo and certificates of ours; who uses it puts it back to its start."""
    made = AccountsWorld(tmp_path_factory.mktemp("accounts"), WITH_PAM)
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def agent_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AgentWorld]:
    """The same with a rule and a service of ours that nobody sees from outside."""
    made = AgentWorld(tmp_path_factory.mktemp("agent"), WITH_PAM)
    yield made
    made.server.stop()


@pytest.fixture
def aws(request: pytest.FixtureRequest, tmp_path: Path) -> AwsWorld:
    """An account in which our users stand, or what the test asks for instead."""
    return AwsWorld(tmp_path, getattr(request, "param", "users"))


@pytest.fixture
def desk(aws: AwsWorld, tmp_path: Path) -> Iterator[Desk]:
    """The client of that account, and the exit upon it."""
    with opened_desk(aws, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def running_acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """A tenant in which every kind of access of ours stands, started once for the tests of a file."""
    made = Acme(tmp_path_factory.mktemp("acme"))
    with made.server:
        yield made


@pytest.fixture
def acme(running_acme: Acme) -> Iterator[Acme]:
    """The same as it was at its start."""
    with as_it_was(running_acme):
        yield running_acme
