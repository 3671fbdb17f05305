"""Hashing beside the reading gives the same sums."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.archive.hashing import HashingThread


@given(files=st.lists(st.lists(st.binary(max_size=5_000), max_size=6), max_size=4))
def test_the_sum_is_that_of_all_pieces_in_order(files: list[list[bytes]]) -> None:
    with HashingThread() as hashing:
        for pieces in files:
            running = hashing.begin()
            for piece in pieces:
                running.update(piece)
            assert running.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_a_buffer_may_be_filled_anew_once_the_piece_after_it_was_taken() -> None:
    buffers, expected = [memoryview(bytearray(1 << 20)) for _ in range(2)], hashlib.sha256()
    with HashingThread() as hashing:
        running = hashing.begin()
        for number in range(200):
            buffer = buffers[number % 2]
            buffer[:] = bytes((number,)) * len(buffer)
            expected.update(buffer)
            running.update(buffer)
        assert running.hexdigest() == expected.hexdigest()


def test_a_thread_that_ended_hashes_nothing_more() -> None:
    with HashingThread() as hashing:
        running = hashing.begin()
    with pytest.raises(RuntimeError):
        running.update(b"late")
