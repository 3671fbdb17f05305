"""Checkpoints are C2SP signed notes: openssl agrees, and whatever was touched does not hold."""

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.errors import ConfigurationError, LedgerError
from core.ledger.note import LogKey, verify_checkpoint
from core.signatures.sshsig import normalise, verify

ORIGIN = "msp.example/offboard/acme"
ROOT = hashlib.sha256(b"root").digest()


@pytest.fixture
def key(tmp_path: Path) -> LogKey:
    return LogKey.load_or_create(tmp_path / "keys" / "log.pem", ORIGIN)


def test_a_checkpoint_reads_back(key: LogKey) -> None:
    note = key.sign_checkpoint(42, ROOT)
    checkpoint = verify_checkpoint(note, key.vkey)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note) == (ORIGIN, 42, ROOT, note)
    assert key.sign_checkpoint(42, ROOT) == note


def test_openssl_takes_the_note(key: LogKey, tmp_path: Path) -> None:
    text, signature = key.sign_checkpoint(42, ROOT).split("\n\n")
    raw = base64.b64decode(signature.split()[2])
    (tmp_path / "text").write_text(text + "\n")
    (tmp_path / "sig").write_bytes(raw[4:])
    (tmp_path / "pub.pem").write_bytes(key.public_pem)
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "pub.pem", "-sigfile", "sig", "-in", "text"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "text").write_text(text)
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_openssl_reads_the_private_key(key: LogKey, tmp_path: Path) -> None:
    made = subprocess.run(["openssl", "pkey", "-in", "keys/log.pem", "-pubout"], cwd=tmp_path, capture_output=True, check=True)
    assert made.stdout == key.public_pem


def test_vkey_and_key_id_are_as_the_specification_says(key: LogKey) -> None:
    name, hexed, encoded = key.vkey.split("+", 2)
    typed = base64.b64decode(encoded)
    assert (name, typed[0], len(typed)) == (ORIGIN, 1, 33)
    assert hexed == hashlib.sha256(ORIGIN.encode() + b"\n" + typed).hexdigest()[:8]
    assert base64.b64decode(key.sign_checkpoint(1, ROOT).split()[-1])[:4].hex() == hexed


def test_the_example_of_the_go_implementation_holds() -> None:
    """The example key and note of the documentation of golang.org/x/mod/sumdb/note."""
    vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    with pytest.raises(LedgerError, match="its text is not origin, size and root"):  # the signature held, it is no checkpoint
        verify_checkpoint(note, vkey)
    with pytest.raises(LedgerError, match="signature does not fit"):
        verify_checkpoint(note.replace("think", "thing"), vkey)


def test_every_changed_character_is_refused(key: LogKey) -> None:
    note = key.sign_checkpoint(42, ROOT)
    for at, old in enumerate(note):
        for new in ("A", "7", "\n", ""):
            if new != old:
                with pytest.raises(LedgerError):
                    verify_checkpoint(note[:at] + new + note[at + 1 :], key.vkey)


def test_another_key_or_log_is_refused(key: LogKey, tmp_path: Path) -> None:
    note = key.sign_checkpoint(42, ROOT)
    stranger = LogKey(Ed25519PrivateKey.generate(), ORIGIN)
    with pytest.raises(LedgerError, match="not signed by the log's key"):
        verify_checkpoint(note, stranger.vkey)
    other = LogKey.load_or_create(tmp_path / "keys" / "log.pem", "msp.example/offboard/zenith")
    with pytest.raises(LedgerError, match="not signed by the log's key"):
        verify_checkpoint(note, other.vkey)
    forged = key.sign_checkpoint(42, ROOT).split("\n\n")[0] + "\n\n" + stranger.sign_checkpoint(42, ROOT).split("\n\n")[1]
    with pytest.raises(LedgerError, match="not signed by the log's key"):
        verify_checkpoint(forged, key.vkey)


def test_other_signatures_are_ignored_beside_ours(key: LogKey) -> None:
    witness = LogKey(Ed25519PrivateKey.generate(), "successor.example/witness")
    line = f"\u2014 {witness.origin} {base64.b64encode(b'abcd' + bytes(72)).decode()}\n"
    text, ours = key.sign_checkpoint(42, ROOT).split("\n\n")
    assert verify_checkpoint(f"{text}\n\n{line}{ours}", key.vkey).size == 42
    assert verify_checkpoint(f"{text}\n\n{ours}{line}", key.vkey).size == 42


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n042\nROOT\n",
        f"{ORIGIN}\n-1\nROOT\n",
        f"{ORIGIN}\n\u0664\u0662\nROOT\n",
        f"{ORIGIN}\n42\n\n",
        f"{ORIGIN}\n42\nAAAA\n",
        f"{ORIGIN}\n42\n",
        f"{ORIGIN}\n42\nROOT\n\nmore\n",
        "msp.example/offboard/zenith\n42\nROOT\n",
        "\n42\nROOT\n",
    ],
)
def test_a_signed_text_of_another_form_is_no_checkpoint(text: str) -> None:
    private = Ed25519PrivateKey.generate()
    key = LogKey(private, ORIGIN)
    text = text.replace("ROOT", base64.b64encode(ROOT).decode())
    hexed = key.vkey.split("+", 2)[1]
    signature = base64.b64encode(bytes.fromhex(hexed) + private.sign(text.encode())).decode()
    with pytest.raises(LedgerError):
        verify_checkpoint(f"{text}\n\u2014 {ORIGIN} {signature}\n", key.vkey)


def test_lines_after_the_root_are_kept_under_the_signature() -> None:
    private = Ed25519PrivateKey.generate()
    key = LogKey(private, ORIGIN)
    text = f"{ORIGIN}\n42\n{base64.b64encode(ROOT).decode()}\nan extension\n"
    signature = base64.b64encode(bytes.fromhex(key.vkey.split("+", 2)[1]) + private.sign(text.encode())).decode()
    assert verify_checkpoint(f"{text}\n\u2014 {ORIGIN} {signature}\n", key.vkey).root == ROOT


@pytest.mark.parametrize("vkey", ["", "name", "name+00000000+AAAA", "msp.example/offboard/acme+00000000+" + "AQ" + "A" * 42])
def test_a_damaged_vkey_is_refused(key: LogKey, vkey: str) -> None:
    with pytest.raises(LedgerError, match="verifier key is damaged"):
        verify_checkpoint(key.sign_checkpoint(1, ROOT), vkey)


def test_the_key_is_made_once_and_only_its_owner_may_use_it(key: LogKey, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert LogKey.load_or_create(path, ORIGIN).vkey == key.vkey
    assert [one.name for one in path.parent.iterdir()] == ["log.pem"]
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            LogKey.load_or_create(path, ORIGIN)


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "X25519", "-out", path], check=True)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="not an Ed25519 key"):
        LogKey.load_or_create(path, ORIGIN)
    path.write_text("garbage")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        LogKey.load_or_create(path, ORIGIN)
    for origin in ("", "a b", "a+b"):
        with pytest.raises(ConfigurationError, match="origin"):
            LogKey(Ed25519PrivateKey.generate(), origin)


def test_the_key_signs_files_for_ssh_keygen(key: LogKey, tmp_path: Path) -> None:
    signature = key.ssh_signature(b"manifest", "offboard-archive@msp.example")
    assert verify(signature, b"manifest", "offboard-archive@msp.example") == normalise(key.public_line) == key.public_line
    (tmp_path / "sig").write_text(signature)
    (tmp_path / "signers").write_text(f"log@msp.example {key.public_line}\n")
    command = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "log@msp.example", "-n", "offboard-archive@msp.example", "-s", "sig"]
    assert subprocess.run(command, cwd=tmp_path, input=b"manifest", capture_output=True, check=False).returncode == 0
    assert repr(key) == "LogKey(origin='msp.example/offboard/acme')"
