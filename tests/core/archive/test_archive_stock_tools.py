"""Anybody opens and checks the archive with age, zstd, tar, sha256sum and bagit.py, and sees the same files."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.archive.verify import verify_archive

from .archive_workshop import Workshop, age_key, fill_hostile, snapshot, unpack


def bagit_validates(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bagit", "--validate", "--quiet", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def sums_hold(folder: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def merged(root: Path) -> dict[bytes, bytes]:
    """Read all inner bags as README.txt says, by hand: true names from renamed.tsv."""
    found: dict[bytes, bytes] = {}
    for bag in sorted(root.iterdir()):
        renamed = {}
        if (bag / "renamed.tsv").exists():
            lines = [line.split("\t") for line in (bag / "renamed.tsv").read_text().splitlines()]
            renamed = {name.encode(): base64.b64decode(true) for name, true in lines}
        base = os.fsencode(bag / "data")
        for folder, _, files in os.walk(base):
            for name in files:
                path = os.path.join(folder, name)  # noqa: PTH118 - the name is bytes
                carried = path[len(base) + 1 :]
                with open(path, "rb") as file:  # noqa: PTH123 - the name is bytes
                    found[renamed.get(carried, carried).removeprefix(b"files/")] = file.read()
    return found


@pytest.fixture
def made(workshop: Workshop, tmp_path: Path) -> tuple[Workshop, list[Path]]:
    fill_hostile(workshop.source)
    (workshop.source / "large").write_bytes(os.urandom(3_000_000))
    second = tmp_path / "second.txt"
    ssh = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(ssh)], check=True)
    recipients = [workshop.recipient, age_key(second), ssh.with_suffix(".pub").read_text()]
    summary = workshop.write(size=20_000, recipients=recipients, receipt="CODE-1234")
    assert summary.volumes >= 4
    assert not summary.not_carried
    assert not summary.changed_while_read
    return workshop, [workshop.key, second, ssh]


def test_outer_bag_is_in_order_without_a_key(made: tuple[Workshop, list[Path]]) -> None:
    workshop, _ = made
    bagit_validates(workshop.out)
    sums_hold(workshop.out)
    assert "age -d -i KEYFILE data/acme-vol-000001.tar.zst.age" in (workshop.out / "README.txt").read_text()
    assert len((workshop.out / "recipients.txt").read_text().splitlines()) == 3
    assert not (workshop.journal / "rows-000001.tsv").exists()


def test_every_recipient_opens_every_volume_with_stock_tools(made: tuple[Workshop, list[Path]], tmp_path: Path) -> None:
    workshop, keys = made
    expected = {path: content for path, (kind, content, _, _) in snapshot(workshop.source).items() if kind == "file"}
    for number, key in enumerate(keys):
        into = tmp_path / f"unpacked-{number}"
        into.mkdir()
        for volume in sorted((workshop.out / "data").glob("*-vol-*")):
            bag = unpack(volume, key, into)
            sums_hold(bag)
            if number == 0:
                bagit_validates(bag)
        assert merged(into) == expected
    first = tmp_path / "unpacked-0/acme-vol-000001"
    assert (first / "RECEIPT-CODE.txt").read_text() == "CODE-1234\n"
    assert [path.name for path in tmp_path.glob("unpacked-2/*/data/files/empty directory")] == ["empty directory"]
    assert not list(tmp_path.glob("unpacked-0/acme-vol-000002/RECEIPT*"))


def test_stock_tools_restore_times_to_the_second_and_modes(made: tuple[Workshop, list[Path]], tmp_path: Path) -> None:
    workshop, keys = made
    found = {}
    for volume in sorted((workshop.out / "data").glob("*-vol-*")):
        found |= snapshot(unpack(volume, keys[0], tmp_path) / "data/files")
    expected = snapshot(workshop.source)
    for name in (b"plain.txt", b"a b", b"large", b"a/z", b"empty directory"):
        _, content, mode, mtime_ns = expected[name]
        assert found[name][1:] == (content, mode, mtime_ns // 10**9 * 10**9)


def test_inventory_names_every_file(made: tuple[Workshop, list[Path]]) -> None:
    workshop, keys = made
    script = 'set -o pipefail; age -d -i "$1" "$2" | zstd -d'
    command = ["bash", "-c", script, "-", str(keys[1]), str(workshop.out / "data/inventory.tsv.zst.age")]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    heading, *rows = [line.split("\t") for line in lines]
    listed = [dict(zip(heading, row, strict=True)) for row in rows]
    paths = {base64.b64decode(row["path"]) if row["encoding"] else row["path"].encode() for row in listed}
    assert paths == {b"files/" + path for path in snapshot(workshop.source)}
    assert {row["kind"] for row in listed} == {"file", "directory", "symlink"}


def test_order_in_the_volume_lets_manifests_come_last(made: tuple[Workshop, list[Path]]) -> None:
    workshop, keys = made
    script = 'age -d -i "$1" "$2" | zstd -d | tar -t'
    command = ["bash", "-c", script, "-", str(keys[0]), str(workshop.volume(1))]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    top = [name.removeprefix("acme-vol-000001/") for name in names]
    assert top[:3] == ["", "data/", "bagit.txt"]
    assert top[-3:] == ["manifest-sha256.txt", "bag-info.txt", "tagmanifest-sha256.txt"]


def test_our_verifier_agrees(made: tuple[Workshop, list[Path]]) -> None:
    workshop, keys = made
    files = sum(kind == "file" for kind, *_ in snapshot(workshop.source).values())
    for key in keys:
        report = verify_archive(workshop.store, [key])
        assert (report.ok, report.files) == (True, files)
    assert verify_archive(workshop.store).files is None


def test_nothing_readable_is_in_the_outer_bag(made: tuple[Workshop, list[Path]]) -> None:
    workshop, _ = made
    everything = b"".join(path.read_bytes() for path in workshop.out.rglob("*") if path.is_file())
    assert b"plain.txt" not in everything
    assert b"CODE-1234" not in everything


def test_an_empty_source_makes_a_valid_archive(workshop: Workshop, tmp_path: Path) -> None:
    summary = workshop.write()
    assert (summary.volumes, summary.files) == (1, 0)
    bagit_validates(workshop.out)
    into = tmp_path / "x"
    into.mkdir()
    bagit_validates(unpack(workshop.volume(1), workshop.key, into))
    assert verify_archive(workshop.store, [workshop.key]).ok
