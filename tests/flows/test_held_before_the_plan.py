"""What is wrong before a plan can be drawn: the run is Held, says what to do, and nothing was changed."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pykeepass import PyKeePass

from demo.acme import VAULT_PASSPHRASE
from tests.flows.exit_world import GONE, ExitWorld

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def held(state: "State[Any]") -> str:
    assert state.is_failed()
    assert state.name == "Held", state
    return str(state.message)


def every_host(written: dict[str, Any], field: str, value: str) -> None:
    for one in [*written["data_sources"], *written["access_targets"]]:
        if one["kind"] == "ssh_host":
            one[field] = value


def test_an_engagement_without_a_file(world: ExitWorld) -> None:
    message = held(world.walk(engagement=GONE))
    assert GONE in message
    assert str(world.acme.engagements) in message
    world.nothing_changed()


def test_a_cutoff_that_is_past(world: ExitWorld) -> None:
    world.engage(cutoff=datetime.now(UTC) - timedelta(minutes=1))
    message = held(world.walk())
    assert "(America/Vancouver), has passed." in message
    assert "Left untouched: everything; no plan was drawn." in message
    assert "What to do: agree on a new cutoff date with the client" in message
    world.nothing_changed()


def test_a_credential_that_nobody_has_labelled(world: ExitWorld) -> None:
    vault = PyKeePass(str(world.folder / "provider" / "vault.kdbx"), password=VAULT_PASSPHRASE)
    vault.add_entry(vault.root_group, "Whose is this?", "somebody", "a-value-never-shown")
    vault.save()
    world.engage()
    message = held(world.walk())
    assert "'Whose is this?' in vault" in message
    assert "Left untouched: no package was made and no credential was read." in message
    assert "set the property Owner of each to client, ours or shared" in message
    assert "a-value-never-shown" not in message
    world.nothing_changed()


def test_a_host_key_that_changed(world: ExitWorld) -> None:
    world.engage(change=lambda written: every_host(written, "host_key", world.acme.public["bob"]))
    message = held(world.walk())
    assert "host key" in message
    assert "Left untouched: " in message
    assert "What to do: " in message
    world.nothing_changed()


def test_an_ssh_key_that_opens_nothing(world: ExitWorld) -> None:
    world.engage(change=lambda written: every_host(written, "private_key", f"file:{world.acme.keys / 'bob'}"))
    message = held(world.walk())
    assert "127.0.0.1" in message
    assert "Left untouched: " in message
    assert "What to do: " in message
    assert "PRIVATE KEY" not in message
    world.nothing_changed()


def test_a_recipient_key_that_is_none(world: ExitWorld) -> None:
    world.engage(change=lambda written: written["recipients"][0].update(age="age1notakeyatall"))
    message = held(world.walk())
    assert "acme-dental.yaml:" in message  # file, line and column
    assert "recipients" in message
    world.nothing_changed()


def test_keep_going_starts_nothing_by_itself(world: ExitWorld) -> None:
    world.engage()
    state = world.keep_going()
    assert state.is_completed()
    assert "No plan is drawn yet. A person starts client-exit" in state.message
    world.nothing_changed()
