"""Listing files of a host by SSH, against OpenSSH's server and asyncssh's."""

import os

import pytest
from pydantic import ValidationError

from connectors.ssh_host import SshFiles
from core.errors import RefusedError
from tests.servers.ssh_files import FilesWorld
from tests.servers.ssh_world import SshWorld


@pytest.fixture
def world(files_world: FilesWorld) -> FilesWorld:
    return files_world


def test_paths_may_be_files_and_lie_inside_one_another(host: SshWorld, world: FilesWorld) -> None:
    whole = list(world.source.inventory())
    nested = host.files(world.root / "sub", world.root, world.root / "plain.txt")
    assert list(nested.inventory()) == whole
    assert [item.path for item in host.files(world.root / "plain.txt").inventory()] == [f"{world.prefix}plain.txt"]


def test_a_path_that_is_not_there_is_named(host: SshWorld, world: FilesWorld) -> None:
    with pytest.raises(RefusedError, match="no-such-folder"):
        list(host.files(world.root, world.root / "no-such-folder").inventory())


def test_a_path_that_is_a_link_is_not_followed(host: SshWorld, world: FilesWorld) -> None:
    with pytest.raises(RefusedError, match="symbolic link to sub;"):
        list(host.files(world.root / "link-to-directory").inventory())


@pytest.mark.parametrize("path", ["data", "./data", "/data/", "/data/../etc", "//data", "/data/.", "", "/a\0b"])
def test_a_path_must_be_absolute_and_plain(host: SshWorld, path: str) -> None:
    with pytest.raises(ValidationError, match="absolute path"):
        SshFiles(**host.settings(), paths=(path,))


def test_hard_links_are_told_of(world: FilesWorld) -> None:
    os.link(world.root / "plain.txt", world.root / "second")
    os.link(world.root / "plain.txt", world.root / "sub" / "third")
    told = {item.path.removeprefix(world.prefix): item.aside for item in world.source.inventory() if item.aside}
    assert told == dict.fromkeys(("plain.txt", "second", "sub/third"), "one of 3 hard links")


def test_a_wide_and_deep_tree_is_listed_in_order(world: FilesWorld) -> None:
    wide = world.root / "wide"
    for name in (f"{number:03}{end}" for number in range(60) for end in ("", "-", " x", ".d")):
        (wide / name / "below").mkdir(parents=True)
    for number in range(1500):
        (wide / f"f{number}").symlink_to(f"target {number}")
    deep = world.root
    for _ in range(60):
        deep /= "down"
    deep.mkdir(parents=True)
    found = list(world.source.inventory())
    assert [item.path for item in found] == sorted((item.path for item in found), key=os.fsencode)
    below = {item.path: item.target for item in found if item.path.startswith(f"{world.prefix}wide/f")}
    assert below == {f"{world.prefix}wide/f{number}": f"target {number}" for number in range(1500)}
    assert len(found) == 1 + sum(len(directories) + len(files) for _path, directories, files in os.walk(world.root))
