"""What every ObligationSource must keep. A connector's test subclasses `ObligationSourceContract` and gives a `world` fixture."""

import logging
from typing import Protocol

import pytest

from core.errors import RefusedError, UnavailableError
from core.model import ObligationSide
from core.ports import ObligationSource


class ObligationWorld(Protocol):
    """A real register with open obligations of both sides, settled ones, and one said to be settled without any evidence."""

    source: ObligationSource
    open: dict[str, ObligationSide]
    """Who owes each open obligation, by id."""
    secrets: tuple[str, ...]
    """Texts that somebody wrote into a register by mistake; no message may repeat them."""

    def state(self) -> object:
        """All that is stored, with its times, to be compared."""

    def nothing_owed(self) -> ObligationSource:
        """The same source, where it is written down that nothing is owed."""

    def broken(self) -> tuple[ObligationSource, ...]:
        """The same source where it is missing, unreadable or holds a mistake."""


class ObligationSourceContract:
    """All that is open and only that, sorted; what cannot be read is never taken as settled."""

    @pytest.fixture
    def world(self) -> ObligationWorld:
        raise NotImplementedError

    def test_the_listing_is_whole_and_sorted_and_the_same_twice(self, world: ObligationWorld) -> None:
        found = world.source.outstanding()
        assert [(one.id, one.owed_by) for one in found] == sorted(world.open.items())
        assert set(world.open.values()) == set(ObligationSide)
        assert {one.source for one in found} == {world.source.name}
        assert all(one.what for one in found)
        assert world.source.outstanding() == found

    def test_nothing_owed_is_said_by_an_empty_listing(self, world: ObligationWorld) -> None:
        assert world.nothing_owed().outstanding() == ()

    def test_reading_changes_nothing(self, world: ObligationWorld) -> None:
        before = world.state()
        world.source.outstanding()
        assert world.state() == before

    def test_it_has_no_way_to_destroy(self, world: ObligationWorld) -> None:
        words = ("delete", "remove", "unlink", "lock", "destroy", "purge", "clear", "wipe")
        assert not [name for name in dir(world.source) if not name.startswith("_") and any(word in name.lower() for word in words)]

    def test_what_is_broken_is_never_settled_and_no_secret_is_said(self, world: ObligationWorld, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        said = [repr(world.source), str(world.source)]
        for source in world.broken():
            with pytest.raises((UnavailableError, RefusedError)) as caught:
                source.outstanding()
            error = caught.value
            assert error.untouched or error.todo
            said += [repr(source), str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        assert not [secret for secret in world.secrets if secret in "\n".join([*said, caplog.text])]
