"""Whatever is wrong with an archive is found and named."""

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
import zstandard

from core.archive import errors
from core.archive.extract import extract
from core.archive.outer import Seals
from core.archive.tar_head import END, Member, header, padding
from core.archive.verify import verify_archive
from core.errors import ArchiveError, ConfigurationError

from .archive_workshop import Workshop, age_key


@pytest.fixture
def archive(workshop: Workshop) -> Workshop:
    for number in range(6):
        (workshop.source / f"{number}").write_bytes(os.urandom(1_000))
    workshop.write(size=2_500, seals=Seals(sign=lambda message: b"signature over %d bytes\n" % len(message)))
    assert len(list((workshop.out / "data").iterdir())) == 4
    return workshop


def faults(workshop: Workshop, *, key: bool = False) -> set[type[ArchiveError]]:
    return {type(fault) for fault in verify_archive(workshop.store, [workshop.key] if key else []).faults}


def both(workshop: Workshop) -> set[type[ArchiveError]]:
    found = faults(workshop)
    assert faults(workshop, key=True) == found
    return found


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_whole_archive_has_no_fault(archive: Workshop) -> None:
    assert both(archive) == set()


@pytest.mark.parametrize("name", ["bagit.txt", "bag-info.txt", "README.txt", "recipients.txt", "data/acme-vol-000002.tar.zst.age"])
@pytest.mark.parametrize("at", [10, -10])
def test_a_flipped_bit_is_found_in_every_part(archive: Workshop, name: str, at: int) -> None:
    flip(archive.out / name, at)
    assert errors.AlteredError in both(archive)


@pytest.mark.parametrize("name", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_a_changed_manifest_is_found(archive: Workshop, name: str) -> None:
    content = (archive.out / name).read_text()
    (archive.out / name).write_text(("1" if content[0] != "1" else "2") + content[1:])
    assert errors.AlteredError in both(archive)


def test_a_flipped_bit_in_the_inventory_is_found(archive: Workshop) -> None:
    flip(archive.out / "data/inventory.tsv.zst.age", -30)
    assert faults(archive) == {errors.AlteredError}
    assert errors.AlteredError in faults(archive, key=True)


@pytest.mark.parametrize("size", [0, 50, 300, -1])
def test_a_cut_volume_is_found(archive: Workshop, size: int) -> None:
    os.truncate(archive.volume(2), size if size >= 0 else archive.volume(2).stat().st_size + size)
    assert both(archive) == {errors.TruncatedError}


def test_exchanged_volumes_are_found(archive: Workshop) -> None:
    one, two = archive.volume(1).read_bytes(), archive.volume(2).read_bytes()
    archive.volume(1).write_bytes(two)
    archive.volume(2).write_bytes(one)
    assert both(archive) <= {errors.AlteredError, errors.TruncatedError}
    assert both(archive)


def seal(workshop: Workshop) -> None:
    """Make the outer manifests fit whatever is there, as somebody would who hides a change."""
    sums = 'sha256sum data/*-vol-* data/inventory* > manifest-sha256.txt; sed -i "/^Object-Size/d" bag-info.txt'
    tags = "sha256sum bagit.txt bag-info.txt README.txt recipients.txt manifest-sha256.txt > tagmanifest-sha256.txt"
    subprocess.run(["bash", "-c", f"{sums}; {tags}"], cwd=workshop.out, check=True)


def test_exchanged_volumes_are_found_inside_when_the_manifests_were_made_to_fit(archive: Workshop) -> None:
    one, two = archive.volume(1).read_bytes(), archive.volume(2).read_bytes()
    archive.volume(1).write_bytes(two)
    archive.volume(2).write_bytes(one)
    seal(archive)
    assert faults(archive) == set()
    assert faults(archive, key=True) == {errors.MisplacedVolumeError}


def test_a_missing_volume_is_found(archive: Workshop) -> None:
    archive.volume(2).unlink()
    assert both(archive) == {errors.MissingVolumeError}


def test_a_missing_inventory_is_found(archive: Workshop, tmp_path: Path) -> None:
    (archive.out / "data/inventory.tsv.zst.age").unlink()
    assert both(archive) == {errors.MissingVolumeError}
    with pytest.raises(errors.MissingVolumeError):
        extract(archive.store, [archive.key], tmp_path / "back")


@pytest.mark.parametrize("name", ["notes.txt", "data/acme-vol-000009.tar.zst.age", "data/x"])
def test_a_foreign_file_is_found(archive: Workshop, name: str) -> None:
    (archive.out / name).write_text("not ours")
    assert both(archive) == {errors.ForeignFileError}


def test_an_unfinished_archive_says_so(archive: Workshop) -> None:
    (archive.out / "tagmanifest-sha256.txt").unlink()
    with pytest.raises(errors.IncompleteArchiveError, match="start the command"):
        verify_archive(archive.store)


def test_no_archive_says_so(tmp_path: Path, workshop: Workshop) -> None:
    with pytest.raises(errors.NotAnArchiveError):
        verify_archive(workshop.store)
    assert tmp_path.exists()


def test_a_wrong_key_says_so_and_writes_nothing(archive: Workshop, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.txt"
    age_key(stranger)
    with pytest.raises(errors.WrongKeyError):
        verify_archive(archive.store, [stranger])
    with pytest.raises(errors.WrongKeyError):
        extract(archive.store, [stranger], tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []
    assert verify_archive(archive.store, [stranger, archive.key]).ok


def test_no_partial_file_comes_out_of_a_damaged_volume(workshop: Workshop, tmp_path: Path) -> None:
    content = os.urandom(900_000)
    (workshop.source / "first").write_bytes(content)
    (workshop.source / "second").write_bytes(content[::-1])
    workshop.write()
    flip(workshop.volume(1), workshop.volume(1).stat().st_size // 2 + 200_000)
    with pytest.raises(errors.AlteredError):
        extract(workshop.store, [workshop.key], tmp_path / "back")
    assert [path.name for path in (tmp_path / "back/files").iterdir()] == ["first"]
    assert (tmp_path / "back/files/first").read_bytes() == content


def test_protected_and_broken_key_files_are_refused_in_words(tmp_path: Path, workshop: Workshop) -> None:
    workshop.write()
    locked, garbage = tmp_path / "locked", tmp_path / "garbage"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", str(locked)], check=True)
    garbage.write_text("hunter2\n")
    for path, words in ((locked, "passphrase"), (garbage, "no age identity"), (tmp_path / "absent", "cannot be read")):
        with pytest.raises(ConfigurationError, match=words) as caught:
            verify_archive(workshop.store, [path])
        assert "hunter2" not in str(caught.value)


def encrypted(workshop: Workshop, plain: bytes) -> bytes:
    sealed = io.BytesIO()
    key = pyrage.x25519.Recipient.from_str(workshop.recipient)
    pyrage.encrypt_io(io.BytesIO(zstandard.compress(plain)), sealed, [key])
    return sealed.getvalue()


def forge(workshop: Workshop, tar: bytes) -> None:
    """Put another tar in the place of volume 1, encrypted to the same recipient, and make the manifests fit."""
    workshop.volume(1).write_bytes(encrypted(workshop, tar))
    seal(workshop)


def rewritten(workshop: Workshop, change: Callable[[bytes], bytes]) -> bytes:
    script = 'age -d -i "$1" "$2" | zstd -d'
    command = ["bash", "-c", script, "-", str(workshop.key), str(workshop.volume(1))]
    return change(subprocess.run(command, check=True, capture_output=True).stdout)


def test_a_file_that_no_list_names_is_found(archive: Workshop) -> None:
    extra = header(Member(b"acme-vol-000001/data/files/extra", size=3)) + b"abc" + padding(3)
    forge(archive, rewritten(archive, lambda tar: tar[:-1024] + extra + END))
    assert faults(archive, key=True) == {errors.ForeignFileError, errors.IncompleteInventoryError}


def test_a_changed_file_is_found_by_manifest_and_inventory(archive: Workshop, tmp_path: Path) -> None:
    content = (archive.source / "0").read_bytes()
    forge(archive, rewritten(archive, lambda tar: tar.replace(content, content[::-1])))
    assert faults(archive, key=True) == {errors.AlteredError}
    with pytest.raises(errors.AlteredError, match="files/0"):
        extract(archive.store, [archive.key], tmp_path / "back")
    assert not (tmp_path / "back/files/0").exists()


def test_an_inventory_that_tells_other_sums_is_found(archive: Workshop, tmp_path: Path) -> None:
    script = 'age -d -i "$1" "$2" | zstd -d'
    file = archive.out / "data/inventory.tsv.zst.age"
    lines = subprocess.run(["bash", "-c", script, "-", str(archive.key), str(file)], check=True, capture_output=True).stdout.splitlines(
        keepends=True
    )
    lines[1] = lines[2][:64] + lines[1][64:]
    file.write_bytes(encrypted(archive, b"".join(lines)))
    seal(archive)
    assert faults(archive, key=True) == {errors.AlteredError}
    with pytest.raises(errors.AlteredError, match="files/0"):
        extract(archive.store, [archive.key], tmp_path / "back")


@pytest.mark.parametrize("size", ["²", "٣", "9" * 5_000, "-1", ""])
def test_sizes_that_are_none_are_passed_over(archive: Workshop, size: str) -> None:
    with (archive.out / "bag-info.txt").open("a", encoding="utf-8") as info:
        info.write(f"Object-Size: {size} data/acme-vol-000001.tar.zst.age\n")
    assert both(archive) == {errors.AlteredError}


def test_a_missing_file_is_found(archive: Workshop, tmp_path: Path) -> None:
    def without_first(tar: bytes) -> bytes:
        at = tar.index(b"acme-vol-000001/data/files/0\0")
        return tar[:at] + tar[at + 512 + 1024 :]

    forge(archive, rewritten(archive, without_first))
    assert faults(archive, key=True) == {errors.MissingFileError}
    with pytest.raises(errors.MissingFileError):
        extract(archive.store, [archive.key], tmp_path / "back")


def test_a_tar_that_ends_early_is_found(archive: Workshop) -> None:
    forge(archive, rewritten(archive, lambda tar: tar[:-1024]))
    assert faults(archive, key=True) == {errors.TruncatedError}
