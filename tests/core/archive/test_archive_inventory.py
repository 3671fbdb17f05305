"""Inventories find every difference, whatever the names."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.folder import FolderFiles
from core.archive.inventory import compare, inventory_line, take_inventory
from core.model import InventoryItem, ItemKind

from .archive_workshop import fill_hostile


def test_differences_are_named(tmp_path: Path) -> None:
    fill_hostile(tmp_path)
    source = FolderFiles(name="files", path=tmp_path)
    before = take_inventory(source)
    assert compare(before, take_inventory(source)) == compare(b"", b"")
    (tmp_path / "a b").unlink()
    (tmp_path / "plain.txt").write_text("other")
    os.rename(os.fsencode(tmp_path) + b"/latin-\xe9\xff", os.fsencode(tmp_path) + b"/\xfe")  # noqa: PTH104 - the name is bytes
    changes = compare(before, take_inventory(source))
    assert changes.removed == ("a b", "latin-\udce9\udcff")
    assert changes.added == ("\udcfe",)
    assert changes.changed == ("plain.txt",)


paths = st.text(min_size=1, max_size=5, alphabet="ab/é\udcff\U0001f600")


def lines(entries: dict[str, int]) -> bytes:
    items = [InventoryItem(dataset="d", path=path, kind=ItemKind.FILE, size=size) for path, size in entries.items()]
    return b"".join(map(inventory_line, sorted(items, key=lambda item: item.path.encode("utf-8", "surrogateescape"))))


@given(before=st.dictionaries(paths, st.integers(0, 2)), after=st.dictionaries(paths, st.integers(0, 2)))
def test_comparing_is_set_arithmetic(before: dict[str, int], after: dict[str, int]) -> None:
    changes = compare(lines(before), lines(after))
    assert set(changes.added) == after.keys() - before.keys()
    assert set(changes.removed) == before.keys() - after.keys()
    assert set(changes.changed) == {path for path in before.keys() & after.keys() if before[path] != after[path]}


def test_unsorted_lines_are_refused() -> None:
    with pytest.raises(ValueError, match="not sorted"):
        compare(lines({"b": 1}) + lines({"a": 1}), b"")
