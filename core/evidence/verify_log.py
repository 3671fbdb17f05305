"""The log: its tree (RFC 6962), its signed checkpoints (C2SP signed-note and tlog-checkpoint), its keys (part of verify.py)."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING or __package__:  # inside the program
    from core.evidence.verify_bag import Bad, Bag, need
else:  # inside a bundle, where the parts lie side by side
    from verify_bag import Bad, Bag, need

SIGNATURES = r"((?:\u2014 [^\n ]+ [A-Za-z0-9+/=]+\n)+)"
NOTE = re.compile(r"(([^\n+ ]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*))\n" + SIGNATURES)
PROOF = re.compile(r"c2sp\.org/tlog-proof@v1\nindex (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n)*)\n(.*)", re.DOTALL)


class Key(NamedTuple):
    """A key of the log: its verifier key string, name, the four bytes that name it in signatures, and the Ed25519 public key."""

    vkey: str
    name: str
    key_id: bytes
    public: bytes

    @property
    def pem(self) -> bytes:
        """The public key as openssl reads it (RFC 8410)."""
        body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + self.public)
        return b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % body

    @property
    def ssh(self) -> str:
        """The public key as OpenSSH writes it (RFC 8709)."""
        return "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + self.public).decode()


class Note(NamedTuple):
    """A checkpoint, whole and taken apart, with a key and that key's signature over the text, which is still to be checked."""

    whole: str
    key: Key
    text: bytes
    size: int
    root: bytes
    more: str
    signature: bytes


def read_vkey(vkey: str) -> Key:
    """Read a verifier key: `<name>+<key id in hex>+base64(0x01 || public key)`."""
    name, key_id, encoded = vkey.split("+", 2)
    typed = base64.b64decode(encoded, validate=True)
    own_id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    need(len(typed) == 33 and typed[0] == 1 and own_id.hex() == key_id, "not an Ed25519 verifier key of a log")  # noqa: PLR2004 - type and 32 bytes
    return Key(vkey, name, own_id, typed[1:])


def read_note(whole: str, key: Key) -> Note:
    """Take a checkpoint apart: origin, size, root, further lines; an empty line; signatures, of which the one by this key counts."""
    match = NOTE.fullmatch(whole)
    if not match or match[2] != key.name:
        raise Bad(f"a checkpoint is not a signed note of the log {key.name}")
    for line in match[6][:-1].split("\n"):
        _, signer, encoded = line.split(" ")
        blob = base64.b64decode(encoded, validate=True)
        if signer == key.name and blob[:4] == key.key_id:
            return Note(whole, key, match[1].encode(), int(match[3]), base64.b64decode(match[4]), match[5], blob[4:])
    raise Bad(f"a checkpoint has no signature by the log key {key.name}+{key.key_id.hex()}")


def node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_roots(leaves: list[bytes], sizes: set[int]) -> dict[int, bytes]:
    """Compute the roots over the first so many leaves (RFC 6962, section 2.1), for several sizes in one pass."""
    found = {0: hashlib.sha256(b"").digest()}
    peaks: list[bytes] = []  # the roots of the complete subtrees at the right edge, the largest first
    for size, leaf in enumerate(leaves, 1):
        peaks.append(leaf)
        for _ in range((size & -size).bit_length() - 1):  # as many joins as the size has zero bits at its end
            peaks[-2:] = [node(*peaks[-2:])]
        if size in sizes:
            root = peaks[-1]
            for peak in reversed(peaks[:-1]):
                root = node(peak, root)
            found[size] = root
    need(sizes <= found.keys(), f"a checkpoint covers more than the {len(leaves)} entries that there are")
    return found


def proof_holds(proof: str, number: int, leaf: bytes, checkpoint: str, size: int, root: bytes) -> bool:
    """Check a c2sp.org/tlog-proof: an entry's path to the root (RFC 9162, section 2.1.3.2), and the bundle's own checkpoint."""
    match = PROOF.fullmatch(proof)
    if not match or int(match[1]) != number or match[3] != checkpoint:
        return False
    at, last = number, size - 1
    for line in match[2].splitlines():
        sibling = base64.b64decode(line)
        if last == 0:
            return False
        if at & 1 or at == last:
            leaf = node(sibling, leaf)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            leaf = node(leaf, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and leaf == root


class Log:
    """The log of a bundle: the key that signs now, those before it, and the newest checkpoint."""

    def __init__(self, bag: Bag) -> None:
        self.bag = bag

    @cached_property
    def key(self) -> Key:
        """Read the key that the bundle says is the log's."""
        return read_vkey(self.bag.read("data/log.vkey").decode().strip())

    @cached_property
    def note(self) -> Note:
        """Read the checkpoint over all entries."""
        return read_note(self.bag.read("data/checkpoint").decode(), self.key)

    @cached_property
    def keys(self) -> list[tuple[int, Key]]:
        """List the log's keys, first to last, with the size of the smallest checkpoint that each signs. An entry `rotation` hands over."""
        found: list[tuple[int, Key]] = []
        for entry in self.bag.of("rotation"):
            old, new = (read_vkey(entry["data"][name]) for name in ("old-vkey", "new-vkey"))
            found = found or [(0, old)]
            need(found[-1][1] == old and new.name == old.name, f"entry {entry['number']} replaces another key than the log's")
            found.append((entry["number"] + 1, new))
        need(not found or found[-1][1] == self.key, "log.vkey is not the key to which the ledger hands over")
        return found or [(0, self.key)]

    def key_for(self, size: int) -> Key:
        """Find the key that signs checkpoints of a size."""
        return next(key for since, key in reversed(self.keys) if since <= size)

    def roots(self, sizes: set[int]) -> dict[int, bytes]:
        """Compute the roots that the ledger had at these sizes."""
        return tree_roots(self.bag.leaves, sizes)

    def namespace(self, purpose: str) -> str:
        """Name the purpose that a signature is bound to; our domain is the first part of the log's origin."""
        return f"offboard-{purpose}@{self.key.name.split('/')[0]}"
