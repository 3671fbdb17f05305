"""Whatever an archive is made into, reading it ends in a verdict or an error with a name, and never outside the destination."""

import hashlib
import random
import tarfile
from collections.abc import Callable
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.archive.errors import AlteredError
from core.archive.names import INVENTORY_FILE
from core.archive.rows import HEADING, parse_row

from .forgery import TOP, VOLUME, Objects, Original, padded, pax, taken_out, tar_block, verdict

some = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


Change = Callable[[dict[str, bytes], random.Random], None]


def flip(content: dict[str, bytes], dice: random.Random) -> None:
    name, data = _one(content, dice)
    at = dice.randrange(len(data)) if data else 0
    content[name] = data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :] if data else b"x"


def cut(content: dict[str, bytes], dice: random.Random) -> None:
    name, data = _one(content, dice)
    content[name] = data[: dice.randrange(len(data) + 1)]


def add(content: dict[str, bytes], dice: random.Random) -> None:
    name, data = _one(content, dice)
    content[name] = data + dice.randbytes(dice.randrange(1, 300))


def exchange(content: dict[str, bytes], dice: random.Random) -> None:
    (one, first), (two, second) = _one(content, dice), _one(content, dice)
    content[one], content[two] = second, first


def drop(content: dict[str, bytes], dice: random.Random) -> None:
    del content[_one(content, dice)[0]]


def double(content: dict[str, bytes], dice: random.Random) -> None:
    name, data = _one(content, dice)
    other = dice.choice([VOLUME.replace("1.tar", f"{dice.randrange(10)}.tar"), VOLUME.replace("0000", "1000"), f"{name}2", f"data/{name}"])
    content[other] = data


def rearrange(content: dict[str, bytes], dice: random.Random) -> None:
    name, data = _one(content, dice)
    pieces = [data[at : at + 128] for at in range(0, len(data), 128)]
    dice.shuffle(pieces)
    content[name] = b"".join(pieces)


def spell_otherwise(content: dict[str, bytes], dice: random.Random) -> None:
    name = dice.choice(sorted(name for name in content if name.endswith(".txt")) or sorted(content))
    words = [
        b"\xc2\xb2 x",
        b"9" * 5000,
        b"\0",
        b"\xff",
        b"  ",
        b"../../etc",
        b"\n",
        b": ",
        b"Object-Size: \xc2\xb2 x\n",
        b"Object-Size: %b x\n" % (b"9" * 5000),
    ]
    lines = [0, *(at + 1 for at, byte in enumerate(content[name]) if byte == 10)]
    at = dice.choice([dice.randrange(len(content[name]) + 1), dice.choice(lines)])
    content[name] = content[name][:at] + dice.choice(words) + content[name][at:]


def _one(content: dict[str, bytes], dice: random.Random) -> tuple[str, bytes]:
    name = dice.choice(sorted(content))
    return name, content[name]


CHANGES: Final[list[Change]] = [flip, cut, add, exchange, drop, double, rearrange, spell_otherwise]


@some
@given(changes=st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3), seed=st.integers(0, 1 << 32))
def test_a_mutated_archive_is_never_said_to_be_good(made: Original, changes: list[Change], seed: int) -> None:
    content, dice = dict(made.objects), random.Random(seed)  # noqa: S311 - no secret
    for change in changes:
        if content:
            change(content, dice)
    store, same = Objects(content), content == made.objects
    assert verdict(store) is same
    assert verdict(store, made.key) is same
    _, found = taken_out(store, made.key)
    assert found.items() <= made.files.items()


parts = st.sampled_from(
    [b"..", b".", b"", b"a", b"b", b"data", b"files", b"folder", TOP, b"acme-vol-000002", b"x" * 300, b"\xff", b"n\0n", b"\n", b"C:"]
)
names = st.one_of(
    st.lists(parts, min_size=1, max_size=5).map(b"/".join),
    st.lists(parts, min_size=1, max_size=3).map(lambda found: TOP + b"/data/files/" + b"/".join(found)),
    st.sampled_from(
        [b"/etc/passwd", b"/", b"//", b"", b"\0", TOP, TOP + b"/", TOP + b"/manifest-sha256.txt", TOP + b"/data/files/folder/1"]
    ),
)
kinds = st.sampled_from([*b"01234567xgLKSDV\0A"]).map(lambda kind: bytes([kind]))
lengths = st.sampled_from([0, 0, 1, 511, 512, 513, 1 << 20, 8**11 - 1, 1 << 60, -1, -512])
records = st.dictionaries(
    st.sampled_from([b"path", b"size", b"mtime", b"uid", b"gid", b"linkpath", b"GNU.sparse.size", b"x"]),
    st.one_of(
        names, st.sampled_from([b"-1", b"9" * 30, b"9" * 5000, b"1e9", b"nan", b"0x10", b"1_0", b" 3", b"1.5", b"\xff", b"5" * 70_000])
    ),
    max_size=3,
)
members = st.one_of(
    st.builds(lambda name, kind, size, body: tar_block(name, kind, size) + padded(body), names, kinds, lengths, st.binary(max_size=600)),
    st.builds(lambda name, body: tar_block(name, size=len(body)) + padded(body), names, st.binary(max_size=600)),
    st.builds(lambda found, name: pax(found) + tar_block(name), records, names),
    st.builds(lambda found, size: pax(found, size=size), records, lengths),
    st.builds(pax, records, st.just(tarfile.XGLTYPE)),
    st.binary(min_size=1, max_size=600),
)


@some
@given(hostile=st.lists(members, min_size=1, max_size=5), ended=st.booleans(), after=st.booleans())
def test_hostile_members_stay_inside_and_what_comes_out_is_what_the_inventory_lists(
    made: Original, hostile: list[bytes], ended: bool, after: bool
) -> None:
    begin = made.plain(VOLUME)[:-1024] if after else b""
    store = made.forged(tar=begin + b"".join(hostile) + (bytes(1024) if ended else b""))
    good = verdict(store, made.key)
    whole, found = taken_out(store, made.key)
    assert found.items() <= made.files.items()
    assert not good or (whole and found == made.files)


fields = st.sampled_from([
    b"", b"-", b"0", b"1", b"2", b"-1", b"9" * 25, b"9" * 5000, b"file", b"directory", b"symlink", b"other", b"whole", b"vanished", b"b64",
    b"files/a", b"../x", b"/x", b"files/folder/1", b"\xff", b"Li4veA==", b"\xd9\xa3", hashlib.sha256().hexdigest().encode(),
])  # fmt: skip


def row(volume: bytes, kind: bytes, path: bytes, note: bytes, carried_as: bytes, encoding: bytes, odd: tuple[int, bytes] | None) -> bytes:
    """Spell a row that nearly makes sense."""
    found = [
        hashlib.sha256().hexdigest().encode(),
        b"0",
        b"0",
        b"0644",
        b"0",
        b"0",
        kind,
        b"whole",
        volume,
        carried_as,
        path,
        note,
        encoding,
    ]
    if odd:
        found[odd[0]] = odd[1]
    return b"\t".join(found) + b"\n"


paths = st.sampled_from(
    [b"files/a", b"files/a/b", b"files/folder/0", b"../x", b"/x", b"files", b"", b"files//a", b"files/\xc3\xbc", b"x" * 5000, b"Li4veA=="]
)
rows = st.builds(
    row,
    volume=st.sampled_from([b"1", b"1", b"1", b"2", b"3", b"4", b"0"]),
    kind=st.sampled_from([b"file", b"directory", b"symlink"]),
    path=paths,
    note=st.sampled_from([b"", b"a", b"..", b"../..", b"/etc", b"a/../..", b"AA==", b"\xff"]),
    carried_as=st.sampled_from([b"", b"files/folder/0", b"../x", b"/etc/x"]),
    encoding=st.sampled_from([b"", b"", b"b64", b"b65"]),
    odd=st.one_of(st.none(), st.tuples(st.integers(0, 12), fields)),
)
listings = st.one_of(
    st.lists(rows, max_size=6), st.lists(st.lists(fields, max_size=15).map(lambda found: b"\t".join(found) + b"\n"), max_size=3)
)


@some
@given(lines=listings, heading=st.sampled_from([HEADING] * 9 + [b""]), torn=st.sampled_from([None] * 9 + [-1]), whole=st.booleans())
def test_an_inventory_of_nonsense_writes_nothing_outside(
    made: Original, lines: list[bytes], heading: bytes, torn: int | None, whole: bool
) -> None:
    begin = made.plain(INVENTORY_FILE) if whole else heading
    store = made.forged(inventory=(begin + b"".join(lines))[:torn])
    good = verdict(store, made.key)
    _, found = taken_out(store, made.key)
    known = {hashlib.sha256(content).hexdigest() for content in (*made.files.values(), b"")}
    assert {hashlib.sha256(content).hexdigest() for content in found.values()} <= known
    # A verdict without fault promises that every file of the volumes is in the inventory.
    assert not good or whole


@some
@given(line=st.one_of(rows, st.binary(max_size=200)))
def test_a_row_is_read_or_refused(line: bytes) -> None:
    try:
        found = parse_row(line)
    except AlteredError:
        return
    assert parse_row(found.line()) == found
