"""An archive made by an enemy and encrypted to us writes nothing outside, and no link of its making is followed."""

import io
import tarfile
from pathlib import Path

import pytest

from core.archive.destination import stays_inside
from core.archive.errors import AlteredError, HostileEntryError, TruncatedError
from core.archive.extract import extract
from core.archive.rows import HEADING, Row, State
from core.archive.tar import Member, TarReader
from core.archive.verify import verify_archive
from core.errors import ArchiveError, RefusedError
from core.model import ItemKind

from .archive_workshop import Workshop
from .test_archive_faults import encrypted, forge, seal

TOP = "acme-vol-000001"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content)
    return info, content


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
    row = Row(path, kind, State.WHOLE, 1, sha256=EMPTY, carried_as="files/a", note="x")
    (workshop.out / "data/inventory.tsv.zst.age").write_bytes(encrypted(workshop, HEADING + row.line()))
    seal(workshop)
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
    (workshop.out / "data/inventory.tsv.zst.age").write_bytes(encrypted(workshop, HEADING + b"".join(row.line() for row in rows)))
    seal(workshop)
    with pytest.raises((RefusedError, ArchiveError)):
        extract(workshop.store, [workshop.key], tmp_path / "back")
    assert (tmp_path / "back/files/x").is_dir()


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
    content = member.header()
    reader = TarReader(io.BytesIO(content + bytes(2048)), "x")
    assert next(iter(reader)) == member
    with tarfile.open(fileobj=io.BytesIO(content + bytes(10240))) as tar:
        info = tar.next()
    assert info is not None
    assert info.name.encode("utf-8", "surrogateescape") == member.name
    assert (info.size, info.mode, info.uid, info.gid) == (member.size, member.mode, member.uid, member.gid)


@pytest.mark.parametrize(
    "junk", [b"\1" * 512, Member(b"a", size=5).header()[:300], Member(b"a").header()[:150] + b"9" + Member(b"a").header()[151:]]
)
def test_junk_is_no_tar(junk: bytes) -> None:
    with pytest.raises((AlteredError, TruncatedError)):
        list(TarReader(io.BytesIO(junk), "x"))


def test_an_endless_extended_header_is_refused() -> None:
    huge = Member(b"././@PaxHeader", size=1 << 40)._block(b"././@PaxHeader", b"x")  # noqa: SLF001 - the enemy has no public way either
    with pytest.raises(HostileEntryError):
        list(TarReader(io.BytesIO(huge), "x"))
