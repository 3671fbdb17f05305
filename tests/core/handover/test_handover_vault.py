"""The vault is opened by KeePassXC itself, and shows the very values."""

import base64
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import HeldError
from core.handover import RECEIPT_TITLE, VaultEntry, new_passphrase, write_vault
from core.model import Credential, Owner

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
CODE = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
PASSPHRASE = new_passphrase()
SECRET = 'pä$$ "wörd" <&> \' 🔑'
NOTES = "first line\nzweite Zeile\r\n\n\tlast: 漢字"
ENTRIES = (
    VaultEntry(title="Firewall", username="admin", password=SECRET, url="https://10.0.0.1/", notes=NOTES, reference="1", source="office"),
    VaultEntry(title="Firewall", username="admin", password="other", reference="2", source="office"),
    VaultEntry(
        title="Mail", username="postmaster", password="p", otp="otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ", reference="3", source="cloud"
    ),
)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vault") / "vault.kdbx"
    path.write_bytes(write_vault(ENTRIES, PASSPHRASE, CODE, NOW))
    return path


def keepassxc(vault: Path, command: str, *options: str, entry: str = "") -> str:
    done = subprocess.run(
        ["keepassxc-cli", command, "-q", *options, str(vault), *([entry] if entry else [])],
        input=PASSPHRASE.encode() + b"\n",
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode()


def test_keepassxc_lists_the_code_first_and_a_group_for_each_source(vault: Path) -> None:
    assert keepassxc(vault, "ls").splitlines() == [RECEIPT_TITLE, "cloud/", "office/"]
    assert keepassxc(vault, "ls", entry="office").splitlines() == ["Firewall", "Firewall"]
    assert keepassxc(vault, "show", "-s", "-a", "Password", entry=RECEIPT_TITLE) == CODE + "\n"


def test_keepassxc_shows_the_very_values(vault: Path) -> None:
    attributes = [word for name in ("Title", "UserName", "Password", "URL", "Notes") for word in ("-a", name)]
    shown = keepassxc(vault, "show", "-s", *attributes, entry="office/Firewall")
    assert shown == f"Firewall\nadmin\n{SECRET}\nhttps://10.0.0.1/\n{NOTES}\n"
    assert len(keepassxc(vault, "show", "-t", entry="cloud/Mail").strip()) == 6


def test_every_date_is_the_one_given(vault: Path) -> None:
    exported = keepassxc(vault, "export", "-f", "xml")
    dates = set(re.findall(r"<(?:\w+Time|\w+Changed)>([^<]+)<", exported))
    seconds = {int.from_bytes(base64.b64decode(one), "little") for one in dates}  # since the year 1 (KDBX 4)
    assert seconds == {int((NOW - datetime(1, 1, 1, tzinfo=UTC)).total_seconds())}
    assert "2020" not in exported


def test_the_file_is_kdbx_4_with_argon2(vault: Path) -> None:
    info = keepassxc(vault, "db-info")
    assert "AES" in info
    assert "Argon2" in info


def test_what_no_vault_can_carry_is_named_without_its_value() -> None:
    with pytest.raises(HeldError, match="Broken") as caught:
        write_vault([VaultEntry(title="Broken", password="hidden\x00word")], PASSPHRASE, CODE, NOW)
    assert "hidden" not in str(caught.value)


def test_an_entry_hides_its_values() -> None:
    shown = repr(ENTRIES[0])
    assert SECRET not in shown
    assert "zweite" not in shown
    assert "Firewall" in shown


@pytest.mark.parametrize("owner", [None, Owner.OURS, Owner.SHARED])
def test_only_the_clients_own_becomes_an_entry(owner: Owner | None) -> None:
    with pytest.raises(HeldError, match="not the client's"):
        VaultEntry.of(Credential(source="v", reference="1", title="T", owner=owner), ENTRIES[0])


def test_a_passphrase_has_160_bits() -> None:
    passphrase = new_passphrase()
    assert len(passphrase.replace("-", "")) * 5 == 160
    assert passphrase != new_passphrase()
