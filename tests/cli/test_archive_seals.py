"""`offboard archive create --sign … --time-stamp …`: what ssh-keygen and openssl say of the seals, and what happens without them."""

import base64
import os
import pty
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.archive import app
from connectors.folder import FolderFiles, FolderStore
from core.archive.writer import write_archive
from demo.time_stamp_server import TimeStampServer

ROOT = Path(__file__).resolve().parents[2]
TAGS = "tagmanifest-sha256.txt"
PASSPHRASE = "nine wet otters"
COMMAND = (sys.executable, "-m", "cli.main", "archive", "create", "files", "out", "-r", "key.pub")


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[TimeStampServer]:
    with TimeStampServer(tmp_path / "authority") as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lay down a folder to archive, a recipient's key, and our own keys."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/accounts.csv").write_bytes(os.urandom(3_000))
    subprocess.run(["age-keygen", "-o", "key.txt"], cwd=tmp_path, check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", "key.txt"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "key.pub").write_bytes(recipient.stdout)
    for name in ("ours", "other"):
        ssh_key(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ssh_key(file: Path, kind: str = "ed25519", passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(file)], check=True)


def offboard(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def create(*options: object) -> Result:
    return offboard("create", "files", "out", "-r", "key.pub", *options)


def stamped_by(authority: TimeStampServer) -> tuple[object, ...]:
    return "--time-stamp", authority.url, "--time-stamp-roots", authority.roots


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place / "out")): path.read_bytes() for path in (place / "out").rglob("*") if path.is_file()}


def ssh_keygen_says(place: Path, key: str, content: bytes) -> bool:
    public = (place / f"{key}.pub").read_text()
    (place / "allowed_signers").write_text(f'ops@northwind.example namespaces="file" {public}')
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", "ops@northwind.example", "-n", "file", "-s", f"out/{TAGS}.sig"]
    return subprocess.run(command, cwd=place, input=content, check=False, capture_output=True).returncode == 0


def openssl_says(place: Path, roots: Path, content: bytes) -> bool:
    (place / "content").write_bytes(content)
    command = ["openssl", "ts", "-verify", "-in", f"out/{TAGS}.tsr", "-data", "content", "-CAfile", str(roots)]
    return subprocess.run(command, cwd=place, check=False, capture_output=True).returncode == 0


def refused(done: Result, status: int, *words: str) -> None:
    assert done.exit_code == status, (done.stdout, done.stderr)
    assert isinstance(done.exception, SystemExit)
    assert [word for word in words if word not in done.stderr] == [], done.stderr


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_ssh_keygen_and_openssl_take_the_seals_and_for_this_archive_alone(place: Path, authority: TimeStampServer, kind: str) -> None:
    ssh_key(place / kind, kind)
    done = create("--sign", kind, *stamped_by(authority))
    assert done.exit_code == 0, done.stderr
    listed = subprocess.run(["ssh-keygen", "-l", "-f", f"{kind}.pub"], cwd=place, check=True, capture_output=True, text=True).stdout
    assert f"It is signed by {listed.split()[1]}: {TAGS}.sig" in done.stdout
    assert f"It has a time stamp: {TAGS}.tsr" in done.stdout
    assert not (place / "out.journal").exists()
    tags = (place / "out" / TAGS).read_bytes()
    for content, holds in ((tags, True), (tags + b"x", False)):
        assert ssh_keygen_says(place, kind, content) is holds
        assert openssl_says(place, authority.roots, content) is holds
    assert not ssh_keygen_says(place, "other", tags)
    assert offboard("verify", "-i", "key.txt", "out").exit_code == 0


def test_without_the_options_nothing_seals_it(place: Path) -> None:
    assert create().exit_code == 0
    assert not {f"{TAGS}.sig", f"{TAGS}.tsr"} & set(contents(place))


def test_without_the_options_nothing_is_loaded_for_them(place: Path) -> None:
    program = "import sys, cli.archive as a\ntry:\n    a.app(sys.argv[1:])\nfinally:\n    print(*sys.modules)"
    command = [sys.executable, "-c", program, "create", "files", "out", "-r", "key.pub"]
    loaded = subprocess.run(command, cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True, text=True)
    there = set(loaded.stdout.splitlines()[-1].split())
    assert "core.archive.writer" in there
    assert not there & {"cli.seals", "cli.ssh_key", "connectors.time_stamp", "httpx", "rfc3161_client", "core.signatures.sshsig"}


def test_while_the_authority_is_away_a_second_start_goes_on(place: Path, authority: TimeStampServer) -> None:
    away = ("--time-stamp", "http://127.0.0.1:9/", "--time-stamp-roots", authority.roots)
    refused(create("--sign", "ours", *away), 1, "cannot be reached", "start the same command again", "lacks nothing but its time stamp")
    before = contents(place)
    assert f"{TAGS}.sig" in before
    assert not {TAGS, f"{TAGS}.tsr"} & set(before)
    assert offboard("verify", "out").exit_code == 1
    done = create("--sign", "ours", *stamped_by(authority))
    assert done.exit_code == 0, done.stderr
    after = contents(place)
    assert before.items() <= after.items()
    assert set(after) - set(before) == {TAGS, f"{TAGS}.tsr"}
    assert ssh_keygen_says(place, "ours", after[TAGS])
    assert openssl_says(place, authority.roots, after[TAGS])
    assert offboard("verify", "-i", "key.txt", "out").exit_code == 0


def test_while_the_authority_is_away_it_can_be_finished_without(place: Path, authority: TimeStampServer) -> None:
    away = ("--time-stamp", "http://127.0.0.1:9/", "--time-stamp-roots", authority.roots)
    refused(create(*away), 1, "without --time-stamp it is finished without one")
    assert create().exit_code == 0
    assert f"{TAGS}.tsr" not in contents(place)
    assert offboard("verify", "-i", "key.txt", "out").exit_code == 0


def test_a_time_stamp_that_does_not_hold_is_not_kept(place: Path, authority: TimeStampServer, tmp_path: Path) -> None:
    with TimeStampServer(tmp_path / "another") as another:
        refused(create("--time-stamp", authority.url, "--time-stamp-roots", another.roots), 1, "does not hold", "start the same")
    assert f"{TAGS}.tsr" not in contents(place)
    assert create(*stamped_by(authority)).exit_code == 0
    assert openssl_says(place, authority.roots, contents(place)[TAGS])


def test_a_second_start_with_another_key_is_told(place: Path, authority: TimeStampServer) -> None:
    assert create("--sign", "ours", "--time-stamp", "http://127.0.0.1:9/", "--time-stamp-roots", authority.roots).exit_code == 1
    refused(create("--sign", "other", *stamped_by(authority)), 1, "by another key, SHA256:", "name that key")
    assert create("--sign", "ours", *stamped_by(authority)).exit_code == 0
    assert ssh_keygen_says(place, "ours", contents(place)[TAGS])


def test_what_an_earlier_start_finished_without_seals_is_not_said_to_have_them(place: Path, authority: TimeStampServer) -> None:
    # As a start leaves it that is killed when all is written, before it takes its journal away.
    write_archive(
        [FolderFiles(name="files", path=place / "files")],
        FolderStore(path=place / "out"),
        name="out",
        recipients=[(place / "key.pub").read_text().strip()],
        journal=place / "out.journal",
        started=datetime(2026, 11, 20, tzinfo=UTC),
    )
    refused(create("--sign", "ours"), 1, "an earlier start", f"{TAGS}.sig is not in it", "ssh-keygen -Y sign -n file")
    refused(create(*stamped_by(authority)), 1, f"{TAGS}.tsr is not in it")
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", "../ours", TAGS], cwd=place / "out", check=True, capture_output=True
    )
    assert create("--sign", "ours").exit_code == 0
    assert offboard("verify", "out").exit_code == 0


def hardware_key(file: Path) -> None:
    """Write a private key as ssh-keygen does for a security key (PROTOCOL.key, PROTOCOL.u2f): it holds a handle, and no secret."""

    def string(content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + content

    public = string(b"sk-ssh-ed25519@openssh.com") + string(bytes(range(32))) + string(b"ssh:")
    private = struct.pack(">II", 7, 7) + public + b"\x01" + string(b"handle") + string(b"") + string(b"comment")
    private += bytes(range(1, 8))[: -len(private) % 8]
    whole = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + struct.pack(">I", 1) + string(public) + string(private)
    lines = base64.encodebytes(whole).decode()
    file.touch(0o600)
    file.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}-----END OPENSSH PRIVATE KEY-----\n")


def test_wrong_options_are_told_before_anything_is_written(place: Path, authority: TimeStampServer) -> None:
    ssh_key(place / "locked", passphrase=PASSPHRASE)

    hardware_key(place / "hardware")
    assert subprocess.run(["ssh-keygen", "-y", "-f", "hardware"], cwd=place, capture_output=True, check=False).returncode == 0
    (place / "no certificates").write_text("none")
    cases = [
        (("--sign", "absent"), 1, "absent cannot be read"),
        (("--sign", "ours.pub"), 1, "ours.pub is not a private SSH key"),
        (("--sign", "key.txt"), 1, "key.txt is not a private SSH key"),
        (("--sign", "hardware"), 1, f"ssh-keygen -Y sign -n file -f KEY {TAGS}"),
        (("--time-stamp", authority.url), 2, "go together"),
        (("--time-stamp-roots", authority.roots), 2, "go together"),
        (("--time-stamp", "tsa.example", "--time-stamp-roots", authority.roots), 2, "is no address"),
        (("--time-stamp", authority.url, "--time-stamp-roots", "absent"), 2, "absent: it is no readable file of certificates"),
        (("--time-stamp", authority.url, "--time-stamp-roots", "no certificates"), 2, "no readable file of certificates"),
    ]
    for options, status, words in cases:
        done = create(*options)
        refused(done, status, words)
        assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert not (place / "out").exists()
    assert not (place / "out.journal").exists()


@contextmanager
def terminal(command: Sequence[str], cwd: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a command in a terminal of its own; gives what a person at it reads from and types to."""
    person, line = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "400"}
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command], cwd=cwd, env=environment, stdin=line, stdout=line, stderr=line
    ) as process:
        os.close(line)
        try:
            yield process, person
        finally:
            os.close(person)


def read_until(person: int, words: bytes) -> bytes:
    """Read from a terminal until these words, or until nothing more comes."""
    shown = b""
    with suppress(OSError):  # how Linux says that nobody is at the other end any more
        while words not in shown or not words:
            shown += os.read(person, 1 << 16)
    return shown


@pytest.mark.parametrize(("typed", "status"), [(PASSPHRASE, 0), ("eight wet otters", 1)])
def test_a_passphrase_is_asked_for_on_the_terminal(place: Path, typed: str, status: int) -> None:
    ssh_key(place / "locked", passphrase=PASSPHRASE)
    with terminal([*COMMAND, "--sign", "locked"], place) as (process, person):
        assert b"Passphrase of locked: " in read_until(person, b"locked: ")
        os.write(person, f"{typed}\n".encode())
        shown = read_until(person, b"").decode()
        assert process.wait(60) == status, shown
    assert typed not in shown
    assert ("It is signed by" in shown) is (status == 0)
    assert ("the passphrase is wrong" in shown) is (status == 1)
    assert (place / "out").exists() is (status == 0)
    if status == 0:
        assert ssh_keygen_says(place, "locked", contents(place)[TAGS])


def test_without_a_terminal_a_locked_key_is_refused(place: Path) -> None:
    ssh_key(place / "locked", passphrase=PASSPHRASE)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = ["setsid", "--wait", *COMMAND, "--sign", "locked"]  # in a session of its own it has no terminal, wherever tests are started
    done = subprocess.run(command, cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no terminal to ask for it" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "out").exists()
