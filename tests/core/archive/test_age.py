"""Our age files are everybody's: Debian's age and pyrage read what we write, and we read what they write."""

import io
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pyrage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.archive.age_header import read_header
from core.archive.age_payload import CHUNK, NONCE_BYTES
from core.archive.encryption import decrypting

from .age_files import KINDS, Pair, plaintext_of, read, split, write

near = st.integers(-2, 2)
boundaries = st.sampled_from([0, CHUNK, 2 * CHUNK, 15 * CHUNK, 16 * CHUNK, 17 * CHUNK, 33 * CHUNK])
sizes = st.builds(lambda at, more: max(at + more, 0), boundaries, near)
pieces = st.lists(st.sampled_from([0, 1, 511, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 16 * CHUNK]), max_size=6)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def by_age(arguments: Sequence[str | Path], data: bytes) -> bytes:
    return subprocess.run(["age", *map(str, arguments)], input=data, check=True, capture_output=True).stdout


@few
@given(size=sizes, written=pieces, kind=st.sampled_from(KINDS))
def test_age_and_pyrage_read_what_we_write(pairs: dict[str, Pair], size: int, written: list[int], kind: str) -> None:
    plaintext = plaintext_of(size)
    sealed = write(plaintext, [pair.recipient for pair in pairs.values()], written)
    assert by_age(["--decrypt", "--identity", pairs[kind].file], sealed) == plaintext
    assert pyrage.decrypt(sealed, pairs[kind].identities) == plaintext
    assert read(sealed, pairs[kind].identities) == plaintext


@few
@given(size=sizes, kind=st.sampled_from(KINDS), armored=st.booleans())
def test_we_read_what_age_and_pyrage_write(pairs: dict[str, Pair], size: int, kind: str, armored: bool) -> None:
    plaintext = plaintext_of(size)
    armor = ["--armor"] if armored else []
    recipients = [part for pair in pairs.values() for part in ("--recipient", pair.recipient)]
    assert read(by_age(["--encrypt", *armor, *recipients], plaintext), pairs[kind].identities) == plaintext
    if kind == "x25519":
        sealed = pyrage.encrypt(plaintext, [pyrage.x25519.Recipient.from_str(pairs[kind].recipient)], armored=armored)
        assert read(sealed, pairs[kind].identities) == plaintext


def test_a_stream_that_gives_little_at_a_time_is_read_as_well(pairs: dict[str, Pair]) -> None:
    class Dribbles(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1_009))

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # who reads it passes a memoryview
            return super().readinto(buffer[:1_009])

    plaintext = plaintext_of(3 * CHUNK)
    with decrypting(Dribbles(write(plaintext, [pairs["x25519"].recipient])), pairs["x25519"].identities, "it") as stream:
        assert stream.read() == plaintext


def test_nobody_but_the_recipients_is_in_the_header(pairs: dict[str, Pair]) -> None:
    for chosen in (["x25519"], ["ssh-ed25519"], ["ssh-rsa"], ["x25519", "ssh-rsa"], list(KINDS)):
        header, _ = split(write(b"", [pairs[kind].recipient for kind in chosen]))
        stanzas = read_header(header.splitlines(keepends=True)).stanzas
        # Tools may add stanzas of kinds that nobody knows, so that nobody relies on there being none.
        known = [stanza for stanza in stanzas if not stanza.arguments[0].endswith(b"-grease")]
        assert sorted(stanza.arguments[0].decode() for stanza in known) == sorted(kind.replace("x25519", "X25519") for kind in chosen)


def test_two_files_share_neither_key_nor_nonce(pairs: dict[str, Pair]) -> None:
    one, two = (split(write(b"the same", [pairs["x25519"].recipient])) for _ in range(2))
    assert one[0] != two[0]
    assert one[1][:NONCE_BYTES] != two[1][:NONCE_BYTES]
