"""The promises of ports, kept by what reads and writes local files: a vault, a folder of documents, a register, a store."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from pykeepass import PyKeePass, create_database

from connectors.folder import FolderDocuments, FolderStore
from connectors.keepass_vault import KeepassVault
from connectors.register_file import RegisterFile
from core.model import ObligationSide
from tests.contracts.archive_store import ArchiveStoreContract
from tests.contracts.credential_source import CredentialSourceContract
from tests.contracts.document_source import DocumentSourceContract
from tests.contracts.obligation_source import ObligationSourceContract

PASSPHRASE = "opens-the-vault-9"
NOTE = "the spare key lies under the mat"
ENTRIES = {
    "Firewall": ("wurzel-kanal-7", "client"),
    "Agent": ("not-yours-3", "ours"),
    "Relay": ("of-many-5", "shared"),
    "Odd": ("whose-8", ""),
}
DOCUMENTS = {
    "00-control/a.md": b"who administers",
    "00-control-b.md": b"sorts before",
    "z.md": b"",
    "10-runbooks/größe.md": b"how it starts",
}
REGISTER = """\
- {id: zinc, owed_by: ours, what: return the spare firewall, due: 2026-11-30}
- {id: invoice, owed_by: clients, what: invoice 1042}
- {id: said-only, owed_by: ours, what: delete the backups, settled: 2026-11-01}
- {id: settled, owed_by: ours, what: last report, settled: 2026-11-01, evidence: mail of that day}
"""
MISTAKES = (
    b"",
    b"no: list",
    b"- [",
    b"\xff\xfe",
    b"- {id: x, owed_by: ours, what: y, password: s3cret-word}",
    b"- {id: x, owed_by: s3cret-word}",
)


def stored(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    """Mode, mtime and bytes of everything below a folder."""
    found = {path: path.lstat() for path in (folder, *folder.rglob("*"))}
    return {path: (seen.st_mode, seen.st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path, seen in found.items()}


@dataclass(kw_only=True)
class Files:
    """Some files in a folder of their own."""

    folder: Path

    def state(self) -> dict[Path, tuple[int, int, bytes]]:
        return stored(self.folder)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vault") / "vault.kdbx"
    made: PyKeePass = create_database(str(path), password=PASSPHRASE)
    for title, (password, owner) in ENTRIES.items():
        made.add_entry(made.root_group, title, "admin", password, notes=NOTE).set_custom_property("Owner", owner)
    made.save()
    return path


@dataclass(kw_only=True)
class Vault(Files):
    source: KeepassVault
    passwords: dict[str, str]
    secrets: tuple[str, ...]

    def broken(self) -> tuple[KeepassVault, ...]:
        whole = self.source.path.read_bytes()
        (self.folder / "garbage").write_bytes(b"no vault")
        (self.folder / "cut").write_bytes(whole[:-100])
        (self.folder / "altered").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (self.folder / "wrong-passphrase").write_text("another-word-2")
        places = [self.folder / name for name in ("absent", "garbage", "cut", "altered", ".")]
        keys = [f"file:{self.folder / name}" for name in ("wrong-passphrase", "no-passphrase")]
        return (*(vault_at(path, self.source.passphrase) for path in places), *(vault_at(self.source.path, key) for key in keys))


def vault_at(path: Path, passphrase: str) -> KeepassVault:
    return KeepassVault.model_validate({"kind": "keepass_vault", "name": "vault", "path": path, "passphrase": passphrase})


class TestKeepassVault(CredentialSourceContract):
    """The promises of every credential source."""

    @pytest.fixture
    def world(self, tmp_path: Path, vault: Path) -> Vault:
        shutil.copy(vault, tmp_path / "vault.kdbx")
        (tmp_path / "passphrase").write_text(PASSPHRASE)
        passwords = {title: password for title, (password, _) in ENTRIES.items()}
        source = vault_at(tmp_path / "vault.kdbx", f"file:{tmp_path / 'passphrase'}")
        return Vault(folder=tmp_path, source=source, passwords=passwords, secrets=(*passwords.values(), PASSPHRASE, NOTE, "another-word-2"))


@dataclass(kw_only=True)
class Documents(Files):
    source: FolderDocuments
    contents: dict[str, bytes]

    def change(self, path: str) -> None:
        place = self.folder / path
        before = place.stat()
        place.write_bytes(place.read_bytes()[::-1])
        os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))

    def broken(self) -> tuple[FolderDocuments, ...]:
        (self.folder / "loop").symlink_to("loop")
        return tuple(FolderDocuments(name="docs", path=self.folder / name) for name in ("absent", "z.md", "z.md/below", "loop"))


class TestFolderDocuments(DocumentSourceContract):
    """The promises of every document source."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Documents:
        for name, content in DOCUMENTS.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
        (tmp_path / "link.md").symlink_to("/etc/passwd")
        return Documents(folder=tmp_path, source=FolderDocuments(name="docs", path=tmp_path), contents=DOCUMENTS)


@dataclass(kw_only=True)
class Register(Files):
    source: RegisterFile
    open: dict[str, ObligationSide]
    secrets: tuple[str, ...] = ("s3cret-word",)

    def nothing_owed(self) -> RegisterFile:
        (self.folder / "nothing.yaml").write_text("[]\n")
        return register_at(self.folder / "nothing.yaml")

    def broken(self) -> tuple[RegisterFile, ...]:
        for number, text in enumerate(MISTAKES):
            (self.folder / f"mistake-{number}").write_bytes(text)
        (self.folder / "loop").symlink_to("loop")
        names = ("absent", ".", "loop", "register.yaml/below", *(f"mistake-{number}" for number in range(len(MISTAKES))))
        return tuple(register_at(self.folder / name) for name in names)


def register_at(path: Path) -> RegisterFile:
    return RegisterFile(kind="register_file", name="register", path=path)


class TestRegisterFile(ObligationSourceContract):
    """The promises of every obligation source."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Register:
        (tmp_path / "register.yaml").write_text(REGISTER)
        owed = {"zinc": ObligationSide.OURS, "invoice": ObligationSide.CLIENTS, "said-only": ObligationSide.OURS}
        return Register(folder=tmp_path, source=register_at(tmp_path / "register.yaml"), open=owed)


@dataclass(kw_only=True)
class Store(Files):
    store: FolderStore
    secrets: tuple[str, ...] = ()

    def leading_elsewhere(self) -> tuple[str, ...]:
        (self.store.path / "way-out").symlink_to(self.folder / "elsewhere")
        names = ("../elsewhere/theirs", "../elsewhere/new", "a/../../elsewhere/new", f"{self.folder}/elsewhere/new", "", ".", "..")
        return (*names, "way-out/theirs", "way-out/new", "way-out/deeper/new")

    def broken(self) -> tuple[FolderStore, ...]:
        (self.folder / "loop").symlink_to("loop")
        (self.folder / "gone").symlink_to("unmounted")
        return tuple(FolderStore(path=self.folder / name) for name in ("elsewhere/theirs", "elsewhere/theirs/below", "loop", "gone"))


class TestFolderStore(ArchiveStoreContract):
    """The promises of every archive store."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Store:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere/theirs").write_bytes(b"theirs")
        (tmp_path / "store").mkdir()
        return Store(folder=tmp_path, store=FolderStore(path=tmp_path / "store"))
