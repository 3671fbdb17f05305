"""Post-quantum keys go through the real program age, which is never left behind and whose failures are told apart."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyrage
import pytest

from core.archive.age_binary import (
    POST_QUANTUM_STANZA,
    age_binary,
    decrypting_by_age,
    encrypting_by_age,
    is_post_quantum,
    needs_age_binary,
)
from core.archive.errors import AlteredError, NotAnArchiveError, WrongKeyError
from core.archive.identities import PostQuantumFile, read_identities
from core.archive.recipients import age_recipients, check_recipient, check_recipients
from core.errors import ConfigurationError, RefusedError, UnavailableError

from .archive_workshop import age_key

PROJECT = Path(__file__).resolve().parents[3]
CONTENT = bytes(range(256)) * 20_000


@pytest.fixture(autouse=True)
def new_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an age on PATH that knows post-quantum keys; `make tools` brings one where the system's is older."""
    monkeypatch.setenv("PATH", f"{PROJECT / '.venv/age/usr/bin'}{os.pathsep}{os.environ['PATH']}")
    age_binary()


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    return post_quantum_key(tmp_path / "pq.txt")


def post_quantum_key(path: Path) -> tuple[Path, str]:
    subprocess.run(["age-keygen", "-pq", "-o", str(path)], check=True, capture_output=True)
    return path, subprocess.run(["age-keygen", "-y", str(path)], check=True, capture_output=True, text=True).stdout.strip()


def encrypted(content: bytes, *recipients: str, armored: bool = False) -> bytes:
    sink = io.BytesIO()
    with encrypting_by_age(sink, recipients, armored=armored) as stream:
        stream.write(content)
    return sink.getvalue()


def decrypted(ciphertext: bytes, *files: Path) -> bytes:
    with decrypting_by_age(io.BytesIO(ciphertext), files, "volume 1") as stream:
        return io.BufferedReader(stream).read()


def write_much(stream: BinaryIO, last: Exception | None = None) -> None:
    stream.writelines(CONTENT for _ in range(20))
    if last:
        raise last


def children(pid: int | None = None) -> list[int]:
    """Name those children of a process that are an age: other tests may have left servers or helpers of Python's to this process."""
    found = [int(one) for path in Path(f"/proc/{pid or os.getpid()}/task").glob("*/children") for one in path.read_text().split()]
    return [one for one in found if Path(f"/proc/{one}/comm").read_text() == "age\n"]


def the_age(pid: int | None = None) -> int:
    """Wait for the one age that a process has started: it is called that only once it runs."""
    assert eventually(lambda: bool(children(pid)))
    (age,) = children(pid)
    return age


def put_age(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another program be the only age on PATH."""
    folder.mkdir()
    (folder / "age").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "age").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize("size", [0, 1, 1 << 16, 5_000_001])
def test_age_itself_opens_what_was_written_for_every_recipient(tmp_path: Path, key: tuple[Path, str], size: int) -> None:
    other = post_quantum_key(tmp_path / "other.txt")
    ciphertext = encrypted(CONTENT[:size], key[1], other[1])
    assert ciphertext.count(b"\n-> " + POST_QUANTUM_STANZA + b" ") == 2
    for file in (key[0], other[0]):
        opened = subprocess.run(["age", "-d", "-i", str(file)], input=ciphertext, capture_output=True, check=True)
        assert opened.stdout == CONTENT[:size]
        assert decrypted(ciphertext, file) == CONTENT[:size]


def test_armor_and_other_kinds_of_keys_beside_it_are_read_too(tmp_path: Path, key: tuple[Path, str]) -> None:
    age_key(tmp_path / "plain.txt")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")], check=True)
    armored = encrypted(b"word", key[1], armored=True)
    assert armored.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert decrypted(armored, tmp_path / "plain.txt", tmp_path / "ssh", key[0]) == b"word"


def test_a_file_says_at_its_beginning_for_which_kind_of_keys_it_is(tmp_path: Path, key: tuple[Path, str]) -> None:
    others = [post_quantum_key(tmp_path / f"{number}.txt")[1] for number in range(3)]
    for armored in (False, True):
        assert is_post_quantum(encrypted(b"", key[1], armored=armored))
        assert is_post_quantum(encrypted(CONTENT, key[1], *others, armored=armored)[:4096])
        plain = pyrage.encrypt(b"\n-> " + POST_QUANTUM_STANZA + b" ", [pyrage.x25519.Identity.generate().to_public()], armored=armored)
        assert not is_post_quantum(plain)
    for foreign in (b"", b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----\n", b"-----BEGIN X\n\xff\xfe=!\n"):
        assert not is_post_quantum(foreign)
    with pytest.raises(WrongKeyError):
        decrypted(encrypted(b"", key[1]))


def test_every_kind_of_damage_has_its_own_error(tmp_path: Path, key: tuple[Path, str]) -> None:
    ciphertext = encrypted(CONTENT, key[1])
    payload = ciphertext.index(b"\n--- ") + 60
    flipped = bytearray(ciphertext)
    flipped[-40] ^= 1
    altered_header = bytearray(ciphertext)
    altered_header[payload - 40] = ord("A") if altered_header[payload - 40] != ord("A") else ord("B")
    stranger, _ = post_quantum_key(tmp_path / "stranger.txt")
    age_key(tmp_path / "plain.txt")
    cases: list[tuple[bytes, Path, type[Exception]]] = [
        (ciphertext, stranger, WrongKeyError),
        (ciphertext, tmp_path / "plain.txt", WrongKeyError),
        (b"<html>no</html>", key[0], NotAnArchiveError),
        (b"", key[0], NotAnArchiveError),
        (ciphertext[:500], key[0], NotAnArchiveError),
        (bytes(altered_header), key[0], AlteredError),
        (bytes(flipped), key[0], AlteredError),
        (ciphertext + b"x", key[0], AlteredError),
        *((ciphertext[:end], key[0], AlteredError) for end in (payload, payload + 65552, len(ciphertext) - 1)),
    ]
    for damaged, file, error in cases:
        with pytest.raises(error, match="volume 1"):
            decrypted(damaged, file)
    assert not children()


def test_a_malformed_or_locked_key_file_is_refused_and_never_quoted(tmp_path: Path, key: tuple[Path, str]) -> None:
    ciphertext = encrypted(b"word", key[1])
    secret = key[0].read_text().splitlines()[-1]
    (tmp_path / "cut.txt").write_text(secret[:-3])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "locked-1", "-f", str(tmp_path / "ssh")], check=True)
    to_ssh = subprocess.run(["age", "-R", str(tmp_path / "ssh.pub")], input=b"word", capture_output=True, check=True).stdout
    for damaged, file in ((ciphertext, tmp_path / "cut.txt"), (to_ssh, tmp_path / "ssh"), (ciphertext, tmp_path / "absent")):
        with pytest.raises(ConfigurationError, match="refuses a file of keys") as caught:
            decrypted(damaged, file)
        assert secret[20:40] not in str(caught.value) + repr(caught.value)


def test_an_error_of_the_sink_or_of_the_block_surfaces_and_age_is_gone(key: tuple[Path, str]) -> None:
    class Full(io.BytesIO):
        def write(self, _data: object, /) -> int:
            raise OSError(28, "no room")

    with pytest.raises(OSError, match="no room"), encrypting_by_age(Full(), [key[1]]) as stream:
        write_much(stream)
    sink = io.BytesIO()
    with pytest.raises(KeyError, match="mine"), encrypting_by_age(sink, [key[1]]) as stream:
        write_much(stream, KeyError("mine"))
    with pytest.raises(AlteredError):
        decrypted(sink.getvalue(), key[0])
    with pytest.raises(BrokenPipeError, match="of another pipe"), encrypting_by_age(sink, [key[1]]):
        raise BrokenPipeError("of another pipe")
    assert not children()


def test_an_error_of_the_source_surfaces_and_a_reader_may_give_up(key: tuple[Path, str]) -> None:
    ciphertext = encrypted(CONTENT, key[1])

    class Gone(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > len(ciphertext) // 2:
                raise UnavailableError("the store went away")
            return super().read(size)

    with pytest.raises(UnavailableError, match="went away"), decrypting_by_age(Gone(ciphertext), [key[0]], "volume 1") as stream:
        io.BufferedReader(stream).read()
    with decrypting_by_age(io.BytesIO(ciphertext), [key[0]], "volume 1") as stream:
        assert stream.read(10) == CONTENT[:10]
    assert not children()


def test_an_age_that_is_killed_is_told_as_such(key: tuple[Path, str]) -> None:
    def kill() -> None:
        os.kill(the_age(), signal.SIGKILL)

    def encrypt(more: int) -> None:
        with encrypting_by_age(io.BytesIO(), [key[1]]) as stream:
            stream.write(b"little, which is still on its way")
            kill()
            for _ in range(more):
                stream.write(CONTENT)

    for more in (0, 20):
        with pytest.raises(UnavailableError, match="ended from outside"):
            encrypt(more)
    ciphertext = encrypted(CONTENT, key[1])
    with decrypting_by_age(io.BytesIO(ciphertext), [key[0]], "volume 1") as plaintext:
        assert plaintext.read(1)
        kill()
        with pytest.raises(UnavailableError, match="ended from outside"):
            io.BufferedReader(plaintext).read()


def test_an_age_that_fails_by_itself_is_told_with_its_words(key: tuple[Path, str]) -> None:
    with pytest.raises(RefusedError, match="malformed recipient"), encrypting_by_age(io.BytesIO(), [key[1][:-1]]) as stream:
        write_much(stream)


def test_age_ends_with_us_even_when_we_are_killed(key: tuple[Path, str]) -> None:
    program = """if True:
        import sys, time
        from core.archive.age_binary import encrypting_by_age
        with encrypting_by_age(sys.stdout.buffer, [sys.argv[1]]) as stream:
            stream.write(bytes(1000))
            print("ready", file=sys.stderr, flush=True)
            time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", program, key[1]], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as ours:
        assert ours.stderr is not None
        assert ours.stderr.readline() == b"ready\n"
        age = the_age(ours.pid)
        ours.kill()
    assert eventually(lambda: not Path(f"/proc/{age}").exists() or "\nState:\tZ" in Path(f"/proc/{age}/status").read_text())


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def test_memory_stays_bounded_in_both_directions(tmp_path: Path, key: tuple[Path, str]) -> None:
    program = """if True:
        import pathlib, resource, sys
        from core.archive.age_binary import decrypting_by_age, encrypting_by_age
        secret, recipient, place = sys.argv[1:]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with open(place, "wb") as sink, encrypting_by_age(sink, [recipient]) as stream:
            for _ in range(200):
                stream.write(bytes(1 << 20))
        total = 0
        with open(place, "rb") as source, decrypting_by_age(source, [pathlib.Path(secret)], "it") as plaintext:
            while chunk := plaintext.read(1 << 16):
                total += len(chunk)
        assert total == 200 << 20
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    grown = subprocess.run(
        [sys.executable, "-c", program, str(key[0]), key[1], str(tmp_path / "large")], cwd=PROJECT, check=True, capture_output=True
    )
    assert int(grown.stdout) < 20_000  # KiB


def test_a_post_quantum_key_is_taken_as_age_takes_it(tmp_path: Path, key: tuple[Path, str]) -> None:
    assert check_recipient(f" {key[1]}\n") == key[1]
    assert needs_age_binary(key[1])
    for wrong in (key[1][:-1], "age1pq1qqqq", key[1].replace("age1pq1", "age1pq1q")):
        with pytest.raises(ConfigurationError, match="copied whole") as caught:
            check_recipient(wrong)
        assert wrong[8:40] not in str(caught.value)
    other = post_quantum_key(tmp_path / "other.txt")[1]
    assert check_recipients([key[1], other, key[1]]) == (key[1], other)
    with pytest.raises(ConfigurationError, match=r"name plain age1… keys"):
        age_recipients([key[1]])


def test_one_archive_is_for_one_kind_of_keys(tmp_path: Path, key: tuple[Path, str]) -> None:
    plain = age_key(tmp_path / "plain.txt")
    with pytest.raises(ConfigurationError, match="1 of 2 recipients are post-quantum"):
        check_recipients([plain, key[1]])
    assert check_recipients([plain]) == (plain,)


def test_without_a_fit_age_it_says_what_is_there_and_what_to_install(
    tmp_path: Path, key: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = str(pyrage.x25519.Identity.generate().to_public())
    scripts = {
        "echo 1.1.1": r"says that it is '1\.1\.1'",
        "echo v1.2.1": r"says that it is 'v1\.2\.1'",
        "echo '(unknown)'": "unknown",
        "": "nothing",
        "exit 1": "nothing",
    }
    for number, (script, words) in enumerate(scripts.items()):
        put_age(tmp_path / str(number), script, monkeypatch)
        with pytest.raises(ConfigurationError, match=f"{words}.*; install age 1.3"):
            check_recipient(key[1])
    monkeypatch.setenv("PATH", str(tmp_path))
    for reach in (lambda: check_recipient(key[1]), lambda: encrypted(b"", key[1]), lambda: decrypted(b"", key[0])):
        with pytest.raises(ConfigurationError, match="no program age on PATH"):
            reach()
    assert check_recipient(plain) == plain


@pytest.mark.parametrize("said", ["1.3.0", "v1.3.0-rc.1", "1.10.0", "v2.0.0"])
def test_newer_versions_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    put_age(tmp_path / "bin", f"echo {said}", monkeypatch)
    assert age_binary() == shutil.which("age") == str(tmp_path / "bin/age")


def test_a_file_may_hold_keys_of_both_kinds(tmp_path: Path, key: tuple[Path, str]) -> None:
    age_key(tmp_path / "plain.txt")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "ssh")], check=True)
    (tmp_path / "both.txt").write_text((tmp_path / "plain.txt").read_text() + key[0].read_text())
    plain, pq, ssh = read_identities([tmp_path / "both.txt", tmp_path / "ssh"])
    assert (type(plain), type(ssh)) == (pyrage.x25519.Identity, pyrage.ssh.Identity)
    assert pq == PostQuantumFile(tmp_path / "both.txt")
    assert key[0].read_text().splitlines()[-1][20:40] not in repr(pq)
    assert decrypted(encrypted(b"word", key[1]), pq.path) == b"word"


def test_key_files_that_are_locked_or_none_are_refused(tmp_path: Path, key: tuple[Path, str]) -> None:
    (tmp_path / "locked.txt").write_bytes(pyrage.passphrase.encrypt(key[0].read_bytes(), "locked-1"))
    (tmp_path / "none.txt").write_text(key[0].read_text() + "AGE-PLUGIN-X-1QQQQ\n")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    for name, words in (("locked.txt", "itself encrypted"), ("none.txt", "no age identity file"), ("empty.txt", "holds no key")):
        with pytest.raises(ConfigurationError, match=words):
            read_identities([tmp_path / name])
