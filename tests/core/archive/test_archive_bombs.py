"""What an enemy packs for us is refused by name and does not fill the memory; a guided fuzzer looks for more of it."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import zstandard

from core.archive.errors import AlteredError, HostileEntryError, TruncatedError
from core.archive.receipt_code import receipt_code
from core.archive.verify import verify_archive
from core.errors import ArchiveError

from .forgery import NAMED, TOP, Objects, Original, pax, taken_out, tar_block


@pytest.mark.parametrize(
    ("plain", "error"),
    [
        (tar_block(TOP + b"/data/files/a", size=8**11 - 1) + bytes(1 << 20), TruncatedError),
        (tar_block(TOP + b"/data/files/a", size=1 << 60) + bytes(1 << 20), AlteredError),
        (pax({b"size": b"9" * 25}) + tar_block(TOP + b"/data/files/a"), TruncatedError),
        (pax({b"comment": b"x" * (1 << 21)}), HostileEntryError),
        (pax({b"path": b"x"}, tarfile.XGLTYPE), HostileEntryError),
        (pax({b"path": b"x"}) * 2 + tar_block(b"x"), HostileEntryError),
        (pax({b"path": TOP + b"/data/n\0n"}) + tar_block(b"x"), HostileEntryError),
    ],
    ids=["huge size", "huge size as GNU spells it", "huge size in pax", "pax bomb", "global pax", "pax of pax", "NUL in a name"],
)
def test_hostile_tars_are_refused_by_name(made: Original, plain: bytes, error: type[ArchiveError]) -> None:
    store = made.forged(tar=plain)
    assert error in {type(fault) for fault in verify_archive(store, [made.key]).faults}
    assert taken_out(store, made.key) == (False, {})


BOMBS = """
import json, resource, sys
from pathlib import Path
from core.archive.extract import extract
from core.archive.verify import verify_archive
from core.errors import ArchiveError
sys.path.insert(0, sys.argv[1])
from archive.forgery import Objects
folder, key = Path(sys.argv[2]), Path(sys.argv[3])
store = Objects({str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
faults = [type(fault).__name__ for fault in verify_archive(store, [key]).faults]
try:
    extract(store, [key], folder.with_name("back"))
except ArchiveError as error:
    faults.append(type(error).__name__)
print(json.dumps([faults, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10]))
"""


def bomb_of_zeros() -> bytes:
    """Compress a tar of one file of 400 MB into a few kB."""
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    size = 400 << 20
    begun = compressor.compress(tar_block(TOP + b"/data/files/zeros", size=size))
    return begun + b"".join(compressor.compress(bytes(1 << 20)) for _ in range(size >> 20)) + compressor.flush()


def frame_of_2_gib_window() -> bytes:
    """Claim a window of 2 GiB (RFC 8878 section 3.1.1.1.2), which a careless reader makes room for."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"


@pytest.mark.parametrize(
    ("compressed", "fault"), [(bomb_of_zeros(), "TruncatedError"), (frame_of_2_gib_window(), "AlteredError")], ids=["zeros", "window"]
)
def test_bombs_do_not_fill_the_memory(made: Original, tmp_path: Path, compressed: bytes, fault: str) -> None:
    assert len(compressed) < 100_000
    for name, content in made.forged(compressed=compressed).content.items():
        (tmp_path / "bag" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bag" / name).write_bytes(content)
    command = [sys.executable, "-c", BOMBS, str(Path(__file__).parents[1]), str(tmp_path / "bag"), str(made.key)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3], timeout=60)
    faults, grown = json.loads(done.stdout)
    assert fault in faults
    assert grown < 120 << 20


def test_a_receipt_code_is_read_or_refused(made: Original) -> None:
    for name in made.objects:
        store = Objects({other: content for other, content in made.objects.items() if other != name})
        with pytest.raises(NAMED):
            receipt_code(store, [made.key])


def test_the_guided_fuzzer_finds_nothing_in_a_few_seconds(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, str(root / "tests/fuzz/fuzz_archive_reader.py"), "-max_total_time=4", "-rss_limit_mb=1500", "-timeout=10"]
    # By a shell in between: what libFuzzer takes for its own peak of memory begins with that of the process that starts it.
    command = ["sh", "-c", '"$@"; exit $?', "sh", *command, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    runs = [line for line in done.stderr.splitlines() if line.startswith("Done ")]
    assert runs, done.stderr[-3000:]
    assert int(runs[0].split()[1]) > 20
