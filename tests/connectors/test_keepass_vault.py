"""Vaults as people keep them: owners in any case, a recycle bin, references, further fields; and vaults that do not open."""

import subprocess
from pathlib import Path

import pytest
from pykeepass import PyKeePass, create_database

from connectors.keepass_vault import KeepassVault
from core.errors import RefusedError
from core.model import Owner

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vault") / "msp.kdbx"
    vault = create_database(str(file), password=PASSPHRASE)
    office = vault.add_group(vault.root_group, "office")
    firewall = vault.add_entry(office, "Firewall", "admin", "fire-pä$$", url="https://10.0.0.1", notes="line one\nline two")
    firewall.set_custom_property("Owner", " Client ")
    firewall.set_custom_property("PIN", "4711", protect=True)
    firewall.add_attachment(vault.add_binary(b"x"), "licence.pdf")
    switch = vault.add_entry(office, "Switch", firewall.ref("username"), firewall.ref("password"))
    switch.set_custom_property("owner", "CLIENT")
    ours = vault.add_entry(vault.root_group, "RMM", "we", "ours-secret", otp="otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ")
    ours.set_custom_property("Owner", "ours")
    thief = vault.add_entry(vault.root_group, "Thief", "x", ours.ref("password"))
    thief.set_custom_property("Owner", "client")
    circle = vault.add_entry(vault.root_group, "Circle", "x", "")
    circle.set_custom_property("Owner", "client")
    circle.password = circle.ref("password")
    vault.add_entry(vault.root_group, "Backup", "b", "p").set_custom_property("Owner", "shared")
    vault.add_entry(vault.root_group, "Unlabelled", "u", "p")
    vault.add_entry(vault.root_group, "Odd", "u", "p").set_custom_property("Owner", "somebody")
    vault.trash_entry(vault.add_entry(vault.root_group, "Old", "u", "p"))
    deep = vault.add_group(vault.recyclebin_group, "old group")
    vault.add_entry(deep, "Older", "u", "p")
    firewall.save_history()
    vault.save()
    return file


@pytest.fixture(scope="module")
def source(path: Path) -> KeepassVault:
    path.with_suffix(".passphrase").write_text(PASSPHRASE)
    fields = {"kind": "keepass_vault", "name": "office-vault", "path": str(path), "passphrase": f"file:{path.with_suffix('.passphrase')}"}
    return KeepassVault.model_validate(fields)


def reference(source: KeepassVault, title: str) -> str:
    return next(one.reference for one in source.credentials() if one.title == title)


def test_credentials_are_listed_with_their_owners_and_without_values(source: KeepassVault) -> None:
    found = source.credentials()
    assert {one.title: one.owner for one in found} == {
        "Backup": Owner.SHARED,
        "Circle": Owner.CLIENT,
        "Firewall": Owner.CLIENT,
        "Odd": None,
        "RMM": Owner.OURS,
        "Switch": Owner.CLIENT,
        "Thief": Owner.CLIENT,
        "Unlabelled": None,
    }
    assert [one.title for one in found] == sorted(one.title for one in found)
    assert {one.username for one in found if one.title == "Switch"} == {"admin"}
    for secret in ("fire-pä$$", "4711", "ours-secret"):
        assert secret not in repr(found)


def test_an_entry_is_revealed_whole(source: KeepassVault) -> None:
    secret = source.reveal(reference(source, "Firewall"))
    assert secret.password == "fire-pä$$"
    assert secret.notes == "line one\nline two\nPIN: 4711\n(attachment licence.pdf stays in the provider's vault)"
    assert "fire" not in repr(secret) + repr(source)
    assert source.reveal(reference(source, "RMM")).otp.endswith("GEZDGNBVGY3TQOJQ")
    assert source.reveal(reference(source, "RMM")).notes == ""


def test_a_reference_to_another_field_is_resolved(source: KeepassVault) -> None:
    assert source.reveal(reference(source, "Switch")).password == "fire-pä$$"


def test_a_reference_to_somebody_elses_secret_is_not_followed(source: KeepassVault) -> None:
    with pytest.raises(RefusedError, match="another owner") as caught:
        source.reveal(reference(source, "Thief"))
    assert "ours-secret" not in str(caught.value)


def test_a_circle_of_references_ends(source: KeepassVault) -> None:
    with pytest.raises(RefusedError, match="circle"):
        source.reveal(reference(source, "Circle"))


def test_an_entry_that_is_gone_is_refused(source: KeepassVault) -> None:
    with pytest.raises(RefusedError, match="no entry"):
        source.reveal("00" * 16)


def test_a_change_to_the_file_is_seen_and_the_file_is_never_written(source: KeepassVault, path: Path) -> None:
    before = path.read_bytes()
    assert "New" not in {one.title for one in source.credentials()}
    assert path.read_bytes() == before
    vault = PyKeePass(str(path), password=PASSPHRASE)
    vault.add_entry(vault.root_group, "New", "n", "p").set_custom_property("Owner", "client")
    vault.save()
    assert "New" in {one.title for one in source.credentials()}
    path.write_bytes(before)


def test_a_vault_made_by_keepassxc_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "real.kdbx"
    make, add = ["db-create", "-q", "-p", file], ["add", "-q", "-u", "me", "-p", file, "Entry"]
    for arguments, typed in ((make, "word\nword\n"), (add, "word\nvälue\n")):
        subprocess.run(["keepassxc-cli", *arguments], input=typed.encode(), check=True, capture_output=True, timeout=60)
    monkeypatch.setenv("VAULT", "word")
    source = KeepassVault.model_validate({"kind": "keepass_vault", "name": "real", "path": str(file), "passphrase": "env:VAULT"})
    (credential,) = source.credentials()
    assert (credential.title, credential.username, credential.owner) == ("Entry", "me", None)
    assert source.reveal(credential.reference).password == "välue"


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), (b"no vault", "no whole"), (b"", "no whole KeePass file")])
def test_what_is_no_vault_is_refused(tmp_path: Path, source: KeepassVault, content: bytes | None, words: str) -> None:
    file = tmp_path / "x.kdbx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RefusedError, match=words):
        source.model_copy(update={"path": file}).credentials()


@pytest.mark.parametrize("change", ["cut", "flip"])
def test_a_damaged_vault_is_refused(tmp_path: Path, source: KeepassVault, path: Path, change: str) -> None:
    content = bytearray(path.read_bytes())
    if change == "cut":
        del content[len(content) // 2 :]
    else:
        content[-200] ^= 1
    (tmp_path / "x.kdbx").write_bytes(bytes(content))
    with pytest.raises(RefusedError):
        source.model_copy(update={"path": tmp_path / "x.kdbx"}).credentials()


def test_a_wrong_passphrase_is_refused_and_not_repeated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT", "wrong-word")
    fields = {"kind": "keepass_vault", "name": "office-vault", "path": str(path), "passphrase": "env:VAULT"}
    with pytest.raises(RefusedError, match="env:VAULT") as caught:
        KeepassVault.model_validate(fields).credentials()
    assert "wrong-word" not in str(caught.value)
