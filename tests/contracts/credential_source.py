"""What every CredentialSource must keep. A connector's test subclasses `CredentialSourceContract` and gives a `world` fixture."""

import logging
from typing import Protocol

import pytest

from core.errors import RefusedError, UnavailableError
from core.model import Owner
from core.ports import CredentialSource


class CredentialWorld(Protocol):
    """A real vault with entries of the client's, of ours, shared ones and one that is nobody's."""

    source: CredentialSource
    passwords: dict[str, str]
    """The true password of each entry, by title."""
    secrets: tuple[str, ...]
    """Texts that must never appear anywhere: passwords, notes, what opens the vault."""

    def state(self) -> object:
        """All that is stored, with its times, to be compared."""

    def broken(self) -> tuple[CredentialSource, ...]:
        """The same source where it is missing, damaged, or does not open."""


class CredentialSourceContract:
    """References sorted and whole, values only on demand, nothing changed, nothing said."""

    @pytest.fixture
    def world(self) -> CredentialWorld:
        raise NotImplementedError

    def test_the_listing_is_whole_and_sorted_and_the_same_twice(self, world: CredentialWorld) -> None:
        found = world.source.credentials()
        assert list(found) == sorted(found, key=lambda one: (one.title, one.username, one.reference))
        assert {one.title for one in found} == set(world.passwords)
        assert len({one.reference for one in found}) == len(found)
        assert {one.owner for one in found} == {*Owner, None}
        assert {one.source for one in found} == {world.source.name}
        assert world.source.credentials() == found

    def test_a_reference_reveals_its_own_values(self, world: CredentialWorld) -> None:
        assert {one.title: world.source.reveal(one.reference).password for one in world.source.credentials()} == world.passwords

    def test_reading_changes_nothing(self, world: CredentialWorld) -> None:
        before = world.state()
        for one in world.source.credentials():
            world.source.reveal(one.reference)
        assert world.state() == before

    def test_it_has_no_way_to_destroy(self, world: CredentialWorld) -> None:
        words = ("delete", "remove", "unlink", "lock", "destroy", "purge", "clear", "wipe")
        assert not [name for name in dir(world.source) if not name.startswith("_") and any(word in name.lower() for word in words)]

    def test_an_unknown_reference_is_refused(self, world: CredentialWorld) -> None:
        with pytest.raises(RefusedError) as caught:
            world.source.reveal("0" * 32)
        assert caught.value.todo

    def test_no_secret_is_ever_said_and_what_is_broken_is_never_empty(
        self, world: CredentialWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        listed = world.source.credentials()
        said = [repr(world.source), str(world.source), repr(listed), *(repr(world.source.reveal(one.reference)) for one in listed)]
        for source in world.broken():
            for look in (source.credentials, lambda source=source: source.reveal(listed[0].reference)):
                with pytest.raises((UnavailableError, RefusedError)) as caught:
                    look()
                error = caught.value
                assert error.untouched or error.todo
                said += [repr(source), str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        assert not [secret for secret in world.secrets if secret in "\n".join([*said, caplog.text])]
