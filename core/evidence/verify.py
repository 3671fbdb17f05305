#!/usr/bin/env python3
"""Check the evidence bundle of a client exit: `python3 verify.py [FOLDER] [--keys FILE]`.

FOLDER is the bundle (by default the folder of this script). FILE holds the keys as you received them at kick-off, by
another way than this bundle: the log's verifier key and the lines of allowed_signers (or SHA256 fingerprints).
Needs Python 3.8 or later with its standard library alone; openssl and ssh-keygen check the signatures.
Exit code: 0 all checks OK; 1 a check failed; 2 a check could not be made ("incomplete"), which is not a success.

How it works: data/ledger.jsonl holds the entries, one canonical JSON line each. Their RFC 6962 tree has one root; the
log key signed size and root (data/checkpoint, a C2SP signed note). So no line can be altered, added or taken away
without that key. People's statements inside the entries carry OpenSSH signatures of their own. Then the rules that the
exit promises are checked over the entries, in the order in which they stand. The seal signs all the other files.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Callable, NamedTuple  # noqa: UP035 - Python 3.8 has Callable here alone

LONGEST_ENTRY, LONGEST_FILE, EXECUTIVES_NEEDED = 65_535, 1 << 26, 2
TAG_FILES = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "README.txt", "verify.sh", "verify.py"}
UNLISTED = {"tagmanifest-sha256.txt", "tagmanifest-sha256.txt.sig"}
SCOPES = {"EXPORT": "export", "HAND_OVER": "hand-over", "REVOKE": "revoke"}
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9@._+/-]*")
NOTE = re.compile(r"(([^\n+ ]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n)\n((?:\u2014 [^\n ]+ [A-Za-z0-9+/=]+\n)+)")
PRINCIPAL = r'[^@\s,*?!"#]+@[^@\s,*?!"]+'
KEY_TYPE = r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
SIGNER = re.compile(rf'({PRINCIPAL}) namespaces="([a-z0-9.@,-]+)" ({KEY_TYPE}) ([A-Za-z0-9+/]+={{0,2}})')
CAUTION = "The keys inside a bundle prove nothing by themselves: whoever forges a bundle puts in keys of his own."
OUTCOMES = ("All checks OK.", "FAILED: do not rely on this bundle.", "incomplete: not every check could be made here.")


class Bad(Exception):  # noqa: N818 - reads as the verdict that it is
    """A check failed; the text says what was found."""


class Unable(Exception):  # noqa: N818 - the same
    """A check cannot be made on this machine."""


class Result(NamedTuple):
    """What one check came to: OK, FAIL or INCOMPLETE."""

    status: str
    name: str
    detail: str


class Signer(NamedTuple):
    """One line of allowed_signers: who may sign what with which key."""

    principal: str
    namespaces: tuple[str, ...]
    key: str
    line: str


class Note(NamedTuple):
    """A checkpoint, whole and taken apart, with the key that log.vkey names and that key's signature over the text."""

    whole: str
    vkey: str
    text: bytes
    origin: str
    size: int
    root: bytes
    public: bytes
    signature: bytes


class Bag:
    """The files of one bundle. Nothing outside its folder is read: links are refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.parsed: list[dict[str, Any]] | None = None

    def path(self, name: str) -> Path:
        """Find a regular file that is reached without a link."""
        here = self.folder
        for part in name.split("/") if NAME.fullmatch(name) else [".."]:
            here = here / part
            if part == ".." or here.is_symlink():
                raise Bad(f"{name}: a link, or a name that is not ours")
        if not here.is_file():
            raise Bad(f"{name}: missing")
        return here

    def read(self, name: str) -> bytes:
        """Read a small file whole."""
        with self.path(name).open("rb") as file:
            body = file.read(LONGEST_FILE + 1)
        if len(body) > LONGEST_FILE:
            raise Bad(f"{name}: larger than 64 MiB")
        return body

    def sha256(self, name: str) -> str:
        """Sum a file of any size."""
        digest = hashlib.sha256()
        with self.path(name).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def names(self) -> set[str]:
        """List every file, and refuse whatever is neither a file nor a folder."""
        found = set()
        for one in self.folder.rglob("*"):
            name = one.relative_to(self.folder).as_posix()
            if one.is_symlink() or not (one.is_file() or one.is_dir()):
                raise Bad(f"{name}: neither a file nor a folder")
            if one.is_file():
                found.add(name)
        return found

    def lines(self) -> list[bytes]:
        """Read the ledger, one entry a line, without the line ends."""
        found: list[bytes] = []
        with self.path("data/ledger.jsonl").open("rb") as file:
            while line := file.readline(LONGEST_ENTRY + 2):
                if not line.endswith(b"\n"):
                    raise Bad(f"entry {len(found)} is cut off or longer than {LONGEST_ENTRY} bytes")
                found.append(line[:-1])
        return found

    def entries(self) -> list[dict[str, Any]]:
        """Parse the ledger; each line has to be the one canonical spelling of its entry."""
        if self.parsed is None:
            self.parsed = [_entry(number, line) for number, line in enumerate(self.lines())]
        return self.parsed

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Pick the entries of one kind."""
        return [one for one in self.entries() if one["kind"] == kind]


def _entry(number: int, line: bytes) -> dict[str, Any]:
    entry = json.loads(line.decode(), parse_float=_no_float, parse_constant=_no_float)
    if json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != line:
        raise Bad(f"entry {number} is not canonical JSON")
    if not isinstance(entry, dict) or not isinstance(entry.get("data"), dict):
        raise Bad(f"entry {number} is not a ledger entry")
    return entry


def _no_float(text: str) -> None:
    raise Bad(f"{text[:20]}: a number that is not an integer")


# --- files -------------------------------------------------------------------------------------------------------------


def manifest(bag: Bag, name: str) -> dict[str, str]:
    """Read a BagIt manifest: file name -> SHA-256."""
    found = {}
    for line in bag.read(name).decode().split("\n")[:-1]:
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if not match or not NAME.fullmatch(match[2]) or match[2] in found:
            raise Bad(f"{name}: a line that is not ours: {line}")
        found[match[2]] = match[1]
    return found


def check_files(bag: Bag) -> str:
    """Every file is named in a manifest with the sum that it has, and nothing else is there."""
    payload, tags = manifest(bag, "manifest-sha256.txt"), manifest(bag, "tagmanifest-sha256.txt")
    if set(tags) != TAG_FILES or not all(name.startswith("data/") for name in payload):
        raise Bad("the manifests do not name the files that a bundle has")
    listed, there = {*payload, *tags, *UNLISTED}, bag.names()
    for what, names in (("missing", listed - there), ("foreign", there - listed)):
        if names:
            raise Bad(f"{what}: {', '.join(sorted(names))}")
    wrong = [name for name, digest in {**payload, **tags}.items() if bag.sha256(name) != digest]
    if wrong:
        raise Bad(f"altered: {', '.join(sorted(wrong))}")
    return f"{len(listed)} files, none missing, foreign or altered"


# --- tree and checkpoint -----------------------------------------------------------------------------------------------


def tree_root(leaves: list[bytes]) -> bytes:
    """Compute the Merkle tree hash of RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


def checkpoint(bag: Bag) -> Note:
    """Take the checkpoint apart (C2SP signed-note and tlog-checkpoint) with the key that log.vkey names."""
    whole, vkey = bag.read("data/checkpoint").decode(), bag.read("data/log.vkey").decode().strip()
    match = NOTE.fullmatch(whole)
    name, key_id, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    if not match or match[2] != name:
        raise Bad("the checkpoint is not a signed note of the log that log.vkey names")
    if len(key) != 33 or key[0] != 1 or hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8] != key_id:  # noqa: PLR2004 - type and 32 bytes
        raise Bad("log.vkey is not an Ed25519 verifier key")
    for line in match[5][:-1].split("\n"):
        _, signer, signature = line.split(" ")
        blob = base64.b64decode(signature, validate=True)
        if signer == name and blob[:4].hex() == key_id:
            return Note(whole, vkey, match[1].encode(), name, int(match[3]), base64.b64decode(match[4]), key[1:], blob[4:])
    raise Bad("the checkpoint has no signature by the key in log.vkey")


def check_tree(bag: Bag) -> str:
    """Compare the entries with the checkpoint: they are exactly those whose number and root it states."""
    note, lines = checkpoint(bag), bag.lines()
    if note.size > len(lines):
        raise Bad(f"the checkpoint covers {note.size} entries, more than the {len(lines)} that the ledger holds: it was cut")
    if note.size < len(lines):
        raise Bad(f"the ledger holds {len(lines)} entries, the checkpoint covers {note.size}: entries were added")
    if tree_root([hashlib.sha256(b"\x00" + line).digest() for line in lines]) != note.root:
        raise Bad("the root of the entries is not the one in the checkpoint: an entry was altered, moved or replaced")
    return f"{note.size} entries, root {note.root.hex()}"


def public_pem(public: bytes) -> bytes:
    """Spell an Ed25519 public key as PEM (RFC 8410)."""
    return b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % base64.b64encode(
        bytes.fromhex("302a300506032b6570032100") + public
    )


def ssh_line(public: bytes) -> str:
    """Spell an Ed25519 public key as OpenSSH does (RFC 8709)."""
    return "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + public).decode()


def run(tool: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Call a tool without a shell."""
    if not shutil.which(tool):
        raise Unable(f"{tool} is not installed")
    return subprocess.run([tool, *arguments], input=given, capture_output=True, timeout=60, check=False)


def openssl(note: Note) -> None:
    """Check the log's signature with openssl 3."""
    if b"-rawin" not in run("openssl", "pkeyutl", "-help").stderr:
        raise Unable("this openssl cannot check Ed25519 (pkeyutl -rawin, OpenSSL 3)")
    with tempfile.TemporaryDirectory() as folder:
        key, text, signature = (str(Path(folder, name)) for name in ("key", "text", "signature"))
        for path, body in ((key, public_pem(note.public)), (text, note.text), (signature, note.signature)):
            Path(path).write_bytes(body)
        if run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", text, "-sigfile", signature).returncode:
            raise Bad("the log key did not sign this checkpoint")


def ssh_keygen(message: bytes, signature: str, namespace: str, principal: str, keys: list[str]) -> None:
    """Check an OpenSSH signature by one of a person's keys for one purpose."""
    with tempfile.TemporaryDirectory() as folder:
        allowed, signed = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text("".join(f'{principal} namespaces="{namespace}" {key}\n' for key in keys), encoding="utf-8")
        signed.write_text(signature, encoding="utf-8")
        command = ["-Y", "verify", "-f", str(allowed), "-I", principal, "-n", namespace, "-s", str(signed)]
        if run("ssh-keygen", *command, given=message).returncode:
            raise Bad(f"not signed by {principal} for {namespace}")


# --- people's statements, documents, plan ------------------------------------------------------------------------------


def signers(bag: Bag) -> list[Signer]:
    """Read allowed_signers. No key may stand for two people: two approvals would then be one person's."""
    found = []
    for line in bag.read("data/allowed_signers").decode().split("\n")[:-1]:
        match = SIGNER.fullmatch(line)
        if not match:
            raise Bad(f"allowed_signers: a line that is not ours: {line}")
        found.append(Signer(match[1], tuple(match[2].split(",")), f"{match[3]} {match[4]}", line))
    owners = {one.key: one.principal for one in found}
    shared = [one.principal for one in found if owners[one.key] != one.principal]
    if shared:
        raise Bad(f"the same key stands for two people: {', '.join(shared)}")
    return found


def fingerprint(key: str) -> str:
    """Name an OpenSSH public key as ssh-keygen -l does."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()).decode().rstrip("=")


def namespace(bag: Bag, purpose: str) -> str:
    """Name the purpose that a signature is bound to; our domain is the first part of the log's origin."""
    return f"offboard-{purpose}@{checkpoint(bag).origin.split('/')[0]}"


def statement_name(number: int, purpose: str, principal: str) -> str:
    """Name the file that repeats a signed statement."""
    return f"data/statements/{number}-{purpose}-{re.sub(r'[^A-Za-z0-9@._+-]|[.](?=[.]|$)', '_', principal)}.txt"


def fields(entry: dict[str, Any]) -> dict[str, str]:
    """Read the `key: value` lines of a statement; repeated keys are joined, so that they equal no single value."""
    found: dict[str, str] = {}
    for key, value in (line.split(": ", 1) for line in entry["data"]["text"][:-1].split("\n")[1:]):
        found[key] = f"{found[key]}\n{value}" if key in found else value
    return found


def check_statements(bag: Bag) -> str:
    """Compare the statements' files with the ledger; each says whose and about which engagement it is."""
    files = {name for name in bag.names() if name.startswith("data/statements/")}
    for entry in bag.of_kind("statement"):
        data, purpose = entry["data"], entry["subject"]
        name = statement_name(entry["number"], purpose, data["principal"])
        if bag.read(name) != data["text"].encode() or bag.read(name + ".sig") != data["signature"].encode():
            raise Bad(f"{name} is not what entry {entry['number']} says")
        if hashlib.sha256(data["text"].encode()).hexdigest() != data["text-sha256"]:
            raise Bad(f"entry {entry['number']}: the text has another sum")
        said = fields(entry)
        if data["text"].split("\n")[0] != f"offboard-{purpose}/v1" or (said["client"], said["principal"]) != (
            entry["engagement"],
            data["principal"],
        ):
            raise Bad(f"entry {entry['number']}: the statement is for another purpose, client or person")
        files -= {name, name + ".sig"}
    if files:
        raise Bad(f"not in the ledger: {', '.join(sorted(files))}")
    return f"{len(bag.of_kind('statement'))} signed statements stand in the ledger word for word"


def documents_of(value: Any) -> set[str]:  # noqa: ANN401 - whatever JSON can hold
    """Find the digests of all documents that an entry's data refers to."""
    if isinstance(value, list):
        return {digest for one in value for digest in documents_of(one)}
    if not isinstance(value, dict):
        return set()
    named = {one for key, one in value.items() if isinstance(one, str) and (key == "document" or key.endswith("-document"))}
    return named | {digest for one in value.values() for digest in documents_of(one)}


def check_documents(bag: Bag) -> str:
    """Every document that the ledger refers to is there under its own sum, and no other."""
    wanted = {f"data/documents/{digest}" for entry in bag.entries() for digest in documents_of(entry["data"])}
    there = {name for name in bag.names() if name.startswith("data/documents/")}
    if wanted != there:
        raise Bad(f"missing or not in the ledger: {', '.join(sorted(wanted ^ there))}")
    wrong = [name for name in sorted(there) if bag.sha256(name) != name.split("/")[-1]]
    if wrong:
        raise Bad(f"altered: {', '.join(wrong)}")
    return f"{len(there)} documents, each with the sum that the ledger gives"


def check_plan(bag: Bag) -> str:
    """plan.json is the plan in force, byte for byte what people signed for."""
    drawn = bag.of_kind("plan")
    for entry in drawn:
        if entry["data"]["document"] != entry["data"]["plan-sha256"] or plan_of(bag, entry)["engagement"] != entry["engagement"]:
            raise Bad(f"entry {entry['number']}: the document is not the plan")
    if drawn and bag.sha256("data/plan.json") != drawn[-1]["data"]["plan-sha256"]:
        raise Bad("plan.json is not the plan in force")
    return f"plan.json has the digest {drawn[-1]['data']['plan-sha256']}" if drawn else "no plan was drawn yet"


def plan_of(bag: Bag, entry: dict[str, Any]) -> dict[str, Any]:
    """Load the plan that a PLAN entry saved."""
    plan: dict[str, Any] = json.loads(bag.read(f"data/documents/{entry['data']['document']}"))
    return plan


def subjects(plan: dict[str, Any]) -> set[str]:
    """Name the grants of a plan as the ledger does."""
    return {f"{grant['system']}:{grant['id']}" for grant in plan["grants"]}


# --- what the exit promises, over the entries in their order -------------------------------------------------------------


def check_numbers(bag: Bag) -> str:
    """Entries count from 0, of one engagement; the clock should not go back."""
    entries = bag.entries()
    if [one["number"] for one in entries] != list(range(len(entries))) or len({one["engagement"] for one in entries}) > 1:
        raise Bad("the entries do not count from 0, or are of several engagements")
    times = [instant(one["at"]) for one in entries]
    back = [str(number) for number in range(1, len(times)) if times[number] < times[number - 1]]
    return f"entries 0 to {len(entries) - 1}" + (f"; WARNING: the clock went back before entry {', '.join(back)}" if back else "")


def instant(text: str) -> datetime:
    """Read an RFC 3339 time (Python 3.8 knows no Z)."""
    found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    if found.tzinfo is None:
        raise Bad(f"{text}: a time without a zone")
    return found


def check_order(bag: Bag) -> str:
    """Nothing has a receipt, a failure or a verdict without an earlier intent; the lease's fencing token never goes back."""
    begun, fence = set(), 0
    for entry in bag.entries():
        if entry["kind"] not in {"intent", "receipt", "failed", "verdict"}:
            continue
        key = (entry.get("action"), entry["subject"])
        if entry["kind"] != "intent" and key not in begun:
            raise Bad(f"entry {entry['number']}: a {entry['kind']} without an intent before it")
        token = entry.get("fence")
        if type(token) is not int or token < fence:
            raise Bad(f"entry {entry['number']}: written by a holder whose lease had passed on (fencing token {token} after {fence})")
        fence = token
        begun.add(key)
    return f"{len(begun)} actions, each announced before it was done, by one writer at a time"


def check_approvals(bag: Bag) -> str:
    """Before any export, hand-over or revocation two executives had approved the plan in force."""
    right = namespace(bag, "approval")
    executives = {one.principal for one in signers(bag) if right in one.namespaces}
    plan, begun, signed, acts = "", set(), [], 0
    for entry in bag.entries():
        if entry["kind"] == "plan":
            plan = entry["data"]["plan-sha256"]
        elif entry["kind"] == "statement" and entry["subject"] == "approval" and entry["data"]["principal"] in executives:
            signed.append(fields(entry))
        elif entry["kind"] == "intent" and entry.get("action") in SCOPES:
            # Judged at the first intent of its kind: what was begun under a valid approval may be finished after it ran out.
            at = None if (plan, entry["action"]) in begun else instant(entry["at"])
            begun.add((plan, entry["action"]))
            acts += 1
            if not approved(signed, plan, SCOPES[entry["action"]], at):
                raise Bad(f"entry {entry['number']}: {entry['action']} without two executives' approval of the plan in force ({plan[:12]})")
    return f"{acts} exports, hand-overs and revocations, all after two executives' approval"


def approved(signed: list[dict[str, str]], plan: str, scope: str, at: datetime | None) -> bool:
    """Count distinct people for and against a plan; `at` is when the approvals had to be valid."""
    said: dict[str, set[str]] = {"approve": set(), "rescind": set()}
    for one in signed:
        valid = at is None or instant(one.get("not-before", one["made-at"])) <= at <= instant(one.get("not-after", "9999-01-01T00:00:00Z"))
        if one["plan-sha256"] == plan and scope in one["scope"].split(",") and (valid or one["decision"] != "approve"):
            said[one["decision"]].add(one["principal"])
    return len(said["approve"]) >= EXECUTIVES_NEEDED > len(said["rescind"])


def check_grants(bag: Bag) -> str:
    """Nothing but the grants of the plan in force was revoked."""
    planned: set[str] = set()
    for entry in bag.entries():
        if entry["kind"] == "plan":
            planned = subjects(plan_of(bag, entry))
        elif entry["kind"] == "intent" and entry.get("action") == "REVOKE" and entry["subject"] not in planned:
            raise Bad(f"entry {entry['number']}: {entry['subject']} is not in the plan in force")
    return "no grant was revoked that was not in the approved plan"


def check_closing(bag: Bag) -> str:
    """When the exit was closed, every grant planned or touched had last been seen to be revoked."""
    seen: dict[str, str] = {}
    planned: set[str] = set()
    closed = "the exit is not closed yet"
    for entry in bag.entries():
        kind, action = entry["kind"], entry.get("action")
        if kind == "plan":
            planned = subjects(plan_of(bag, entry))
        elif action == "REVOKE" and kind in {"intent", "verdict"}:
            seen[entry["subject"]] = entry["data"]["state"] if kind == "verdict" else "not looked at"
        elif action == "REINSTATE" and kind == "receipt":
            seen[entry["subject"]] = "reinstated"
        elif kind == "closed":
            states = {one: seen.get(one, "not looked at") for one in sorted(planned | set(seen))}
            still = [f"{one} is {state}" for one, state in states.items() if state != "revoked"]
            if still:
                raise Bad(f"entry {entry['number']}: closed, though {', '.join(still)}")
            closed = f"closed with {len(states)} grants, each last seen to be revoked"
    return closed


# --- keys, and all together ----------------------------------------------------------------------------------------------


def compare_keys(bag: Bag, expected: str) -> str:
    """Compare the bundle's keys with those received by another way: a vkey, allowed_signers lines, fingerprints."""
    lines = [line.strip() for line in expected.splitlines() if line.strip() and not line.startswith("#")]
    vkeys = [line for line in lines if re.fullmatch(r"[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", line)]
    if vkeys and bag.read("data/log.vkey").decode().strip() not in vkeys:
        raise Bad("the log key is not the one that you received")
    strange = [one for one in signers(bag) if not {one.line, fingerprint(one.key), f"{fingerprint(one.key)} {one.principal}"} & set(lines)]
    if len(lines) > len(vkeys) and strange:
        raise Bad("not among the signers that you received: " + ", ".join(f"{one.principal} {fingerprint(one.key)}" for one in strange))
    missing = [what for what, given in (("the log key", vkeys), ("signers", len(lines) > len(vkeys))) if not given]
    if missing:
        raise Unable(f"the file of expected keys holds no {' and no '.join(missing)}")
    return "log key and signers are those that you received"


def key_list(bag: Bag) -> list[str]:
    """List the keys inside the bundle, to be compared with those received at kick-off."""
    try:
        found = [bag.read("data/log.vkey").decode().strip(), *(f"{fingerprint(one.key)} {one.principal}" for one in signers(bag))]
    except Exception:  # noqa: BLE001 - a check has failed already for what is not readable here
        found = ["(not readable)"]
    return [plain(one) for one in found]


def plain(text: str) -> str:
    """Make what comes from a bundle harmless to a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)[:400]


def verify(folder: Path, expected: str | None, note_holds: Callable[[Note], None], ssh_holds: Callable[..., None]) -> list[Result]:
    """Make every check. The two callables check one signature each, and raise Bad or Unable."""
    bag = Bag(folder)

    def log_key() -> str:
        note_holds(checkpoint(bag))
        if bag.read("data/log.pub.pem") != public_pem(checkpoint(bag).public):
            raise Bad("log.pub.pem is another key than log.vkey")
        return "the checkpoint is signed by the key in log.vkey"

    def seal() -> str:
        text, signature = bag.read("tagmanifest-sha256.txt"), bag.read("tagmanifest-sha256.txt.sig").decode()
        ssh_holds(text, signature, namespace(bag, "evidence"), "log@bundle", [ssh_line(checkpoint(bag).public)])
        return "the list of all files is signed by the same key"

    def signatures() -> str:
        for entry in bag.of_kind("statement"):
            data, purpose = entry["data"], namespace(bag, entry["subject"])
            keys = [one.key for one in signers(bag) if one.principal == data["principal"] and purpose in one.namespaces]
            if not keys:
                raise Bad(f"entry {entry['number']}: {data['principal']} may not sign for {purpose}")
            ssh_holds(data["text"].encode(), data["signature"], purpose, data["principal"], keys)
        return f"{len(bag.of_kind('statement'))} signatures by the people in allowed_signers, each for its own purpose"

    over_bag = {"files": check_files, "tree": check_tree, "statements": check_statements, "documents": check_documents, "plan": check_plan}
    rules = {"numbers": check_numbers, "order": check_order, "approvals": check_approvals, "grants": check_grants, "closing": check_closing}
    results = [attempt(name, check) for name, check in (("checkpoint", log_key), ("seal", seal), ("signatures", signatures))]
    results += [attempt(name, partial(check, bag)) for name, check in {**over_bag, **rules}.items()]
    return results if expected is None else [*results, attempt("keys", lambda: compare_keys(bag, expected))]


def attempt(name: str, check: Callable[[], str]) -> Result:
    """Make one check. Whatever a hostile bundle provokes is a failure, and what is printed of it is plain text."""
    try:
        status, detail = "OK", check()
    except Unable as reason:
        status, detail = "INCOMPLETE", str(reason)
    except Bad as reason:
        status, detail = "FAIL", str(reason)
    except Exception as reason:  # noqa: BLE001 - a bundle may be made to break this script; that must not pass for a success
        status, detail = "FAIL", f"not readable as what it should be ({type(reason).__name__}: {reason})"
    return Result(status, name, plain(detail))


def main(arguments: list[str]) -> int:
    """Print one line a check and what the keys are worth."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper when run as a script
    expected = None
    if "--keys" in arguments[:-1]:
        at = arguments.index("--keys")
        try:
            expected = Path(arguments[at + 1]).read_text(encoding="utf-8")
        except (OSError, ValueError) as reason:
            print(f"incomplete: the file of expected keys cannot be read: {reason}")
            return 2
        arguments = arguments[:at] + arguments[at + 2 :]
    if len(arguments) > 1 or any(one.startswith("-") for one in arguments):
        print(__doc__)
        return 2
    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    results = verify(folder, expected, openssl, ssh_keygen)
    for result in results:
        print(f"{result.status:10} {result.name:11} {result.detail}")
    if expected is None:
        print(f"{CAUTION}\nCompare these with the keys that you received at kick-off (or give them with --keys FILE):")
        print("\n".join(key_list(Bag(folder))))
    statuses = {result.status for result in results}
    outcome = 1 if "FAIL" in statuses else 2 if "INCOMPLETE" in statuses else 0
    print(OUTCOMES[outcome])
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
