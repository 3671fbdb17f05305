"""An archive made by an enemy and encrypted to us writes nothing outside, and no link of its making is followed."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from core.archive.destination import stays_inside
from core.archive.errors import AlteredError, HostileEntryError, TruncatedError
from core.archive.extract import extract
from core.archive.rows import HEADING, Row, State
from core.archive.tar import Found, TarReader
from core.archive.tar_head import Member, header
from core.archive.verify import verify_archive
from core.errors import RefusedError
from core.model import ItemKind

from .archive_workshop import Workshop
from .test_archive_faults import encrypted, forge, seal

TOP = "acme-vol-000001"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content)
    return info, content


def forged(workshop: Workshop, rows: list[Row]) -> None:
    """Put another inventory in its place and make the manifests fit."""
    (workshop.out / "data/inventory.tsv.zst.age").write_bytes(encrypted(workshop, HEADING + b"".join(row.line() for row in rows)))
    seal(workshop)


HOSTILE = {
    "climbs": [entry(f"{TOP}/../../evil")],
    "absolute": [entry("/tmp/evil")],  # noqa: S108 - the name is the point
    "other top": [entry("elsewhere/evil")],
    "symlink": [entry(f"{TOP}/data/files/a", tarfile.SYMTYPE, "/etc")],
    "symlink then through it": [entry(f"{TOP}/data/files/a", tarfile.SYMTYPE, "../../../.."), entry(f"{TOP}/data/files/a/evil")],
    "hard link": [entry(f"{TOP}/data/files/a", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [entry(f"{TOP}/data/files/a", tarfile.CHRTYPE)],
    "named pipe": [entry(f"{TOP}/data/files/a", tarfile.FIFOTYPE)],
    "empty part": [entry(f"{TOP}//data/x")],
    "dot part": [entry(f"{TOP}/./data/x")],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_hostile_entries_are_refused(workshop: Workshop, tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], form: int) -> None:
    (workshop.source / "a").touch()
    workshop.write()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for info, content in entries:
            tar.addfile(info, io.BytesIO(content))
    forge(workshop, made.getvalue())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(HostileEntryError):
        extract(workshop.store, [workshop.key], tmp_path / "out" / "back")
    verdict = verify_archive(workshop.store, [workshop.key]).faults
    assert HostileEntryError in {type(fault) for fault in verdict}
    assert {path.name for path in set(tmp_path.rglob("*")) - set(before)} <= {"back"}


@pytest.mark.parametrize("path", ["../evil", "files/../../evil", "/tmp/evil", "files//evil", "files/./evil"])  # noqa: S108 - the name is the point
@pytest.mark.parametrize("kind", [ItemKind.FILE, ItemKind.DIRECTORY, ItemKind.SYMLINK])
def test_hostile_inventory_paths_are_refused(workshop: Workshop, tmp_path: Path, path: str, kind: ItemKind) -> None:
    (workshop.source / "a").touch()
    workshop.write()
    forged(workshop, [Row(path, kind, State.WHOLE, 1, sha256=EMPTY, carried_as="files/a", note="x")])
    with pytest.raises(HostileEntryError):
        extract(workshop.store, [workshop.key], tmp_path / "deep" / "back")
    assert not list(tmp_path.rglob("evil"))


def test_a_link_is_no_way_for_what_comes_after_it(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "a").touch()
    workshop.write()
    rows = [
        Row("files/x", ItemKind.SYMLINK, State.WHOLE, 1, note="y"),
        Row("files/x/b", ItemKind.FILE, State.WHOLE, 1, sha256=EMPTY, carried_as="files/a"),
        Row("files/x/c", ItemKind.SYMLINK, State.WHOLE, 1, note="y"),
    ]
    forged(workshop, rows)
    report = extract(workshop.store, [workshop.key], tmp_path / "back")
    assert report.renamed == ("files/x/b: its name is below that of a file; it is _renamed/files/a",)
    assert report.left_out == ("files/x/c: its name is below that of a file",)
    assert sorted(path.name for path in (tmp_path / "back").rglob("*")) == ["_renamed", "a", "files", "files", "x"]
    forged(workshop, [rows[1], rows[0]])
    with pytest.raises(RefusedError):
        extract(workshop.store, [workshop.key], tmp_path / "out of order")
    assert (tmp_path / "out of order/files/x").is_dir()


@pytest.mark.parametrize("path", ["../evil", "files/../../evil", "/tmp/evil"])  # noqa: S108 - the name is the point
def test_what_clashes_gets_no_hostile_name_either(workshop: Workshop, tmp_path: Path, path: str) -> None:
    (workshop.source / "a").touch()
    workshop.write()
    link = Row("files/x", ItemKind.SYMLINK, State.WHOLE, 1, note="y")
    forged(workshop, [link, Row("files/x/b", ItemKind.FILE, State.WHOLE, 1, sha256=EMPTY, carried_as=path)])
    with pytest.raises(HostileEntryError):
        extract(workshop.store, [workshop.key], tmp_path / "deep" / "back")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "wrong",
    [{"size": -1}, {"mtime_ns": 10**40}, {"mtime_ns": -(10**40)}, {"mode": 0o10000}, {"uid": -1}, {"gid": 1 << 32}, {"sha256": "x\ty"}],
    ids=str,
)
def test_rows_of_impossible_things_are_refused(workshop: Workshop, tmp_path: Path, wrong: dict[str, Any]) -> None:
    (workshop.source / "a").touch()
    workshop.write()
    forged(workshop, [Row("files/a", ItemKind.FILE, State.WHOLE, 1, sha256=EMPTY)._replace(**wrong)])
    with pytest.raises(AlteredError):
        extract(workshop.store, [workshop.key], tmp_path / "back")
    assert AlteredError in {type(fault) for fault in verify_archive(workshop.store, [workshop.key]).faults}


def test_a_link_put_into_the_destination_is_not_followed(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "a").mkdir()
    (workshop.source / "a/b").write_text("b")
    workshop.write()
    outside = tmp_path / "outside"
    outside.mkdir()
    back = tmp_path / "back"

    def swap(files: int, size: int) -> None:
        assert (files, size) == (1, 1)
        (back / "files/a/b").unlink()
        (back / "files/a").rmdir()
        (back / "files/a").symlink_to(outside)

    with pytest.raises(RefusedError):
        extract(workshop.store, [workshop.key], back, progress=swap)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "target", "fine"),
    [
        ("d/a", "b", True),
        ("d/a", "../b", True),
        ("d/a", "../../b", False),
        ("d/a", "/b", False),
        ("d/a", "b/../c", False),
        ("d/a", "./b", True),
        ("d/a", "", False),
    ],
)
def test_which_links_stay_inside(path: str, target: str, *, fine: bool) -> None:
    assert stays_inside(path, target) is fine


@pytest.mark.parametrize(
    "member",
    [
        Member(b"d/plain", size=7, mtime_ns=1_500_000_000 * 10**9, mode=0o640, uid=1000, gid=100),
        Member(b"n" * 300, size=9 << 33, mtime_ns=-1, uid=3_000_000, gid=4_000_000),
        Member("d/größe".encode(), mtime_ns=1_700_000_000_123_456_789),
        Member(b"x" * 100, size=1),
        Member(b"y" * 99, directory=True, mode=0o755),
        Member(b"z" * 100, directory=True, mode=0o755),
        Member(b"bad\xff", size=0),
    ],
)
def test_headers_read_back_here_and_in_tarfile(member: Member) -> None:
    content = header(member)
    reader = TarReader(io.BytesIO(content + bytes(2048)), "x")
    seconds = member.mtime_ns // 10**9
    assert next(iter(reader)) == Found(member.name, member.size, member.directory)
    with tarfile.open(fileobj=io.BytesIO(content + bytes(10240))) as tar:
        info = tar.next()
    assert info is not None
    assert info.name.encode("utf-8", "surrogateescape") == member.name
    assert (info.size, info.mode, info.uid, info.gid) == (member.size, member.mode, member.uid, member.gid)
    assert info.mtime == seconds


@pytest.mark.parametrize(
    "junk", [b"\1" * 512, header(Member(b"a", size=5))[:300], header(Member(b"a"))[:150] + b"9" + header(Member(b"a"))[151:]]
)
def test_junk_is_no_tar(junk: bytes) -> None:
    with pytest.raises((AlteredError, TruncatedError)):
        list(TarReader(io.BytesIO(junk), "x"))


@pytest.mark.parametrize("size", [1 << 32, (1 << 20) + 1, -1, -512])
def test_an_extended_header_of_impossible_size_is_refused_unread(size: int) -> None:
    block = bytearray(header(Member(b"././@PaxHeader", mode=0o644)))
    block[124:136] = b"%011o\0" % size if size > 0 else b"%11o\0" % size
    block[156:157] = tarfile.XHDTYPE
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:]) + 8 * 32)
    stream = io.BytesIO(block + bytes(4 << 20))
    with pytest.raises(HostileEntryError):
        list(TarReader(stream, "x"))
    assert stream.tell() <= 1 << 20
