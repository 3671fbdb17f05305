"""What arrives is taken apart as it was sent, however it comes, and costs no more than its bytes."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.buffered_pipe import PipeTimeout

from connectors.ssh_host.arriving import Incoming, Pieces, ReadAhead

MIB = 1024 * 1024


@pytest.fixture
def ends() -> Iterator[tuple[ReadAhead, socket.socket]]:
    near, far = socket.socketpair()
    reading = ReadAhead(near)
    with reading, far:
        yield reading, far


@given(pieces=st.lists(st.binary(min_size=1, max_size=20_000), max_size=20), cuts=st.lists(st.integers(0, 30_000), max_size=20))
def test_exact_lengths_come_out_of_whatever_pieces_come_in(pieces: list[bytes], cuts: list[int]) -> None:
    whole, waiting, at = b"".join(pieces), iter(pieces), 0
    incoming = Incoming(lambda: next(waiting))
    for number, cut in enumerate(cuts):
        wanted = min(cut, len(whole) - at)
        got = incoming.take(wanted) if number % 2 else b"".join(incoming.take_pieces(wanted))
        assert got == whole[at : at + wanted]
        at += wanted


@given(pieces=st.lists(st.binary(max_size=10_000), max_size=30), sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=30))
def test_a_channels_pieces_come_in_order_and_then_their_end(pieces: list[bytes], sizes: list[int]) -> None:
    pipe, seen = Pieces(), b""
    for piece in pieces:
        pipe.feed(piece)
    pipe.close()
    assert len(pipe) == len(b"".join(pieces))
    while got := pipe.read(sizes[len(seen) % len(sizes)], 0):
        seen += got
    assert seen == b"".join(pieces)
    assert pipe.read(1, 0) == b""


def test_who_waits_is_woken_by_bytes_and_by_the_end_and_else_gives_up() -> None:
    pipe = Pieces()
    with pytest.raises(PipeTimeout):
        pipe.read(1, 0.01)
    assert not pipe.read_ready()
    for act, expected in ((lambda: pipe.feed(b"x"), b"x"), (pipe.close, b"")):
        threading.Timer(0.05, act).start()
        started = time.monotonic()
        assert pipe.read(10, 20) == expected
        assert time.monotonic() - started < 10


def test_bytes_that_come_one_by_one_are_not_held_one_by_one() -> None:
    tracemalloc.start()
    try:
        pipe = Pieces()
        for _ in range(MIB):
            pipe.feed(b"ab")
        pieces = Incoming(lambda: pipe.read(1, 0)).take_pieces(MIB)
        assert len(pieces) <= MIB // 4096
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_socket_that_reads_ahead_gives_what_was_sent(ends: tuple[ReadAhead, socket.socket]) -> None:
    reading, far = ends
    content = bytes(range(256)) * 8192
    threading.Thread(target=lambda: (far.sendall(content), far.shutdown(socket.SHUT_WR))).start()
    seen = bytearray()
    sizes = (1, 16, 300_000, 35_000, 4)
    while got := reading.recv(sizes[len(seen) % len(sizes)]):
        seen += got
    assert seen == content
    assert reading.recv(10) == b""


def test_what_is_here_is_given_before_a_silence_is_told(ends: tuple[ReadAhead, socket.socket]) -> None:
    reading, far = ends
    reading.settimeout(0.05)
    far.sendall(b"half")
    assert reading.recv(100) == b"half"
    with pytest.raises(TimeoutError):
        reading.recv(100)
    far.sendall(b"the rest")
    assert (reading.recv(3), reading.recv(100)) == (b"the", b" rest")
