"""What every DocumentSource must keep. A connector's test subclasses `DocumentSourceContract` and gives a `world` fixture."""

import hashlib
import logging
from typing import Protocol

import pytest

from core.errors import RefusedError, UnavailableError
from core.ports import DocumentSource


class DocumentWorld(Protocol):
    """A real place with documents, among them an empty one, one with a name outside ASCII and names that are easily missorted."""

    source: DocumentSource
    contents: dict[str, bytes]
    """What is truly in each document, by path."""

    def state(self) -> object:
        """All that is stored, with its times, to be compared."""

    def change(self, path: str) -> None:
        """Alter one document without altering its size, as somebody does who edits it after the plan."""

    def broken(self) -> tuple[DocumentSource, ...]:
        """The same source where it is missing or cannot be read."""


class DocumentSourceContract:
    """Listed sorted with true sums, read whole and only as listed, nothing changed."""

    @pytest.fixture
    def world(self) -> DocumentWorld:
        raise NotImplementedError

    def test_the_listing_is_whole_and_sorted_and_the_same_twice(self, world: DocumentWorld) -> None:
        found = world.source.documents()
        assert [one.path for one in found] == sorted(world.contents)
        assert {one.source for one in found} == {world.source.name}
        assert world.source.documents() == found

    def test_sizes_sums_and_contents_are_true(self, world: DocumentWorld) -> None:
        for one in world.source.documents():
            content = world.contents[one.path]
            assert (one.size, one.sha256) == (len(content), hashlib.sha256(content).hexdigest())
            assert world.source.read(one) == content

    def test_reading_changes_nothing(self, world: DocumentWorld) -> None:
        before = world.state()
        for one in world.source.documents():
            world.source.read(one)
        assert world.state() == before

    def test_what_was_changed_since_is_refused(self, world: DocumentWorld) -> None:
        one = next(one for one in world.source.documents() if one.size)
        world.change(one.path)
        with pytest.raises(RefusedError) as caught:
            world.source.read(one)
        assert caught.value.todo

    def test_it_has_no_way_to_destroy(self, world: DocumentWorld) -> None:
        words = ("delete", "remove", "unlink", "lock", "destroy", "purge", "clear", "wipe")
        assert not [name for name in dir(world.source) if not name.startswith("_") and any(word in name.lower() for word in words)]

    def test_no_content_is_ever_said_and_what_is_broken_is_never_empty(
        self, world: DocumentWorld, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        listed = world.source.documents()
        one = next(one for one in listed if one.size)
        said = [repr(world.source), repr(listed)]
        for source in world.broken():
            for look in (source.documents, lambda source=source: source.read(one)):
                with pytest.raises((UnavailableError, RefusedError)) as caught:
                    look()
                error = caught.value
                assert error.untouched or error.todo
                said += [repr(source), str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        assert not [text for text in world.contents.values() if text and text.decode() in "\n".join([*said, caplog.text])]
