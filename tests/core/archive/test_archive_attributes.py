"""What a file is besides its bytes: carried where a tar of everybody's can, listed by name where it cannot."""

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.archive.destination import Destination
from core.archive.extract import extract
from core.errors import RefusedError

from .archive_workshop import LARGE, Workshop, snapshot, unpack

HOLE = 8 << 20


def not_carried_attributes(workshop: Workshop, tmp_path: Path) -> dict[str, str]:
    """Unpack with stock tools and read the list that lies in the bag."""
    bag = unpack(workshop.volume(1), workshop.key, tmp_path)
    subprocess.run(["sha256sum", "--check", "--quiet", "tagmanifest-sha256.txt"], cwd=bag, check=True)
    lines = (bag / "attributes-not-carried.tsv").read_text().splitlines()
    return {path: words for path, words, _ in (line.split("\t") for line in lines)}


def test_hard_links_are_carried_each_and_listed(workshop: Workshop, tmp_path: Path) -> None:
    for name, size in (("small", 5), ("large", LARGE)):
        (workshop.source / name).write_bytes(b"x" * size)
        (workshop.source / f"{name} again").hardlink_to(workshop.source / name)
    (workshop.source / "single").write_bytes(b"x")
    workshop.write()
    listed = not_carried_attributes(workshop, tmp_path)
    assert sorted(listed) == ["files/large", "files/large again", "files/small", "files/small again"]
    assert listed["files/large"].startswith("hard link, one of 2")
    assert listed["files/large"] == listed["files/large again"] != listed["files/small"]
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert snapshot(tmp_path / "back/files") == snapshot(workshop.source)


def test_sparse_files_are_carried_whole_listed_and_come_out_sparse(workshop: Workshop, tmp_path: Path) -> None:
    shapes = {
        "hole": [(HOLE, b"end")],
        "ends in a hole": [(0, b"begin")],
        "all hole": [],
        "between": [(0, b"b" * 70_000), (HOLE // 2 + 7, b"m")],
    }
    for name, parts in shapes.items():
        with (workshop.source / name).open("wb") as file:
            for at, content in parts:
                file.seek(at)
                file.write(content)
            file.truncate(HOLE + 12_345)
    workshop.write()
    listed = not_carried_attributes(workshop, tmp_path)
    assert listed == {f"files/{name}": "sparse" for name in shapes}
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert snapshot(tmp_path / "back/files") == snapshot(workshop.source)
    for name in shapes:
        assert (tmp_path / "back/files" / name).stat().st_blocks * 512 < 512 << 10


@pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 1 << 20, (1 << 20) + 1])
def test_zeros_of_any_number_keep_it(workshop: Workshop, tmp_path: Path, size: int) -> None:
    for name, content in {"zeros": bytes(size), "then": bytes(size) + b"x", "before": b"x" + bytes(size)}.items():
        (workshop.source / name).write_bytes(content)
    workshop.write()
    extract(workshop.store, [workshop.key], tmp_path / "back")
    assert snapshot(tmp_path / "back/files") == snapshot(workshop.source)


ACL_OF_ONE_MORE = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, permissions, who)
    for tag, permissions, who in [
        (1, 6, -1 & 0xFFFFFFFF),
        (2, 4, 12_345),
        (4, 4, -1 & 0xFFFFFFFF),
        (16, 4, -1 & 0xFFFFFFFF),
        (32, 0, -1 & 0xFFFFFFFF),
    ]
)
"""Linux, posix_acl_xattr.h: owner rw, user 12345 r, group r, mask r, others nothing."""


def test_access_lists_and_extended_attributes_are_listed(workshop: Workshop, tmp_path: Path) -> None:
    for name in ("acl", "noted", "plain"):
        (workshop.source / name).write_text("x")
    (workshop.source / "folder").mkdir()
    os.setxattr(workshop.source / "acl", "system.posix_acl_access", ACL_OF_ONE_MORE)
    os.setxattr(workshop.source / "noted", "user.note", b"mine")
    os.setxattr(workshop.source / "folder", "user.note", b"mine")
    workshop.write()
    listed = not_carried_attributes(workshop, tmp_path)
    assert sorted(listed) == ["files/acl", "files/folder", "files/noted"]
    assert "system.posix_acl_access" in listed["files/acl"]
    assert "user.note" in listed["files/noted"]
    assert "mine" not in "".join(listed.values())


def test_attributes_of_large_files_are_listed_too(workshop: Workshop, tmp_path: Path) -> None:
    (workshop.source / "large").write_bytes(bytes(LARGE))
    os.setxattr(workshop.source / "large", "user.note", b"mine")
    workshop.write()
    assert "user.note" in not_carried_attributes(workshop, tmp_path)["files/large"]


def fill(root: Path) -> None:
    (root / "empty" / "within").mkdir(parents=True)
    (root / "locked").mkdir()
    for mode in (0o000, 0o400, 0o640, 0o755, 0o777):
        (root / f"file {mode:o}").write_text("x")
        (root / f"file {mode:o}").chmod(mode)
        (root / f"folder {mode:o}").mkdir()
        (root / f"folder {mode:o}").chmod(mode)
    (root / "outside").symlink_to("/etc")
    (root / "aside").symlink_to("empty")
    times = {"file 640": 1_234_567_890_123_456_789, "file 755": 0, "empty": 1_000_000_000_000_000_001, "folder 755": -1_500_000_000}
    for name, nanoseconds in times.items():
        os.utime(root / name, ns=(nanoseconds, nanoseconds))


def test_permissions_times_and_empty_folders_come_back(workshop: Workshop, tmp_path: Path) -> None:
    fill(workshop.source)
    workshop.write()
    report = extract(workshop.store, [workshop.key], tmp_path / "back")
    expected, found = snapshot(workshop.source), snapshot(tmp_path / "back/files")
    # Whoever unpacked must be able to go into a folder, and nothing is unpacked that leads outside.
    for path, (kind, content, mode, mtime) in expected.items():
        expected[path] = (kind, content, mode | 0o500, mtime) if kind == "directory" else (kind, content, mode, mtime)
    del expected[b"outside"]
    assert found == expected
    assert report.left_out == ("files/outside: a link that leads outside, to /etc",)


def test_no_symbolic_link_is_followed(workshop: Workshop, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "diary").write_text("dear diary")
    (workshop.source / "to folder").symlink_to(secret)
    (workshop.source / "to file").symlink_to(secret / "diary")
    assert workshop.write().files == 0
    bag = unpack(workshop.volume(1), workshop.key, tmp_path)
    assert not list((bag / "data").rglob("diary"))
    assert (bag / "symlinks.tsv").read_text() == f"files/to file\t{secret}/diary\t\nfiles/to folder\t{secret}\t\n"


def owners_of(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(root)): (path.lstat().st_uid, path.lstat().st_gid) for path in sorted(root.rglob("*"))}


@contextmanager
def nobody() -> Iterator[None]:
    """Be somebody who is not root."""
    before = os.geteuid()
    os.seteuid(65534 if before == 0 else before)
    try:
        yield
    finally:
        os.seteuid(before)


def test_only_root_may_ask_for_owners(tmp_path: Path) -> None:
    with nobody(), pytest.raises(RefusedError, match="only root"):
        Destination(tmp_path / "refused", owners=True)
    assert not (tmp_path / "refused").exists()


def test_owners_come_back_where_root_asks_for_them(workshop: Workshop, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        workshop.write()
        with pytest.raises(RefusedError, match="only root"):
            extract(workshop.store, [workshop.key], tmp_path / "owned", owners=True)
        return  # only root may give files away
    (workshop.source / "folder").mkdir()
    (workshop.source / "folder/file").write_text("x")
    (workshop.source / "file").write_bytes(bytes(LARGE))
    (workshop.source / "link").symlink_to("file")
    for name, owner in {"folder": (1001, 2001), "folder/file": (1002, 2002), "file": (3_000_000, 4_000_000), "link": (1003, 2003)}.items():
        os.chown(workshop.source / name, *owner, follow_symlinks=False)
    workshop.write()
    extract(workshop.store, [workshop.key], tmp_path / "owned", owners=True)
    assert owners_of(tmp_path / "owned/files") == owners_of(workshop.source)
    extract(workshop.store, [workshop.key], tmp_path / "plain")
    assert set(owners_of(tmp_path / "plain").values()) == {(0, os.getegid())}
    assert owners_of(unpack(workshop.volume(1), workshop.key, tmp_path))["data/files/file"] == (3_000_000, 4_000_000)
