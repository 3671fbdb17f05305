"""The SSH servers that the tests of several files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.data_source import grow_tree
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
