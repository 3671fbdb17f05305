"""The files of an evidence bundle: which there are, and reading them safely, no link and nothing endless (part of verify.py)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

LONGEST_ENTRY, LONGEST_FILE = 65_535, 1 << 26
RECORD = {"ledger.jsonl", "checkpoint", "log.vkey", "log.pub.pem", "log-keys.tsv", "anchors.tsv", "allowed_signers"}
WHOLE = {
    "engagement.json",
    "plan.json",
    "personal.tsv",
    "summary.json",
    "answers.json",
    "certificate.dsse.json",
    "review.html",
    "report.pdf",
}
PART = {"leaves.txt", "shown.txt"}
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9@._+/-]*")
KEY_TYPE = r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
WHO, WHAT_FOR = r'(?P<principal>[^@\s,*?!"#]+@[^@\s,*?!"]+)', r'namespaces="(?P<namespaces>[a-z0-9.@,-]+)"'
LIMITS = r'(?:,valid-after="(?P<after>\d{14})Z")?(?:,valid-before="(?P<before>\d{14})Z")?'
ARMOR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?")
TOUCHED, UNLOCKED = 1, 4
SIGNER = re.compile(rf"{WHO} {WHAT_FOR}{LIMITS} (?P<key>{KEY_TYPE} [A-Za-z0-9+/]+={{0,2}})")


class Bad(Exception):  # noqa: N818 - reads as the verdict that it is
    """A check failed; the text says what was found."""


class Unable(Exception):  # noqa: N818 - the same
    """A check cannot be made on this machine."""


def need(holds: bool, found: str) -> None:
    """Fail the check, saying what was found, unless something holds."""
    if not holds:
        raise Bad(found)


def canonical(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Spell JSON in the one way that is hashed and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fingerprint(key: str) -> str:
    """Name an OpenSSH public key as ssh-keygen -l does."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()).decode().rstrip("=")


def flags(signature: str) -> int:
    """Read what a hardware key signed about its use (OpenSSH's PROTOCOL.u2f): whether it was TOUCHED, and UNLOCKED by PIN or fingerprint.

    Of any other key TOUCHED alone, and nothing of what is no SSH signature. Whether it holds is not checked here.
    """
    match = ARMOR.fullmatch(signature)
    try:
        blob = base64.b64decode(match[1].replace("\n", "")) if match else b""
    except ValueError:
        blob = b""
    if blob[:6] != b"SSHSIG":
        return 0
    return blob[-5] if blob[18:21] == b"sk-" else TOUCHED  # the key's type; at the end are one byte of flags, and four of a counter


def statement_name(number: int, purpose: str, principal: str) -> str:
    """Name the file that repeats a signed statement."""
    return f"data/statements/{number}-{purpose}-{re.sub(r'[^A-Za-z0-9@._+-]|[.](?=[.]|$)', '_', principal)}.txt"


def anchor_line(entry: dict[str, Any]) -> str:
    """Say in a line of anchors.tsv what an entry of kind anchor says: for verify.sh, which cannot read JSON."""
    data = entry["data"]
    documents = [data["checkpoint-document"], data.get("token-document", "-"), data.get("roots-document", "-")]
    return "\t".join([str(entry["number"]), data["how"], str(data["size"]), *documents, " ".join(data["by"].split())]) + "\n"


def key_line(entry: dict[str, Any]) -> str:
    """Say in a line of log-keys.tsv what an entry of kind rotation says, likewise."""
    return f"{entry['number']}\t{entry['data']['old-vkey']}\t{entry['data']['new-vkey']}\n"


def documents_of(value: Any) -> set[str]:  # noqa: ANN401 - whatever JSON can hold
    """Find the digests of all documents that an entry's data refers to."""
    if not isinstance(value, (dict, list)):
        return set()
    named = value.items() if isinstance(value, dict) else [("", one) for one in value]
    here = {one for key, one in named if isinstance(one, str) and (key == "document" or key.endswith("-document"))}
    return here.union(*(documents_of(one) for _, one in named))


class Bag:
    """The files of one bundle (a BagIt bag, RFC 8493), and what they hold. In a redacted one, entries are missing from the ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def path(self, name: str) -> Path:
        """Find a regular file that is reached without a link."""
        here = self.folder
        for part in name.split("/") if NAME.fullmatch(name) else [".."]:
            here = here / part
            need(part != ".." and not here.is_symlink(), f"{name}: a link, or a name that is not ours")
        need(here.is_file(), f"{name}: missing")
        return here

    def read(self, name: str) -> bytes:
        """Read a small file whole."""
        with self.path(name).open("rb") as file:
            body = file.read(LONGEST_FILE + 1)
        need(len(body) <= LONGEST_FILE, f"{name}: larger than 64 MiB")
        return body

    def sha256(self, name: str) -> str:
        """Sum a file of any size."""
        digest = hashlib.sha256()
        with self.path(name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def document(self, digest: str) -> bytes:
        """Read a document to which an entry refers."""
        return self.read(f"data/documents/{digest}")

    def names(self, below: str = "") -> set[str]:
        """List the files whose names begin so, and refuse whatever is neither a file nor a folder."""
        there = {one.relative_to(self.folder).as_posix(): one for one in self.folder.rglob("*")}
        for name, one in there.items():
            need(not one.is_symlink() and (one.is_file() or one.is_dir()), f"{name}: neither a file nor a folder")
        return {name for name, one in there.items() if one.is_file() and name.startswith(below)}

    def manifest(self, name: str) -> dict[str, str]:
        """Read a BagIt manifest: file name -> SHA-256."""
        found: dict[str, str] = {}
        for line in self.read(name).decode().split("\n")[:-1]:
            digest, name_there = line[:64], line[66:]
            ours = re.fullmatch(r"[0-9a-f]{64}  .+", line) and NAME.fullmatch(name_there) and name_there not in found
            need(bool(ours), f"{name}: a line that is not ours: {line}")
            found[name_there] = digest
        return found

    def has(self, name: str) -> bool:
        """Tell whether there is something of this name."""
        return (self.folder / name).exists()

    @cached_property
    def redacted(self) -> bool:
        """Tell whether the bundle withholds entries: it then lists the hash of every entry."""
        return self.has("data/leaves.txt")

    def has_a_place_for(self, name: str) -> bool:
        """Tell whether a bundle has a payload file of this name: nothing may stand beside the record, even if the log's key signed it."""
        folders = ("data/documents/", "data/statements/", *(["data/proofs/"] if self.redacted else []))
        return name.startswith(folders) or name in {f"data/{one}" for one in RECORD | (PART if self.redacted else WHOLE)}

    @cached_property
    def lines(self) -> list[bytes]:
        """Read the ledger, one entry a line, without the line ends."""
        found: list[bytes] = []
        with self.path("data/ledger.jsonl").open("rb") as file:
            while line := file.readline(LONGEST_ENTRY + 2):
                need(line.endswith(b"\n"), f"line {len(found) + 1} of the ledger is cut off or longer than {LONGEST_ENTRY} bytes")
                found.append(line[:-1])
        return found

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """Parse the ledger; each line has to be the one canonical spelling of its entry, and holds no float."""
        found = []
        for number, line in enumerate(self.lines, 1):
            entry = json.loads(line.decode(), parse_float=str, parse_constant=str)
            ours = canonical(entry) == line and isinstance(entry["data"], dict) and type(entry["number"]) is int
            need(ours, f"line {number} of the ledger is not an entry in canonical JSON")
            found.append(entry)
        return found

    @cached_property
    def leaves(self) -> list[bytes]:
        """List the hash of every entry, shown or withheld (RFC 6962: SHA-256 over 0x00 and the line)."""
        if not self.redacted:
            return [hashlib.sha256(b"\x00" + line).digest() for line in self.lines]
        listed = self.read("data/leaves.txt").decode().split("\n")
        need(listed.pop() == "" and all(re.fullmatch("[0-9a-f]{64}", one) for one in listed), "leaves.txt: a line that is not ours")
        return [bytes.fromhex(one) for one in listed]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Pick the entries of one kind, in their order."""
        return [one for one in self.entries if one["kind"] == kind]

    @cached_property
    def unlocking(self) -> set[str]:
        """Name those whose signatures count only by a hardware key that asked for PIN or fingerprint. A redacted bundle does not say."""
        people = [] if self.redacted else json.loads(self.read("data/engagement.json"))["people"]
        return {one["principal"] for one in people if one["verify_required"]}

    def counts(self, statement: dict[str, Any]) -> bool:
        """Tell whether a signed statement shows PIN or fingerprint where that is asked for; else it counts as not given."""
        return statement["data"]["principal"] not in self.unlocking or bool(flags(statement["data"]["signature"]) & UNLOCKED)

    @cached_property
    def signers(self) -> list[re.Match[str]]:
        """Read who may sign, for what, by which key and from when until when. No key may stand for two people, who would be one hand."""
        found: list[re.Match[str]] = []
        owners: dict[str, str] = {}
        for line in self.read("data/allowed_signers").decode().split("\n")[:-1]:
            match = SIGNER.fullmatch(line)
            if not match:
                raise Bad(f"allowed_signers: a line that is not ours: {line}")
            owner = owners.setdefault(match["key"], match["principal"])
            need(owner == match["principal"], f"the same key stands for two people: {owner}, {match['principal']}")
            found.append(match)
        return found
