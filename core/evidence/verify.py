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

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple  # noqa: UP035 - Python 3.8 has the first two here alone

LONGEST_ENTRY, LONGEST_FILE, TWO = 65_535, 1 << 26, 2
TAG_FILES = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "README.txt", "verify.sh", "verify.py"}
UNLISTED = {"tagmanifest-sha256.txt", "tagmanifest-sha256.txt.sig"}
APPROVED_ACTIONS, WHOLE_SCOPE = {"EXPORT", "HAND_OVER", "REVOKE"}, {"export", "hand-over", "revoke"}
DELIVERIES = (("EXPORT", "archive", ("datasets", "recipients")), ("HAND_OVER", "package", ("credentials", "documents", "recipients")))
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9@._+/-]*")
NOTE = re.compile(r"(([^\n+ ]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n)\n((?:\u2014 [^\n ]+ [A-Za-z0-9+/=]+\n)+)")
KEY_TYPE = r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
WHO, WHAT_FOR = r'(?P<principal>[^@\s,*?!"#]+@[^@\s,*?!"]+)', r'namespaces="(?P<namespaces>[a-z0-9.@,-]+)"'
SIGNER = re.compile(rf"{WHO} {WHAT_FOR} (?P<key>{KEY_TYPE} [A-Za-z0-9+/]+={{0,2}})")
CAUTION = "The keys inside a bundle prove nothing by themselves: whoever forges a bundle puts in keys of his own."
OUTCOMES = ("All checks OK.", "FAILED: do not rely on this bundle.", "incomplete: not every check could be made here.")


class Bad(Exception):  # noqa: N818 - reads as the verdict that it is
    """A check failed; the text says what was found."""


class Unable(Exception):  # noqa: N818 - the same
    """A check cannot be made on this machine."""


def need(holds: bool, found: str) -> None:
    """Fail the check, saying what was found, unless something holds."""
    if not holds:
        raise Bad(found)


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

    @property
    def pem(self) -> bytes:
        """The public key as openssl reads it (RFC 8410)."""
        body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + self.public)
        return b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % body


class Plan(NamedTuple):
    """The plan in force, with the entry that put it into force. Drawn again unchanged, it stays in force."""

    since: int
    digest: str
    content: dict[str, Any]

    @property
    def grants(self) -> dict[str, str]:
        """Map each grant, named as the ledger does, to its system."""
        return {f"{one['system']}:{one['id']}": one["system"] for one in self.content["grants"]}

    def scope(self, *parts: str) -> str:
        """Name parts of the plan by their sum, as the subjects of export and hand-over do."""
        return hashlib.sha256(canonical({part: self.content[part] for part in parts})).hexdigest()[:12]


class Bag:
    """The files of one bundle, and what they hold. Nothing outside its folder is read: links are refused."""

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

    def lines(self) -> list[bytes]:
        """Read the ledger, one entry a line, without the line ends."""
        found: list[bytes] = []
        with self.path("data/ledger.jsonl").open("rb") as file:
            while line := file.readline(LONGEST_ENTRY + 2):
                need(line.endswith(b"\n"), f"entry {len(found)} is cut off or longer than {LONGEST_ENTRY} bytes")
                found.append(line[:-1])
        return found

    def entries(self) -> list[dict[str, Any]]:
        """Parse the ledger; each line has to be the one canonical spelling of its entry, and holds no float."""
        found = []
        for number, line in enumerate(self.lines()):
            entry = json.loads(line.decode(), parse_float=str, parse_constant=str)
            need(canonical(entry) == line and isinstance(entry["data"], dict), f"entry {number} is not an entry in canonical JSON")
            found.append(entry)
        return found

    def statements(self) -> list[dict[str, Any]]:
        """Pick the entries that hold what people signed."""
        return [one for one in self.entries() if one["kind"] == "statement"]

    def under_plans(self) -> Iterator[tuple[dict[str, Any], Plan]]:
        """Go through the entries in their order, each with the plan in force when it was written."""
        plan = Plan(-1, "", {"grants": []})
        for entry in self.entries():
            if entry["kind"] == "plan" and entry["data"]["plan-sha256"] != plan.digest:
                digest = entry["data"]["plan-sha256"]
                plan = Plan(entry["number"], digest, json.loads(self.read(f"data/documents/{digest}")))
            yield entry, plan

    def checkpoint(self) -> Note:
        """Take the checkpoint apart (C2SP signed-note and tlog-checkpoint) with the key that log.vkey names."""
        whole, vkey = self.read("data/checkpoint").decode(), self.read("data/log.vkey").decode().strip()
        match, (name, key_id, encoded) = NOTE.fullmatch(whole), vkey.split("+", 2)
        key = base64.b64decode(encoded, validate=True)
        own_id = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
        need(len(key) == 33 and key[0] == 1 and own_id == key_id, "log.vkey is not an Ed25519 verifier key")  # noqa: PLR2004 - type and 32 bytes
        if not match or match[2] != name:
            raise Bad("the checkpoint is not a signed note of the log that log.vkey names")
        for line in match[5][:-1].split("\n"):
            _, signer, signature = line.split(" ")
            blob = base64.b64decode(signature, validate=True)
            if signer == name and blob[:4].hex() == key_id:
                return Note(whole, vkey, match[1].encode(), name, int(match[3]), base64.b64decode(match[4]), key[1:], blob[4:])
        raise Bad("the checkpoint has no signature by the key in log.vkey")

    def namespace(self, purpose: str) -> str:
        """Name the purpose that a signature is bound to; our domain is the first part of the log's origin."""
        return f"offboard-{purpose}@{self.checkpoint().origin.split('/')[0]}"

    def signers(self, purpose: str = "") -> list[re.Match[str]]:
        """Read who may sign for a purpose (or at all), by which key. No key may stand for two people: one hand could sign twice."""
        found: list[re.Match[str]] = []
        owners: dict[str, str] = {}
        for line in self.read("data/allowed_signers").decode().split("\n")[:-1]:
            match = SIGNER.fullmatch(line)
            if not match:
                raise Bad(f"allowed_signers: a line that is not ours: {line}")
            owner = owners.setdefault(match["key"], match["principal"])
            need(owner == match["principal"], f"the same key stands for two people: {owner}, {match['principal']}")
            found.append(match)
        return [one for one in found if not purpose or self.namespace(purpose) in one["namespaces"].split(",")]


def canonical(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Spell JSON in the one way that is hashed and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def tree_root(leaves: list[bytes]) -> bytes:
    """Compute the Merkle tree hash of RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + tree_root(leaves[:split]) + tree_root(leaves[split:])).digest()


def fingerprint(key: str) -> str:
    """Name an OpenSSH public key as ssh-keygen -l does."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()).decode().rstrip("=")


def statement_name(number: int, purpose: str, principal: str) -> str:
    """Name the file that repeats a signed statement."""
    return f"data/statements/{number}-{purpose}-{re.sub(r'[^A-Za-z0-9@._+-]|[.](?=[.]|$)', '_', principal)}.txt"


def fields(text: str) -> dict[str, str]:
    """Read the `key: value` lines of a statement; repeated keys are joined, so that they equal no single value."""
    found: dict[str, str] = {}
    for key, value in (line.split(": ", 1) for line in text[:-1].split("\n")[1:]):
        found[key] = f"{found[key]}\n{value}" if key in found else value
    return found


def documents_of(value: Any) -> set[str]:  # noqa: ANN401 - whatever JSON can hold
    """Find the digests of all documents that an entry's data refers to."""
    if not isinstance(value, (dict, list)):
        return set()
    named = value.items() if isinstance(value, dict) else [("", one) for one in value]
    here = {one for key, one in named if isinstance(one, str) and (key == "document" or key.endswith("-document"))}
    return here.union(*(documents_of(one) for _, one in named))


def instant(text: str) -> datetime:
    """Read an RFC 3339 time (Python 3.8 knows no Z)."""
    found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    need(found.tzinfo is not None, f"{text}: a time without a zone")
    return found


def approvers(said: list[dict[str, str]], at: datetime) -> set[str]:
    """Replay approvals and rescissions of one plan: two people who rescind void every approval before them.

    An approval counts for the whole scope and for its time; a rescission does not run out.
    """
    approved: set[str] = set()
    rescinded: set[str] = set()
    for one in said:
        if one["decision"] != "approve":
            rescinded.add(one["principal"])
            if len(rescinded) >= TWO:
                approved, rescinded = set(), set()
        elif set(one["scope"].split(",")) >= WHOLE_SCOPE and instant(one["not-before"]) <= at <= instant(one["not-after"]):
            approved.add(one["principal"])
    return approved


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
        for path, body in ((key, note.pem), (text, note.text), (signature, note.signature)):
            Path(path).write_bytes(body)
        done = run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", text, "-sigfile", signature)
    need(done.returncode == 0, "the log key did not sign this checkpoint")


def ssh_keygen(message: bytes, signature: str, namespace: str, principal: str, keys: list[str]) -> None:
    """Check an OpenSSH signature by one of a person's keys for one purpose."""
    with tempfile.TemporaryDirectory() as folder:
        allowed, signed = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text("".join(f'{principal} namespaces="{namespace}" {key}\n' for key in keys), encoding="utf-8")
        signed.write_text(signature, encoding="utf-8")
        command = ["-Y", "verify", "-f", str(allowed), "-I", principal, "-n", namespace, "-s", str(signed)]
        done = run("ssh-keygen", *command, given=message)
    need(done.returncode == 0, f"not signed by {principal} for {namespace}")


class Checks:
    """One method a check, in their order: it says what was found to be right, or raises Bad or Unable."""

    def __init__(self, bag: Bag, expected: str, note_holds: Callable[[Note], None], ssh_holds: Callable[..., None]) -> None:
        self.bag, self.expected, self.note_holds, self.ssh_holds = bag, expected, note_holds, ssh_holds

    def checkpoint(self) -> str:
        """See that the log key signed the checkpoint."""
        note = self.bag.checkpoint()
        self.note_holds(note)
        need(self.bag.read("data/log.pub.pem") == note.pem, "log.pub.pem is another key than log.vkey")
        return "the checkpoint is signed by the key in log.vkey"

    def seal(self) -> str:
        """See that the log key signed the list of all files."""
        text, signature = self.bag.read("tagmanifest-sha256.txt"), self.bag.read("tagmanifest-sha256.txt.sig").decode()
        key = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + self.bag.checkpoint().public).decode()  # RFC 8709
        self.ssh_holds(text, signature, self.bag.namespace("evidence"), "log@bundle", [f"ssh-ed25519 {key}"])
        return "the list of all files is signed by the same key"

    def signatures(self) -> str:
        """See that each statement is signed by a person who may sign for its purpose."""
        for entry in self.bag.statements():
            data, purpose, who = entry["data"], entry["subject"], entry["data"]["principal"]
            keys = [one["key"] for one in self.bag.signers(purpose) if one["principal"] == who]
            need(bool(keys), f"entry {entry['number']}: {who} may not sign for {purpose}")
            self.ssh_holds(data["text"].encode(), data["signature"], self.bag.namespace(purpose), who, keys)
        return f"{len(self.bag.statements())} signatures by the people in allowed_signers, each for its own purpose"

    def files(self) -> str:
        """See that every file is named in a manifest with the sum that it has, and nothing else is there."""
        payload, tags = self.bag.manifest("manifest-sha256.txt"), self.bag.manifest("tagmanifest-sha256.txt")
        right = set(tags) == TAG_FILES and all(name.startswith("data/") for name in payload)
        need(right, "the manifests do not name the files that a bundle has")
        listed, there = {*payload, *tags, *UNLISTED}, self.bag.names()
        need(listed <= there, f"missing: {', '.join(sorted(listed - there))}")
        need(there <= listed, f"foreign: {', '.join(sorted(there - listed))}")
        wrong = [name for name, digest in {**payload, **tags}.items() if self.bag.sha256(name) != digest]
        need(not wrong, f"altered: {', '.join(sorted(wrong))}")
        return f"{len(listed)} files, none missing, foreign or altered"

    def tree(self) -> str:
        """See that the entries are exactly those whose number and root the checkpoint states."""
        note, lines = self.bag.checkpoint(), self.bag.lines()
        how = "it was cut" if note.size > len(lines) else "entries were added"
        need(note.size == len(lines), f"the checkpoint covers {note.size} entries, the ledger holds {len(lines)}: {how}")
        root = tree_root([hashlib.sha256(b"\x00" + line).digest() for line in lines])
        need(root == note.root, "the root of the entries is not the one in the checkpoint: an entry was altered, moved or replaced")
        return f"{note.size} entries, root {note.root.hex()}"

    def statements(self) -> str:
        """See that the statements' files are what the ledger says, and that each says whose and about which engagement it is."""
        files = self.bag.names("data/statements/")
        for entry in self.bag.statements():
            number, data, purpose = entry["number"], entry["data"], entry["subject"]
            name, text = statement_name(number, purpose, data["principal"]), data["text"].encode()
            written = (self.bag.read(name), self.bag.read(name + ".sig")) == (text, data["signature"].encode())
            need(written, f"{name} is not what entry {number} says")
            need(hashlib.sha256(text).hexdigest() == data["text-sha256"], f"entry {number}: the text has another sum")
            said = (data["text"].split("\n")[0], *(fields(data["text"])[key] for key in ("client", "principal")))
            right = said == (f"offboard-{purpose}/v1", entry["engagement"], data["principal"])
            need(right, f"entry {number}: the statement is for another purpose, client or person")
            files -= {name, name + ".sig"}
        need(not files, f"not in the ledger: {', '.join(sorted(files))}")
        return f"{len(self.bag.statements())} signed statements stand in the ledger word for word"

    def documents(self) -> str:
        """See that every document that the ledger refers to is there under its own sum, and no other."""
        wanted = {f"data/documents/{digest}" for entry in self.bag.entries() for digest in documents_of(entry["data"])}
        there = self.bag.names("data/documents/")
        need(wanted == there, f"missing or not in the ledger: {', '.join(sorted(wanted ^ there))}")
        wrong = [name for name in sorted(there) if self.bag.sha256(name) != name.split("/")[-1]]
        need(not wrong, f"altered: {', '.join(wrong)}")
        return f"{len(there)} documents, each with the sum that the ledger gives"

    def plan(self) -> str:
        """See that plan.json is the plan in force, byte for byte what people signed for."""
        digest = ""
        for entry, plan in self.bag.under_plans():
            if entry["kind"] == "plan":
                digest = plan.digest
                right = entry["data"]["document"] == digest and plan.content["engagement"] == entry["engagement"]
                need(right, f"entry {entry['number']}: the document is not the plan")
        need(not digest or self.bag.sha256("data/plan.json") == digest, "plan.json is not the plan in force")
        return f"plan.json has the digest {digest}" if digest else "no plan was drawn yet"

    # --- what the exit promises, over the entries in their order ---

    def numbers(self) -> str:
        """See that entries count from 0, of one engagement; the clock should not go back."""
        entries = self.bag.entries()
        right = [one["number"] for one in entries] == list(range(len(entries))) and len({one["engagement"] for one in entries}) <= 1
        need(right, "the entries do not count from 0, or are of several engagements")
        times = [instant(one["at"]) for one in entries]
        back = [str(number) for number in range(1, len(times)) if times[number] < times[number - 1]]
        return f"entries 0 to {len(entries) - 1}" + (f"; WARNING: the clock went back before entry {', '.join(back)}" if back else "")

    def order(self) -> str:
        """See that nothing has a receipt, a failure or a verdict without an earlier intent; the lease's fencing token never goes back."""
        begun, fence = set(), 0
        for entry in self.bag.entries():
            if entry["kind"] in {"intent", "receipt", "failed", "verdict"}:
                number, key, token = entry["number"], (entry.get("action"), entry["subject"]), entry.get("fence")
                need(entry["kind"] == "intent" or key in begun, f"entry {number}: a {entry['kind']} without an intent before it")
                if type(token) is not int or token < fence:
                    raise Bad(f"entry {number}: written by a holder whose lease had passed on (fencing token {token} after {fence})")
                fence = token
                begun.add(key)
        return f"{len(begun)} actions, each announced before it was done, by one writer at a time"

    def approvals(self) -> str:
        """See that two executives' approval of the plan held when the first export, hand-over or revocation under it was begun.

        Only what was signed since the plan came into force counts. What was begun so may be finished, whatever is signed later.
        """
        executives = {one["principal"] for one in self.bag.signers("approval")}
        begun: set[str] = set()
        said: list[dict[str, str]] = []
        acts = 0
        for entry, plan in self.bag.under_plans():
            if entry["number"] == plan.since:
                begun, said = set(), []
            if entry["kind"] == "statement" and entry["subject"] == "approval" and entry["data"]["principal"] in executives:
                said += [one for one in [fields(entry["data"]["text"])] if one["plan-sha256"] == plan.digest]
            elif entry["kind"] == "intent" and entry.get("action") in APPROVED_ACTIONS:
                approved = entry["action"] in begun or len(approvers(said, instant(entry["at"]))) >= TWO
                need(approved, f"entry {entry['number']}: {entry['action']} without two executives' approval of plan {plan.digest[:12]}")
                begun.add(entry["action"])
                acts += 1
        return f"{acts} exports, hand-overs and revocations, all begun with two executives' approval"

    def grants(self) -> str:
        """See that only the plan's grants were revoked, once archive and package were delivered and the client's own way in was seen."""
        done, proved = set(), {}
        for entry, plan in self.bag.under_plans():
            kind, action, subject = entry["kind"], entry.get("action"), entry["subject"]
            if kind in {"receipt", "verdict"}:
                done.add((kind, action, subject))
            elif kind == "control":
                proved[plan.since, subject] = entry["data"]["proved"] is True  # the newest look counts
            elif kind == "intent" and action == "REVOKE":
                what = f"entry {entry['number']}: {subject} was revoked, though"
                need(subject in plan.grants, f"{what} it is not in the plan in force")
                for act, name, parts in DELIVERIES:
                    made = f"{name} {plan.scope(*parts)}"
                    need({("receipt", act, made), ("verdict", act, made)} <= done, f"{what} the plan's {made} was not made and read back")
                need(proved.get((plan.since, plan.grants[subject]), False), f"{what} the client's own way in had not been seen")
        return "only what the approved plan names was revoked, with archive and package delivered and the client's own way in seen"

    def closing(self) -> str:
        """See that, when the exit was closed, every grant planned or ever touched had last been seen to be revoked, under that plan."""
        seen: dict[str, str] = {}
        closed = "the exit is not closed yet"
        for entry, plan in self.bag.under_plans():
            kind, action, subject = entry["kind"], entry.get("action"), entry["subject"]
            if entry["number"] == plan.since:
                seen = dict.fromkeys(seen, "not looked at")
            if action == "REVOKE" and kind in {"intent", "verdict"}:
                seen[subject] = entry["data"]["state"] if kind == "verdict" else "not looked at"
            elif action == "REINSTATE":
                seen[subject] = "reinstated"
            elif kind == "closed":
                states = {one: seen.get(one, "not looked at") for one in sorted({*plan.grants, *seen})}
                still = [f"{one} is {state}" for one, state in states.items() if state != "revoked"]
                need(not still, f"entry {entry['number']}: closed, though {', '.join(still)}")
                closed = f"closed with {len(states)} grants, each last seen to be revoked"
        return closed

    def keys(self) -> str:
        """See that the bundle's keys are those received by another way: a vkey, allowed_signers lines, fingerprints."""
        lines = {line.strip() for line in self.expected.splitlines() if line.strip() and not line.startswith("#")}
        vkeys = {line for line in lines if re.fullmatch(r"[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", line)}
        need(not vkeys or self.bag.checkpoint().vkey in vkeys, "the log key is not the one that you received")
        spellings = [(f"{fingerprint(one['key'])} {one['principal']}", fingerprint(one["key"]), one[0]) for one in self.bag.signers()]
        strange = [names[0] for names in spellings if lines.isdisjoint(names)]
        need(lines == vkeys or not strange, f"not among the signers that you received: {', '.join(strange)}")
        if not vkeys or lines == vkeys:
            raise Unable(f"the file of expected keys holds no {'signers' if vkeys else 'log key'}")
        return "log key and signers are those that you received"


def key_list(bag: Bag) -> list[str]:
    """List the keys inside the bundle, to be compared with those received at kick-off."""
    try:
        found = [bag.checkpoint().vkey, *(f"{fingerprint(one['key'])} {one['principal']}" for one in bag.signers())]
    except Exception:  # noqa: BLE001 - a check has failed already for what is not readable here
        found = ["(not readable)"]
    return [plain(one) for one in found]


def plain(text: str) -> str:
    """Make what comes from a bundle harmless to a terminal."""
    return "".join(one if one.isprintable() else "?" for one in text)[:400]


def attempt(name: str, check: Callable[[], str]) -> tuple[str, str, str]:
    """Make one check. Whatever a hostile bundle provokes is a failure, and what is printed of it is plain text."""
    try:
        status, detail = "OK", check()
    except Unable as reason:
        status, detail = "INCOMPLETE", str(reason)
    except Bad as reason:
        status, detail = "FAIL", str(reason)
    except Exception as reason:  # noqa: BLE001 - a bundle may be made to break this script; that must not pass for a success
        status, detail = "FAIL", f"not readable as what it should be ({type(reason).__name__}: {reason})"
    return status, name, plain(detail)


def verify(
    folder: Path, expected: str | None, note_holds: Callable[[Note], None], ssh_holds: Callable[..., None]
) -> list[tuple[str, str, str]]:
    """Make every check: status (OK, FAIL or INCOMPLETE), name, detail. The callables check one signature each, and raise Bad or Unable."""
    checks = Checks(Bag(folder), expected or "", note_holds, ssh_holds)
    names = [name for name in vars(Checks) if not name.startswith("_") and (name != "keys" or expected is not None)]
    return [attempt(name, getattr(checks, name)) for name in names]


def main(arguments: list[str]) -> int:
    """Print one line a check and what the keys are worth."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # it is a TextIOWrapper when run as a script
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    parser.add_argument("--keys", type=Path)
    given = parser.parse_args(arguments)
    try:
        expected = given.keys.read_text(encoding="utf-8") if given.keys else None
    except (OSError, ValueError) as reason:
        print(f"incomplete: the file of expected keys cannot be read: {reason}")
        return 2
    results = verify(given.folder, expected, openssl, ssh_keygen)
    for status, name, detail in results:
        print(f"{status:10} {name:11} {detail}")
    if expected is None:
        print(f"{CAUTION}\nCompare these with the keys that you received at kick-off (or give them with --keys FILE):")
        print("\n".join(key_list(Bag(given.folder))))
    statuses = {status for status, *_ in results}
    outcome = 1 if "FAIL" in statuses else 2 if "INCOMPLETE" in statuses else 0
    print(OUTCOMES[outcome])
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
