"""Devices in the export: where a licence has Intune, and without what opens something; elsewhere it is told that there is none."""

from collections.abc import Iterator

import pytest

from core.model import ItemKind
from tests.servers.microsoft365_world import Microsoft365World, as_it_was, item_at, whole

OURS = ("devices", "device-configurations", "device-compliance-policies")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft365World]:
    world = Microsoft365World(tmp_path_factory.mktemp("acme"))
    with world.server:
        yield world


@pytest.fixture
def world(running: Microsoft365World) -> Iterator[Microsoft365World]:
    with as_it_was(running):
        yield running


def test_without_a_licence_it_is_told_and_no_empty_table_stands_for_it(world: Microsoft365World) -> None:
    for key in world.table("subscribedSkus"):
        world.object("subscribedSkus", key, changes={"servicePlans": []})
    source = world.source(drives=[], mailboxes=[])
    kinds = {item.path: item.kind for item in source.inventory()}
    told = next(whole(read) for read in source.read_all([item_at(source, "NOT-EXPORTED.txt")])).decode()
    for name in OURS:
        assert kinds[f"configuration/{name}"] is ItemKind.OTHER
        assert f"configuration/{name}.csv" not in kinds
        assert f"- configuration/{name}: no licence of the tenant has Intune in it" in told


def test_keys_of_networks_and_profiles_that_may_hold_some_are_left_out(world: Microsoft365World) -> None:
    ((key, _one),) = world.table("deviceConfigurations").items()
    world.object(
        "deviceConfigurations", key, changes={"displayName": "Wi-Fi", "preSharedKey": "open-sesame", "payload": "b3Blbi1zZXNhbWU="}
    )
    source = world.source(drives=[], mailboxes=[])
    (read,) = source.read_all([item_at(source, "configuration/device-configurations.json")])
    text = whole(read)
    assert b'"displayName":"Wi-Fi"' in text
    assert b"sesame" not in text
    assert b"b3Blbi1zZXNhbWU" not in text
