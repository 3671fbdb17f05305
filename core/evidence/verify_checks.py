"""Every check that needs no rule of the exit, one method each: files, signatures, tree, anchors, keys (part of verify.py)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import Bag, Unable, anchor_line, documents_of, fingerprint, key_line, need, statement_name
    from core.evidence.verify_log import Log, proof_holds, read_note
    from core.evidence.verify_personal import committed, opened
    from core.evidence.verify_plan import fields, instant
    from core.evidence.verify_tools import Tools
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import Bag, Unable, anchor_line, documents_of, fingerprint, key_line, need, statement_name
    from verify_log import Log, proof_holds, read_note
    from verify_personal import committed, opened
    from verify_plan import fields, instant
    from verify_tools import Tools

PARTS = (
    *("verify_checks.py", "verify_log.py", "verify_rules.py", "verify_looks.py", "verify_plan.py"),
    *("verify_personal.py", "verify_bag.py", "verify_tools.py"),
)
SCRIPTS = ("verify.sh", "verify.py", *PARTS)
TAG_FILES = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "README.txt", *SCRIPTS}
UNLISTED = {"tagmanifest-sha256.txt", "tagmanifest-sha256.txt.sig"}
ROOT = re.compile(r"sha256 Fingerprint=(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", re.IGNORECASE)
VKEY = re.compile(r"[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def root_prints(roots: bytes) -> list[str]:
    """Name certificates (PEM) as `openssl x509 -noout -fingerprint -sha256` does."""
    sums = [hashlib.sha256(ssl.PEM_cert_to_DER_cert(one)).hexdigest().upper() for one in CERTIFICATE.findall(roots.decode())]
    return ["sha256 Fingerprint=" + ":".join(one[at : at + 2] for at in range(0, 64, 2)) for one in sums]


class Checks:
    """One method a check, in their order: it says what was found to be right, or raises Bad or Unable."""

    def __init__(self, bag: Bag, expected: str, tools: Tools) -> None:
        self.bag, self.log, self.expected, self.tools = bag, Log(bag), expected, tools

    def checkpoint(self) -> str:
        """See that the log key signed the checkpoint."""
        self.tools.note(self.log.note)
        need(self.bag.read("data/log.pub.pem") == self.log.key.pem, "log.pub.pem is another key than log.vkey")
        return f"size and root of {self.log.note.size} entries are signed by the key in log.vkey"

    def rotations(self) -> str:
        """See that each replacement of the log's key was signed by the key before it, over all entries before it."""
        found = self.bag.of("rotation")
        need(self.bag.read("data/log-keys.tsv").decode() == "".join(map(key_line, found)), "log-keys.tsv is not what the ledger says")
        roots = self.log.roots({one["number"] for one in found})
        for entry, (_, key) in zip(found, self.log.keys):  # noqa: B905 - Python 3.8
            note = read_note(entry["data"]["old-signature"], key)
            self.tools.note(note)
            right = (note.size, note.root, note.more) == (
                entry["number"],
                roots[entry["number"]],
                f"next-key {entry['data']['new-vkey']}\n",
            )
            need(right, f"entry {entry['number']}: the old key signed something else than what was before it, and the new key")
        return f"{len(found)} replacements of the log's key, each signed by the key before" if found else "the log has had one key only"

    def seal(self) -> str:
        """See that the log key signed the list of all files."""
        text, signature = self.bag.read("tagmanifest-sha256.txt"), self.bag.read("tagmanifest-sha256.txt.sig").decode()
        self.tools.ssh(text, signature, self.log.namespace("evidence"), "log@bundle", [self.log.key.ssh])
        return "the list of all files is signed by the same key"

    def files(self) -> str:
        """See that every file is named in a manifest with the sum that it has, and nothing else is there."""
        payload, tags = self.bag.manifest("manifest-sha256.txt"), self.bag.manifest("tagmanifest-sha256.txt")
        right = set(tags) == TAG_FILES and all(name.startswith("data/") for name in payload)
        need(right, "the manifests do not name the files that a bundle has")
        listed, there = {*payload, *tags, *UNLISTED}, self.bag.names()
        need(listed <= there, f"missing: {', '.join(sorted(listed - there))}")
        need(there <= listed, f"foreign: {', '.join(sorted(there - listed))}")
        beside = [name for name in payload if not self.bag.has_a_place_for(name)]
        need(not beside, f"files that no bundle has: {', '.join(sorted(beside))}")
        wrong = [name for name, digest in {**payload, **tags}.items() if self.bag.sha256(name) != digest]
        need(not wrong, f"altered: {', '.join(sorted(wrong))}")
        return f"{len(listed)} files, none missing, foreign or altered"

    def tree(self) -> str:
        """See that the entries are those whose number and root the checkpoint states; of withheld ones there are the hashes."""
        note, leaves, shown = self.log.note, self.bag.leaves, len(self.bag.lines)
        how = "it was cut" if note.size > len(leaves) else "entries were added"
        need(note.size == len(leaves), f"the checkpoint covers {note.size} entries, the ledger holds {len(leaves)}: {how}")
        right = self.log.roots({note.size})[note.size] == note.root
        need(right, "the root of the entries is not the one in the checkpoint: an entry was altered, moved or replaced")
        if not self.bag.redacted:
            return f"{note.size} entries, root {note.root.hex()}"
        names = set()
        for line, entry in zip(self.bag.lines, self.bag.entries):  # noqa: B905 - Python 3.8
            number, leaf = entry["number"], hashlib.sha256(b"\x00" + line).digest()
            need(0 <= number < note.size and leaves[number] == leaf, f"entry {number} is not the one that the checkpoint covers")
            names.add(f"data/proofs/{number}.tlog-proof")
            proof = self.bag.read(f"data/proofs/{number}.tlog-proof").decode()
            need(proof_holds(proof, number, leaf, note.whole, note.size, note.root), f"entry {number}: its proof does not hold")
        need(names == self.bag.names("data/proofs/"), "there are proofs of entries that are not shown")
        return f"{shown} of {note.size} entries are shown, word for word and in their places; root {note.root.hex()}"

    def numbers(self) -> str:
        """See that entries count from 0, of one engagement; the clock should not go back."""
        entries = self.bag.entries
        numbers = [one["number"] for one in entries]
        whole = numbers == (sorted(set(numbers)) if self.bag.redacted else list(range(len(entries))))
        need(whole, "the entries do not stand in their order" if self.bag.redacted else "the entries do not count from 0")
        if self.bag.redacted:
            told = [line.split("\t")[0] for line in self.bag.read("data/shown.txt").decode().split("\n")[:-1]]
            need(told == [str(one) for one in numbers], "shown.txt does not number the entries that are there")
        need(len({one["engagement"] for one in entries}) <= 1, "the entries are of several engagements")
        times = [instant(one["at"]) for one in entries]
        back = [str(numbers[one]) for one in range(1, len(times)) if times[one] < times[one - 1]]
        return f"{len(entries)} entries in their order" + (f"; WARNING: the clock went back before entry {', '.join(back)}" if back else "")

    def signed_by(self, entry: dict[str, Any], who: str, purpose: str, message: bytes) -> None:
        """See that somebody who could sign for a purpose when an entry was written did sign this."""
        at, namespace = instant(entry["at"]), self.log.namespace(purpose)
        able = [one for one in self.bag.signers if one["principal"] == who and namespace in one["namespaces"].split(",")]
        need(bool(able), f"entry {entry['number']}: {who} may not sign for {purpose}")
        keys = [one["key"] for one in able if counted(one, at)]
        need(bool(keys), f"entry {entry['number']}: no key of {who} counted at {entry['at']}: expired, revoked, or not valid yet")
        self.tools.ssh(message, entry["data"]["signature"], namespace, who, keys)

    def signatures(self) -> str:
        """See that each statement is signed by a person who may sign for its purpose, with a key that counted then."""
        found = self.bag.of("statement")
        for entry in found:
            self.signed_by(entry, entry["data"]["principal"], entry["subject"], entry["data"]["text"].encode())
        void = ", ".join(str(one["number"]) for one in found if not self.bag.counts(one))
        more = f"; entry {void} counts for nothing: engagement.json asks this person for PIN or fingerprint" if void else ""
        return f"{len(found)} signatures by the people in allowed_signers, each for its own purpose{more}"

    def statements(self) -> str:
        """See that the statements' files are what the ledger says, and that each says whose and about which engagement it is."""
        files, found = self.bag.names("data/statements/"), self.bag.of("statement")
        for entry in found:
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
        return f"{len(found)} signed statements stand in the ledger word for word"

    def documents(self) -> str:
        """See that every document that the entries refer to is there under its own sum, and no other."""
        wanted = {f"data/documents/{digest}" for entry in self.bag.entries for digest in documents_of(entry["data"])}
        there = self.bag.names("data/documents/")
        need(wanted == there, f"missing or not in the ledger: {', '.join(sorted(wanted ^ there))}")
        wrong = [name for name in sorted(there) if self.bag.sha256(name) != name.split("/")[-1]]
        need(not wrong, f"altered: {', '.join(wrong)}")
        return f"{len(there)} documents, each with the sum that the ledger gives"

    def personal(self) -> str:
        """See that each value about a person that the bundle opens is the one that an entry holds as a salted hash."""
        found, closed = len(opened(self.bag)), len(committed(self.bag.lines))
        more = f"; {closed - found} more are destroyed, or kept back" if closed > found else ""
        return f"{found} values about persons are those whose salted hashes the entries hold{more}"

    def anchors(self) -> str:
        """See that each checkpoint that others stamped, signed or were sent is a beginning of this very ledger."""
        found, stated = self.bag.of("anchor"), []
        told = "".join(anchor_line(one) for one in found)
        need(self.bag.read("data/anchors.tsv").decode() == told, "anchors.tsv is not what the ledger says")
        roots = self.log.roots({one["data"]["size"] for one in found})
        for entry in found:
            data, what = entry["data"], f"entry {entry['number']}: the anchored checkpoint"
            body = self.bag.document(data["checkpoint-document"])
            note = read_note(body.decode(), self.log.key_for(data["size"]))
            self.tools.note(note)
            named = (note.size, note.root.hex()) == (data["size"], data["root"]) and note.size <= entry["number"]
            need(named, f"{what} is not the one that it names")
            need(note.root == roots[note.size], f"{what} is not a beginning of this ledger: entries were altered since, or it is a fork")
            if data["how"] == "cosignature":
                self.signed_by(entry, data["by"], "checkpoint", body)
            elif data["how"] == "time-stamp":
                stated.append(
                    self.tools.time_stamp(self.bag.document(data["token-document"]), body, self.bag.document(data["roots-document"]))
                )
                need(stated[-1] == instant(data["stamped-at"]).replace(microsecond=0), f"{what} was stamped at another time than it says")
        span = f"; {len(stated)} time stamps from {min(stated).isoformat()} to {max(stated).isoformat()}" if stated else ""
        return f"{len(found)} anchored checkpoints, each a beginning of this ledger{span}" if found else "no checkpoint was anchored"

    def certificate(self) -> str:
        """See that the certificate about the inventories (in-toto, in DSSE) is signed by the log key, and is about these files."""
        if not self.bag.has("data/certificate.dsse.json"):
            return "there is no certificate about inventories"
        envelope = json.loads(self.bag.read("data/certificate.dsse.json"))
        kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"], validate=True)
        covered = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        self.tools.ed25519(self.log.key, covered, signature, "the certificate")
        for one in json.loads(payload)["subject"]:
            need(self.bag.sha256(one["name"]) == one["digest"]["sha256"], f"the certificate is about another {one['name']}")
        return "the certificate about inventories is signed by the log key, and is about these files"

    def keys(self) -> str:
        """See that the bundle's keys are those received by another way. A later key of the log counts if the one received handed over."""
        lines = {line.strip() for line in self.expected.splitlines() if line.strip() and not line.startswith("#")}
        vkeys, roots = ({line for line in lines if form.fullmatch(line)} for form in (VKEY, ROOT))
        people = lines - vkeys - roots
        self.rotations()
        need(not vkeys or any(key.vkey in vkeys for _, key in self.log.keys), "the log key is not the one that you received")
        strange = [spell(one) for one in self.bag.signers if people.isdisjoint(spellings(one))]
        need(not people or not strange, f"not among the signers that you received: {', '.join(strange)}")
        foreign = {one.lower() for one in stamp_roots(self.bag)} - {one.lower() for one in roots}
        need(not roots or not foreign, f"not among the roots of time stamps that you received: {', '.join(sorted(foreign))}")
        if not vkeys or not people:
            raise Unable(f"the file of expected keys holds no {'signers' if vkeys else 'log key'}")
        unsure = (
            "" if roots or not foreign else "; the time stamps' roots are the bundle's own and prove nothing: compare their fingerprints"
        )
        return f"log key and signers are those that you received{unsure}"


def counted(signer: re.Match[str], at: datetime) -> bool:
    """Tell whether a key counted at a time: not before valid-after, and not after valid-before."""
    moment = at.astimezone(timezone.utc).strftime("%Y%m%d%H%M%S.%f")  # noqa: UP017 - Python 3.8
    return (signer["after"] or "") <= moment and (not signer["before"] or moment <= f"{signer['before']}.000000")


def spell(signer: re.Match[str]) -> str:
    """Name a signer's key."""
    return f"{fingerprint(signer['key'])} {signer['principal']}"


def spellings(signer: re.Match[str]) -> set[str]:
    """Spell a signer in each way in which one may have received it; a limit to a key's time may have been set since."""
    unlimited = f'{signer["principal"]} namespaces="{signer["namespaces"]}" {signer["key"]}'
    return {spell(signer), fingerprint(signer["key"]), signer[0], unlimited}


def stamp_roots(bag: Bag) -> set[str]:
    """List the fingerprints of the roots by which the bundle's time stamps hold."""
    stamps = [one["data"] for one in bag.of("anchor") if one["data"]["how"] == "time-stamp"]
    return {one for data in stamps for one in root_prints(bag.document(data["roots-document"]))}
