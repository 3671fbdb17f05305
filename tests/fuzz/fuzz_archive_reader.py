"""Guided fuzzing (Atheris, libFuzzer) of all that reads an archive: `python tests/fuzz/fuzz_archive_reader.py -max_total_time=60 CORPUS`.

Where there is no Atheris for this machine, the same inputs are mutated unguided.
The first byte of an input chooses what reads the rest. Any error but those that have a name in core/errors.py is a finding.
"""

import io
import random
import sys
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/core")]

with atheris.instrument_imports(include=["core.archive"]) if atheris else nullcontext():
    from archive.forgery import Objects, temporary_original

    from core.archive.age_payload import MalformedPayloadError, PayloadReader, PayloadWriter
    from core.archive.bag import parse_info, parse_manifest
    from core.archive.encryption import decrypting
    from core.archive.extract import extract
    from core.archive.identities import read_identities
    from core.archive.names import INVENTORY_FILE
    from core.archive.reader import Inventory
    from core.archive.rows import HEADING
    from core.archive.tar import TarReader
    from core.archive.verify import verify_archive
    from core.errors import ArchiveError, ConfigurationError, RefusedError

NAMED = (ArchiveError, ConfigurationError, RefusedError)
FILE_KEY = bytes(16)
FOLDER, MADE = temporary_original()
KEYS = read_identities([MADE.key])


def read_tar(data: bytes) -> None:
    reader = TarReader(io.BytesIO(data), "it")
    for member in reader:
        assert member.size >= 0
        for _ in reader.body():
            pass


def read_inventory(data: bytes) -> None:
    inventory = Inventory(io.BytesIO(HEADING + data))
    for volume in range(1, 4):
        assert all(row.volume == volume for row in inventory.rows_of(volume))
    inventory.finish()


def read_age(data: bytes) -> None:
    with decrypting(io.BytesIO(data), KEYS, "it") as plaintext:
        while plaintext.read(1 << 16):
            pass


def read_payload(data: bytes) -> None:
    try:
        reader, found = PayloadReader(io.BytesIO(data), FILE_KEY), bytearray()
        while piece := reader.read(1 << 20):
            found += piece
    except MalformedPayloadError:
        return
    again = io.BytesIO()
    writer = PayloadWriter(again, FILE_KEY, data[:16])
    writer.write(found)
    writer.finish()
    assert again.getvalue() == data


def read_tags(data: bytes) -> None:
    parse_info(data)
    parse_manifest(data, "it")


def read_forged_volume(data: bytes) -> None:
    read_whole(MADE.forged(tar=data))


def read_forged_inventory(data: bytes) -> None:
    read_whole(MADE.forged(inventory=HEADING + data))


def read_bag(data: bytes) -> None:
    name = sorted(MADE.objects)[data[0] % len(MADE.objects)] if data else "bagit.txt"
    store = Objects({**MADE.objects, name: data[1:]})
    assert not verify_archive(store).ok or store.content == MADE.objects
    read_whole(store)


def read_whole(store: Objects) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            good = verify_archive(store, [MADE.key]).ok
        except NAMED:
            good = False
        extract(store, [MADE.key], Path(folder) / "back")
        found = {
            str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink()
        }
        assert not good or found == {f"back/{path}": content for path, content in MADE.files.items()}


READERS = (read_tar, read_inventory, read_age, read_payload, read_tags, read_forged_volume, read_forged_inventory, read_bag)


def test_one_input(data: bytes) -> None:
    if not data:
        return
    with suppress(NAMED):
        READERS[data[0] % len(READERS)](data[1:])


def seed(corpus: Path) -> None:
    """Begin with what is well formed, so that the fuzzer gets beyond the first check."""
    payload = io.BytesIO()
    writer = PayloadWriter(payload, FILE_KEY, bytes(16))
    writer.write(b"plaintext")
    writer.finish()
    tar = MADE.plain("data/acme-vol-000001.tar.zst.age")
    rows = MADE.plain(INVENTORY_FILE).removeprefix(HEADING)
    seeds = [tar, rows, MADE.objects[INVENTORY_FILE], payload.getvalue(), MADE.objects["manifest-sha256.txt"], tar, rows]
    for number, content in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(bytes([number]) + content)
    for number, (name, content) in enumerate(sorted(MADE.objects.items())):
        (corpus / f"bag-{number}").write_bytes(bytes([len(READERS) - 1, sorted(MADE.objects).index(name)]) + content)


def unguided(seeds: list[bytes], seconds: float) -> None:
    """Flip, cut, repeat and join what is well formed, by chance."""
    chance, end, count = random.Random(2026), time.monotonic() + seconds, 0  # noqa: S311 - nothing secret
    while time.monotonic() < end:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.choice((0, 1, 1, 4, 512))] = chance.choice(
                (b"", bytes([chance.randrange(256)]), bytes(data[at : at + 512]))
            )
        test_one_input(bytes(data))
        count += 1
    sys.stderr.write(f"Done {count} runs\n")


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders and not any(folders[0].iterdir()):
        seed(folders[0])
    if atheris:
        atheris.Setup([*sys.argv, "-max_len=16384"], test_one_input)
        atheris.Fuzz()
    else:
        limit = next((argument for argument in sys.argv if argument.startswith("-max_total_time=")), "-max_total_time=60")
        unguided([path.read_bytes() for path in folders[0].iterdir()], float(limit.partition("=")[2]))
