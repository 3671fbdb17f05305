"""Others' tools read our log: the Go project's own library for transparency logs finds what we wrote to be right, and alterations wrong."""

import base64
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import LedgerError, RefusedError
from core.ledger.merkle import consistency_proof, leaf_hash, root
from core.ledger.note import LogKey, verify_checkpoint
from core.ledger.proof import tlog_proofs, verify_tlog_proof
from core.ledger.tiles import tile_path, write_tiles
from core.model import Checkpoint

from .conftest import ORIGIN

SOURCES = "/usr/share/gocode"  # where Debian's golang-golang-x-mod-dev puts them
SIZES = (1, 2, 255, 256, 257, 600, 70_000)
Go = Callable[..., tuple[bool, str]]


@pytest.fixture(scope="session")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from Debian's packages alone."""
    if not shutil.which("go") or not Path(SOURCES, "src/golang.org/x/mod/sumdb/tlog").exists():
        pytest.fail("the tests need Go and its module library; as root: apt-get install golang-go golang-golang-x-mod-dev")
    binary = tmp_path_factory.mktemp("go") / "verify"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": SOURCES, "GOFLAGS": "", "CGO_ENABLED": "0"}
    environment.setdefault("GOCACHE", str(binary.with_name("cache")))
    command = ["go", "build", "-o", str(binary), str(Path(__file__).with_name("verify.go"))]
    subprocess.run(command, check=True, env=environment)
    return binary


@pytest.fixture
def go(verifier: Path) -> Go:
    def run(*arguments: object) -> tuple[bool, str]:
        done = subprocess.run([verifier, *map(str, arguments)], check=False, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0, done.stdout.strip()

    return run


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> LogKey:
    return LogKey.load_or_create(tmp_path_factory.mktemp("key") / "log.pem", ORIGIN)


def lines(size: int) -> list[bytes]:
    return [f'{{"entry":{number},"text":"{"x" * (number % 500)}"}}'.encode() for number in range(size)]


def signed(key: LogKey, entries: list[bytes]) -> Checkpoint:
    note = key.sign_checkpoint(len(entries), root([leaf_hash(one) for one in entries]))
    return verify_checkpoint(note, key.vkey)


@pytest.mark.parametrize("size", SIZES)
def test_go_reads_our_tiles(key: LogKey, go: Go, tmp_path: Path, size: int) -> None:
    entries = lines(size)
    write_tiles(entries, signed(key, entries), tmp_path / "log")
    earlier = []
    for old in {1, size // 2 or 1, size}:
        earlier.append(tmp_path / f"checkpoint-{old}")
        earlier[-1].write_text(signed(key, entries[:old]).note)
    assert go("tiles", key.vkey, tmp_path / "log", *earlier) == (True, str(size))


def test_there_are_the_files_that_the_specification_names(key: LogKey, tmp_path: Path) -> None:
    entries = lines(70_000)
    write_tiles(entries, signed(key, entries), tmp_path)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    tiles = {f"{level}/{number:03}" for level in ("entries", "0") for number in range(273)}
    tiles |= {"entries/273.p/112", "0/273.p/112", "1/000", "1/001.p/17", "2/000.p/1"}
    assert files == {"checkpoint"} | {f"tile/{one}" for one in tiles}
    assert tile_path(1_234_067, 256) == "x001/x234/067"


def test_an_export_grows_and_a_fork_is_refused(key: LogKey, go: Go, tmp_path: Path) -> None:
    entries = lines(700)
    for size in (300, 300, 513, 700):
        write_tiles(entries[:size], signed(key, entries[:size]), tmp_path)
        assert go("tiles", key.vkey, tmp_path) == (True, str(size))
    other = [b"altered", *entries[1:]]
    with pytest.raises(RefusedError, match="tile/entries/000 is a tile of another log"):
        write_tiles(other, signed(key, other), tmp_path)
    with pytest.raises(ValueError, match="not the entries"):
        write_tiles(other, signed(key, entries), tmp_path / "new")
    assert go("tiles", key.vkey, tmp_path) == (True, "700")


@pytest.mark.parametrize("name", ["tile/0/001", "tile/entries/002.p/188", "tile/1/000.p/2", "checkpoint"])
def test_go_notices_what_was_altered(key: LogKey, go: Go, tmp_path: Path, name: str) -> None:
    entries = lines(700)
    write_tiles(entries, signed(key, entries), tmp_path)
    body = bytearray((tmp_path / name).read_bytes())
    body[-5] ^= 1
    (tmp_path / name).write_bytes(body)
    assert not go("tiles", key.vkey, tmp_path)[0]


def test_go_notices_a_fork_between_two_checkpoints(key: LogKey, go: Go, tmp_path: Path) -> None:
    entries = lines(700)
    write_tiles(entries, signed(key, entries), tmp_path / "log")
    (tmp_path / "earlier").write_text(signed(key, [b"altered", *entries[1:300]]).note)
    assert not go("tiles", key.vkey, tmp_path / "log", tmp_path / "earlier")[0]


@pytest.mark.parametrize("size", SIZES[:-1])
def test_go_checks_our_proofs(key: LogKey, go: Go, tmp_path: Path, size: int) -> None:
    entries = lines(size)
    checkpoint = signed(key, entries)
    numbers = {0, size // 2, size - 1}
    proofs = tlog_proofs(map(leaf_hash, entries), checkpoint, numbers)
    assert set(proofs) == numbers
    for number, proof in proofs.items():
        (tmp_path / "proof").write_text(proof)
        (tmp_path / "entry").write_bytes(entries[number])
        assert go("proof", key.vkey, tmp_path / "proof", tmp_path / "entry") == (True, str(size))
        assert verify_tlog_proof(proof, entries[number], key.vkey) == (number, checkpoint)
        (tmp_path / "entry").write_bytes(entries[number] + b" ")
        assert not go("proof", key.vkey, tmp_path / "proof", tmp_path / "entry")[0]
        with pytest.raises(LedgerError, match=f"not entry {number} of the tree of size {size}"):
            verify_tlog_proof(proof, entries[number] + b" ", key.vkey)


@pytest.mark.parametrize("sizes", [(1, 2), (3, 7), (256, 600), (600, 600), (333, 1000)])
def test_go_checks_that_the_log_only_grew(key: LogKey, go: Go, tmp_path: Path, sizes: tuple[int, int]) -> None:
    old, size = sizes
    entries = lines(size)
    (tmp_path / "old").write_text(signed(key, entries[:old]).note)
    (tmp_path / "new").write_text(signed(key, entries).note)
    proof = consistency_proof([leaf_hash(one) for one in entries], old)
    (tmp_path / "hashes").write_text("".join(f"{base64.b64encode(one).decode()}\n" for one in proof))
    assert go("consistency", key.vkey, tmp_path / "old", tmp_path / "new", tmp_path / "hashes") == (True, str(size))
    (tmp_path / "old").write_text(key.sign_checkpoint(old, bytes(32)))
    assert not go("consistency", key.vkey, tmp_path / "old", tmp_path / "new", tmp_path / "hashes")[0]


def test_a_proof_of_another_form_is_refused(key: LogKey) -> None:
    entries = lines(3)
    checkpoint = signed(key, entries)
    proof = tlog_proofs(map(leaf_hash, entries), checkpoint, [1])[1]
    assert verify_tlog_proof(proof.replace("\nindex", "\nextra AAAA\nindex"), entries[1], key.vkey)[0] == 1
    for old, new in (
        ("proof@v1", "proof@v2"),
        ("index 1", "index 01"),
        ("index 1", "index -1"),
        ("\n\n", "\n"),
        ("index 1\n", "index 1\nx\n"),
    ):
        with pytest.raises(LedgerError, match="not of the form"):
            verify_tlog_proof(proof.replace(old, new, 1), entries[1], key.vkey)
    with pytest.raises(LedgerError, match="signature does not fit"):
        verify_tlog_proof(proof.replace("acme\n3\n", "acme\n4\n"), entries[1], key.vkey)
    with pytest.raises(IndexError):
        tlog_proofs(map(leaf_hash, entries), checkpoint, [3])
