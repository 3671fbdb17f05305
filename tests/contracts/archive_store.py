"""What every ArchiveStore must keep. A connector's test subclasses `ArchiveStoreContract` and gives a `world` fixture."""

import logging
from typing import Protocol

import pytest

from core.errors import RefusedError, UnavailableError
from core.ports import ArchiveStore

CONTENT = bytes(range(256)) * 900


class StoreWorld(Protocol):
    """A real store with nothing in it yet."""

    store: ArchiveStore
    secrets: tuple[str, ...]
    """Texts that must never appear anywhere: what opens the store, if anything does."""

    def state(self) -> object:
        """All that lies in and around the store, with its times, to be compared."""

    def leading_elsewhere(self) -> tuple[str, ...]:
        """Names by which a writer who does not look would reach something outside the store, over a link that lies in it too."""

    def broken(self) -> tuple[ArchiveStore, ...]:
        """The same store where nothing can be listed or written."""


def put(store: ArchiveStore, name: str, content: bytes) -> None:
    with store.put(name) as stream:
        stream.write(content)


def put_and_fail(store: ArchiveStore, name: str, error: type[BaseException]) -> None:
    with store.put(name) as stream:
        stream.write(CONTENT)
        raise error


def get(store: ArchiveStore, name: str) -> bytes:
    with store.get(name) as stream:
        return stream.read()


class ArchiveStoreContract:
    """Whole or not at all, never overwritten, nowhere else, never removed."""

    @pytest.fixture
    def world(self) -> StoreWorld:
        raise NotImplementedError

    def test_the_listing_is_sorted_and_the_same_twice_and_reading_changes_nothing(self, world: StoreWorld) -> None:
        names = ["b", "a/z", "a.txt", "a/b/c", "a-b/x", "ab"]
        for name in names:
            put(world.store, name, name.encode())
        before = world.state()
        assert world.store.list() == tuple(sorted(names))
        assert [get(world.store, name) for name in names] == [name.encode() for name in names]
        assert world.store.list() == tuple(sorted(names))
        assert world.store.where()
        assert world.state() == before

    def test_an_object_appears_only_when_it_is_whole(self, world: StoreWorld) -> None:
        with world.store.put("volume/one") as stream:
            stream.write(CONTENT)
            assert world.store.list() == ()
            with pytest.raises(FileNotFoundError):
                get(world.store, "volume/one")
        assert world.store.list() == ("volume/one",)
        assert get(world.store, "volume/one") == CONTENT

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_an_error_in_the_middle_leaves_nothing_and_it_can_be_put_again(self, world: StoreWorld, error: type[BaseException]) -> None:
        with pytest.raises(error):
            put_and_fail(world.store, "one", error)
        assert world.store.list() == ()
        with pytest.raises(FileNotFoundError):
            get(world.store, "one")
        put(world.store, "one", b"1")
        assert get(world.store, "one") == b"1"

    def test_nothing_is_ever_overwritten(self, world: StoreWorld) -> None:
        put(world.store, "one", CONTENT)
        before = world.state()
        with pytest.raises(RefusedError) as caught:
            put(world.store, "one", b"another")
        assert caught.value.untouched
        assert (world.state(), get(world.store, "one")) == (before, CONTENT)

    def test_a_name_that_leads_elsewhere_is_refused(self, world: StoreWorld) -> None:
        names = world.leading_elsewhere()
        before = world.state()
        for name in names:
            with pytest.raises(RefusedError):
                put(world.store, name, b"1")
            with pytest.raises((RefusedError, FileNotFoundError)):
                get(world.store, name)
        assert world.state() == before

    def test_a_missing_object_is_file_not_found(self, world: StoreWorld) -> None:
        put(world.store, "one", b"1")
        for name in ("two", "one.txt", "folder/one"):
            with pytest.raises(FileNotFoundError):
                get(world.store, name)

    def test_it_has_no_way_to_destroy(self, world: StoreWorld) -> None:
        words = ("delete", "remove", "unlink", "lock", "destroy", "purge", "clear", "wipe")
        assert not [name for name in dir(world.store) if not name.startswith("_") and any(word in name.lower() for word in words)]

    def test_a_broken_store_is_never_empty_and_no_secret_is_said(self, world: StoreWorld, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        said = [repr(world.store), world.store.where()]
        for store in world.broken():
            for reach in (store.list, lambda store=store: put(store, "one", b"1"), lambda store=store: put(store, "a/one", b"1")):
                with pytest.raises((UnavailableError, RefusedError)) as caught:
                    reach()
                error = caught.value
                assert error.untouched or error.todo
                said += [repr(store), str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        assert not [secret for secret in world.secrets if secret in "\n".join([*said, caplog.text])]
