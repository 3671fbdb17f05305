"""A simulated recipient, client or successor: opens what it was given, finds the two codes, and signs the receipt.

With stock tools (age, zstd, tar, keepassxc-cli, ssh-keygen) where they are installed, else with libraries for the same formats.
"""

import csv
import io
import shutil
import subprocess
from pathlib import Path

from pykeepass import PyKeePass

from connectors.folder import FolderStore
from core.archive.extract import extract
from core.archive.receipt_code import receipt_code
from core.handover import PACKAGE, RECEIPT_TITLE, open_package
from core.model import Party
from core.signatures.sshsig import sign

AGE_TOOLS = ("age", "zstd", "tar")


SIGNERS = {Party.CLIENT: "client-director", Party.SUCCESSOR: "successor-signer"}


class Recipient:
    """Acme Dental or Harbour IT, at its own desk: a folder to work in, its own keys, and what was delivered."""

    def __init__(self, party: Party, desk: Path, keys: Path, archive: Path, handover: Path) -> None:
        self.desk, self.archive, self.handover = desk, archive, handover
        self.identity, self.signer = keys / f"{party}.txt", keys / SIGNERS[party]
        self.used: list[str] = []
        desk.mkdir(parents=True)

    def open_archive(self) -> str:
        """Extract every volume and return the code from inside."""
        target = self.desk / "archive"
        target.mkdir()
        if all(shutil.which(tool) for tool in AGE_TOOLS):
            self.used.append("archive: age, zstd, tar, sha256sum")
            subprocess.run(["sha256sum", "--quiet", "-c", "manifest-sha256.txt"], cwd=self.archive, check=True)
            for volume in sorted((self.archive / "data").glob("*.tar.zst.age")):
                self._unpack(volume, target)
            return next(target.glob("*/RECEIPT-CODE.txt")).read_text(encoding="ascii").strip()
        self.used.append("archive: our own reader (age, zstd or tar is not installed)")
        extract(FolderStore(path=self.archive), [self.identity], target)
        return receipt_code(FolderStore(path=self.archive), [self.identity])

    def open_package(self, passphrase_age: bytes) -> tuple[str, int]:
        """Open package and vault; returns the code from inside the vault and how many credentials there are besides it."""
        target = self.desk / "package"
        target.mkdir()
        if all(shutil.which(tool) for tool in AGE_TOOLS):
            self.used.append("package: age, zstd, tar")
            self._unpack(self.handover / PACKAGE, target)
            vault = next(target.glob("*/data/04-credentials/vault.kdbx")).read_bytes()
        else:
            self.used.append("package: our own reader (age, zstd or tar is not installed)")
            with (self.handover / PACKAGE).open("rb") as ciphertext:
                vault = open_package(ciphertext, [self.identity])["04-credentials/vault.kdbx"]
        return self._open_vault(vault, self._decrypt(passphrase_age).decode().strip())

    def accounts(self, source: str) -> int:
        """Count the accounts that the archive names, once it is open, of a tenant that was exported under this name."""
        (table,) = (self.desk / "archive").glob(f"*/data/{source}/configuration/users.csv")
        with table.open(encoding="utf-8-sig", newline="") as rows:
            return sum(1 for _ in csv.DictReader(rows))

    def sign_receipt(self, archive_code: str, package_code: str, credentials: int, principal: str, namespace: str) -> Path:
        """Fill in the receipt template and sign it."""
        text = (self.handover / "receipt-template.txt").read_text(encoding="utf-8")
        lines = [line.partition(": ") for line in text.splitlines()]
        filled = {"principal": principal, "archive-code": archive_code, "package-code": package_code, "credentials": str(credentials)}
        receipt = self.desk / "receipt.txt"
        receipt.write_text("".join(f"{key}{colon}{filled.get(key, value)}\n" for key, colon, value in lines), encoding="utf-8")
        key = self.signer
        if shutil.which("ssh-keygen"):
            self.used.append("receipt: ssh-keygen -Y sign")
            subprocess.run(
                ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(key), str(receipt)], check=True, capture_output=True
            )
        else:
            self.used.append("receipt: our own signer (ssh-keygen is not installed)")
            receipt.with_name("receipt.txt.sig").write_text(sign(key.read_bytes(), receipt.read_bytes(), namespace), encoding="ascii")
        return receipt

    def _unpack(self, package: Path, target: Path) -> None:
        age = subprocess.Popen(["age", "-d", "-i", str(self.identity), str(package)], stdout=subprocess.PIPE)
        zstd = subprocess.Popen(["zstd", "-dcq"], stdin=age.stdout, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "--no-same-owner"], cwd=target, stdin=zstd.stdout, check=True)
        if age.wait() or zstd.wait():
            raise RuntimeError(f"{package} does not open with age and zstd")

    def _decrypt(self, ciphertext: bytes) -> bytes:
        if shutil.which("age"):
            return subprocess.run(["age", "-d", "-i", str(self.identity)], input=ciphertext, capture_output=True, check=True).stdout
        from core.handover.sealing import unseal  # noqa: PLC0415 - only where age is missing

        plain = io.BytesIO()
        unseal(io.BytesIO(ciphertext), plain, [self.identity])
        return plain.getvalue()

    def _open_vault(self, vault: bytes, passphrase: str) -> tuple[str, int]:
        path = self.desk / "vault.kdbx"
        path.write_bytes(vault)
        if shutil.which("keepassxc-cli"):
            self.used.append("vault: keepassxc-cli")
            code = self._keepassxc("show", "-s", "-a", "Password", str(path), RECEIPT_TITLE, passphrase=passphrase)
            listed = self._keepassxc("ls", "-R", "-f", str(path), passphrase=passphrase).splitlines()
            return code.strip(), sum(1 for line in listed if line and not line.endswith("/")) - 1
        self.used.append("vault: pykeepass (keepassxc-cli is not installed)")
        opened = PyKeePass(io.BytesIO(vault), password=passphrase)
        titles = {entry.title: entry for entry in opened.entries}
        return str(titles[RECEIPT_TITLE].password), len(opened.entries) - 1

    @staticmethod
    def _keepassxc(*words: str, passphrase: str) -> str:
        command = ["keepassxc-cli", words[0], "-q", *words[1:]]
        return subprocess.run(command, input=passphrase + "\n", capture_output=True, text=True, check=True).stdout
