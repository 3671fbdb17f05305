"""A package is opened with age, zstd, tar, bagit and KeePassXC, as its readers do."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import bagit
import pyrage
import pytest
import zstandard

from connectors.folder import FolderStore
from core.errors import ArchiveError, ConfigurationError, HeldError
from core.handover import PACKAGE, RECEIPT_TITLE, Package, PackageRequest, build_package, deliver, derive_code, divide, open_package, stage
from core.handover.sealing import unseal
from core.handover.sections import SECTIONS
from core.model import Credential, Engagement, Owner

MakeRequest = Callable[..., PackageRequest]
Member = tuple[tarfile.TarInfo, bytes]
DOCUMENTS = [
    ("01-network/plan.svg", b"<svg/>"),
    ("restart the server.md", b"# Restart\n"),
    ("../../etc/passwd", b"x"),
    ("08-backups/a:b%41\n.txt", b"odd"),
    ("04-credentials/vault.kdbx", b"not the vault"),
    ("01-network/PLAN.svg", b"another"),
    ("07-old certificates/list.csv", b"cn"),
    ("15-not-transferred.md", b"Also kept: the demo switch.\n"),
    ("CON.txt", b"device"),
    ("/abs\\olute\udcff.txt", b"bytes"),
]


class Built(NamedTuple):
    package: Package
    ciphertext: bytes

    def members(self, identity: Path) -> Mapping[str, bytes]:
        return open_package(io.BytesIO(self.ciphertext), [identity])


@pytest.fixture(scope="module")
def built(request_for: MakeRequest) -> Built:
    package = build_package(request_for(DOCUMENTS))
    return Built(package, package.package.read())


def run(*command: object) -> str:
    return subprocess.run([str(one) for one in command], check=True, capture_output=True, text=True, timeout=60).stdout


def unpack(folder: Path, identity: Path) -> Path:
    """Follow the README, word for word; returns the bag."""
    run("age", "-d", "-i", identity, "-o", folder / "handover.tar.zst", folder / PACKAGE)
    run("zstd", "-q", "-d", folder / "handover.tar.zst")
    run("tar", "-xf", folder / "handover.tar", "-C", folder)
    (bag,) = [one for one in folder.iterdir() if one.is_dir()]
    return bag


def test_the_package_opens_with_stock_tools_for_every_recipient(tmp_path: Path, keys: Path, built: Built) -> None:
    store, package = FolderStore(path=tmp_path / "store"), built.package
    stage(package, tmp_path / "staged")
    deliver(tmp_path / "staged", store)
    deliver(tmp_path / "staged", store)  # twice is fine
    assert set(store.list()) == {PACKAGE, "README.txt", "receipt-template.txt", "handover.json"}
    for identity in ("client.txt", "successor"):
        folder = tmp_path / identity
        folder.mkdir()
        shutil.copy(tmp_path / "store" / PACKAGE, folder / PACKAGE)
        (folder / "p.age").write_bytes(package.passphrase_age)
        bag = unpack(folder, keys / identity)
        bagit.Bag(str(bag)).validate()
        run("env", "-C", bag, "sha256sum", "-c", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt")
        passphrase = run("age", "-d", "-i", keys / identity, folder / "p.age")
        vault = bag / "data/04-credentials/vault.kdbx"
        shown = subprocess.run(
            ["keepassxc-cli", "show", "-q", "-s", "-a", "Password", str(vault), RECEIPT_TITLE],
            input=passphrase.encode(), capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        assert shown.stdout.decode().strip() == derive_code(b"secret", "package", "plan")
    facts = json.loads((tmp_path / "store" / "handover.json").read_bytes())
    assert facts == package.facts
    assert facts["package_sha256"] == hashlib.sha256((tmp_path / "store" / PACKAGE).read_bytes()).hexdigest()
    assert facts["kdbx_sha256"] == hashlib.sha256(vault.read_bytes()).hexdigest()
    assert facts["credentials"] == 1
    assert facts["recipients"][1] == {"party": "successor", "key": run("ssh-keygen", "-lf", keys / "successor.pub").split()[1]}
    assert facts["commitment"] == hashlib.sha256((facts["salt"] + derive_code(b"secret", "package", "plan")).encode()).hexdigest()


def test_all_sixteen_sections_are_there(keys: Path, built: Built) -> None:
    package, members = built.package, built.members(keys / "client.txt")
    paths = set(members)
    assert {path.partition("/")[0] for path in paths} == {*SECTIONS, "15-not-transferred.md", "MANIFEST.json", "README.txt"}
    assert members["01-network/plan.svg"] == b"<svg/>"
    assert members["01-network/PLAN-2.svg"] == b"another"
    assert members["10-runbooks/restart the server.md"] == b"# Restart\n"
    assert members["10-runbooks/etc/passwd"] == b"x"
    assert members["08-backups/a_b_41_.txt"] == b"odd"
    assert members["04-credentials/vault-2.kdbx"] == b"not the vault"
    assert members["07-certificates/07-old certificates/list.csv"] == b"cn"
    assert members["10-runbooks/_CON.txt"] == b"device"
    assert members["10-runbooks/abs/olute_.txt"] == b"bytes"
    assert members["00-control/systems.md"] == b"# Systems\n"
    assert {path for path in paths if path.endswith("MISSING.md")} == {
        f"{name}/MISSING.md" for name in SECTIONS if name[:2] not in {"00", "01", "04", "07", "08", "10"}
    }
    kept = members["15-not-transferred.md"].decode()
    assert "RMM console: ours" in kept
    assert "the demo switch" in kept
    assert package.facts["sections"]["14-money"] == "missing"
    assert package.facts["sections"]["01-network"] == 2
    listed = {one["path"]: one for one in json.loads(members["MANIFEST.json"])["files"]}
    assert listed.keys() == paths - {"MANIFEST.json"}
    assert listed["08-backups/a_b_41_.txt"]["original"] == "08-backups/a:b%41\n.txt"


def test_no_value_and_no_name_of_a_credential_is_outside_the_vault(keys: Path, built: Built, request_for: MakeRequest) -> None:
    package, members = built.package, built.members(keys / "successor")
    for path, content in members.items():
        assert b"hush-hush" not in content, path
    assert b"office,Firewall,'=admin,,no" in members["04-credentials/credentials.csv"]
    plain = package.handover_json + package.readme + package.receipt_template
    for word in (b"hush-hush", b"Firewall", b"RMM console", derive_code(b"secret", "package", "plan").encode()):
        assert word not in plain
    assert "hush-hush" not in repr(package) + repr(request_for())


def test_a_stranger_opens_nothing(keys: Path, built: Built) -> None:
    with pytest.raises(ArchiveError):
        built.members(keys / "stranger")


def test_the_passphrase_opens_with_our_own_reader_too(keys: Path, built: Built) -> None:
    plain = io.BytesIO()
    unseal(io.BytesIO(built.package.passphrase_age), plain, [keys / "successor"])
    assert len(plain.getvalue().decode().strip().replace("-", "")) == 32


@pytest.mark.parametrize("change", ["flip", "cut"])
def test_an_altered_package_gives_nothing(keys: Path, built: Built, change: str) -> None:
    content = bytearray(built.ciphertext)
    if change == "flip":
        content[len(content) // 2] ^= 1
    else:
        del content[-20:]
    with pytest.raises(ArchiveError):
        open_package(io.BytesIO(bytes(content)), [keys / "client.txt"])


def hostile(keys: Path, *members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    recipient = pyrage.x25519.Recipient.from_str((keys / "client.pub").read_text().strip())
    return io.BytesIO(pyrage.encrypt(zstandard.compress(plain.getvalue()), [recipient]))


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> Member:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = "/etc/passwd" if kind == tarfile.SYMTYPE else ""
    return info, content


@pytest.mark.parametrize(
    "members",
    [
        [member("bag/../../evil")],
        [member("/bag/data/evil")],
        [member("bag/data/link", kind=tarfile.SYMTYPE)],
        [member("bag/data/a\\..\\b")],
        [member("bag/data/a", b"1"), member("bag/data/a", b"2")],
        [member("bag/data/a", b"1")],
        [member("bag/data/a", b"1"), member("bag/manifest-sha256.txt", b"0" * 64 + b"  data/a\n")],
        [member("bag/manifest-sha256.txt", hashlib.sha256(b"1").hexdigest().encode() + b"  data/a\n")],
        [member("bag/data/big", bytes(2000))],
    ],
)
def test_a_hostile_package_is_refused(keys: Path, members: list[Member]) -> None:
    with pytest.raises(ArchiveError):
        open_package(hostile(keys, *members), [keys / "client.txt"], largest=1000)


def test_a_failing_document_source_is_heard(request_for: MakeRequest) -> None:
    def documents() -> Iterator[tuple[str, bytes]]:
        yield "a.md", b"a"
        raise HeldError("the share is gone")

    with pytest.raises(HeldError, match="the share is gone"):
        build_package(request_for(documents()))


def test_a_package_for_nobody_is_not_made(request_for: MakeRequest) -> None:
    with pytest.raises(ConfigurationError):
        build_package(request_for(recipients=()))


def credential(title: str, owner: Owner | None) -> Credential:
    return Credential(source="office", reference=title, title=title, owner=owner)


def test_only_the_clients_credentials_are_packed() -> None:
    packed, withheld = divide([credential("a", Owner.CLIENT), credential("b", Owner.OURS), credential("c", Owner.SHARED)])
    assert [one.title for one in packed] == ["a"]
    assert [one.title for one in withheld] == ["b", "c"]
    assert "rotate" in withheld[1].why


def test_a_credential_without_owner_blocks() -> None:
    with pytest.raises(HeldError, match=r"'b' in office, 'c' in office"):
        divide([credential("a", Owner.CLIENT), credential("b", None), credential("c", None)])


def test_the_readme_says_how_to_sign(built: Built, engagement: Engagement) -> None:
    readme = built.package.readme.decode()
    for word in ("Acme $ Söhne", "-n offboard-acknowledgement@msp.example", "Get-FileHash", "macOS", engagement.recipients[0].age):
        assert word in readme
