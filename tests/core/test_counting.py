"""One of a thing is written without an s, and large numbers so that they can be read."""

import pytest

from core.counting import amount, counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (999, "999 files"), (213_319_330, "213,319,330 files")]
)
def test_a_number_of_things(number: int, words: str) -> None:
    assert counted(number, "file") == words


def test_what_takes_more_than_an_s() -> None:
    assert [counted(number, "directory is", "directories are") for number in (1, 2)] == ["1 directory is", "2 directories are"]
    assert amount(1, 1) == "1 file, 1 byte"
    assert amount(380, 1024) == "380 files, 1,024 bytes"
