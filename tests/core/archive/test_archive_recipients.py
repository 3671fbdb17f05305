"""Keys that cannot be used are refused early, in words, and never repeated."""

import subprocess
from pathlib import Path

import pyrage
import pytest

from core.archive.recipients import check_recipient
from core.errors import ConfigurationError

from .archive_workshop import Workshop, age_key


def ssh_key(folder: Path, kind: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "ann@example.com", "-f", str(folder / kind)], check=True)
    return folder / kind


def test_good_keys_get_one_spelling(tmp_path: Path) -> None:
    age = age_key(tmp_path / "key")
    assert check_recipient(f"  {age}\n") == age
    for kind in ("ed25519", "rsa"):
        line = ssh_key(tmp_path, kind).with_suffix(".pub").read_text()
        assert check_recipient(line) == " ".join(line.split()[:2])


def test_bad_keys_are_refused_with_what_to_ask_for(tmp_path: Path) -> None:
    ecdsa = ssh_key(tmp_path, "ecdsa").with_suffix(".pub").read_text()
    cases = {
        ecdsa: "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com AAAA": "cannot encrypt to this kind",
        "age1yubikey1qqqq": "plugins",
        "ssh-ed25519 AAAA": "copied whole",
        "ssh-ed25519": "copied whole",
        "age1qqqq": "copied whole",
        "": "copied whole",
        "ssh-dss AAAA": "DSA",
    }
    for text, words in cases.items():
        with pytest.raises(ConfigurationError, match=words):
            check_recipient(text)


def test_a_private_key_pasted_by_mistake_is_never_repeated(tmp_path: Path) -> None:
    age_key(tmp_path / "key")
    for secret in ((tmp_path / "key").read_text().splitlines()[-1], ssh_key(tmp_path, "ed25519").read_text()):
        with pytest.raises(ConfigurationError, match="PRIVATE") as caught:
            check_recipient(secret)
        assert secret[20:40] not in str(caught.value) + repr(caught.value)


def test_the_same_recipient_twice_counts_once(workshop: Workshop) -> None:
    workshop.write(recipients=[workshop.recipient, workshop.recipient + " "])
    assert len((workshop.out / "recipients.txt").read_text().splitlines()) == 1


def test_a_plain_key_that_merely_begins_like_another_kind_is_taken() -> None:
    # One age key in a thousand begins with age1pq: only the whole prefix age1pq1 names the post-quantum kind (BIP 173: no 1 in the data).
    key = next(one for one in (str(pyrage.x25519.Identity.generate().to_public()) for _ in range(100_000)) if one.startswith("age1pq"))
    assert check_recipient(key) == key
