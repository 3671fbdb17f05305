"""What a forger would do to a bundle, done to a copy of it, and which verifier finds it.

The forger here is an outsider: whoever gets hold of a bundle, changes it and makes the sums fit again, but does not have the log's key.
"""

import base64
import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from core.archive.bag import manifest_line
from core.canonical import canonical_json
from core.evidence.dsse import IN_TOTO, seal
from core.ledger.merkle import leaf_hash, root
from core.ledger.note import LogKey

LEDGER: Final = "data/ledger.jsonl"
SEAL: Final = "tagmanifest-sha256.txt.sig"
Entry = dict[str, Any]


class NothingToAttackError(Exception):
    """The bundle holds nothing that this attack is about."""


def read_entries(folder: Path) -> list[Entry]:
    """Read a bundle's ledger."""
    return [json.loads(line) for line in (folder / LEDGER).read_bytes().splitlines()]


def write_entries(folder: Path, entries: list[Entry]) -> None:
    """Write a bundle's ledger, each entry in its one spelling."""
    (folder / LEDGER).write_bytes(b"".join(canonical_json(one) + b"\n" for one in entries))


@contextlib.contextmanager
def one_entry(folder: Path, *kinds: str, holds: Callable[[Entry], bool] = lambda _: True) -> Iterator[Entry]:
    """Give the newest entry of some kinds to be changed in place. Raises NothingToAttackError."""
    entries = read_entries(folder)
    found = [one for one in entries if one["kind"] in kinds and holds(one)]
    if not found:
        raise NothingToAttackError
    yield found[-1]
    write_entries(folder, entries)


def change_an_entry(folder: Path) -> None:
    """Say that something else was done."""
    with one_entry(folder, "receipt", "held", "plan") as entry:
        entry["data"]["done"] = "nothing at all"


def remove_an_entry(folder: Path) -> None:
    """Take an entry out of the middle."""
    entries = read_entries(folder)
    write_entries(folder, entries[: len(entries) // 2] + entries[len(entries) // 2 + 1 :])


def add_an_entry(folder: Path) -> None:
    """Put one more at the end."""
    entries = read_entries(folder)
    write_entries(folder, [*entries, entries[-1] | {"number": len(entries)}])


def reorder_entries(folder: Path) -> None:
    """Let two entries change places."""
    entries = read_entries(folder)
    middle = len(entries) // 2
    write_entries(folder, [*entries[:middle], *entries[middle : middle + 2][::-1], *entries[middle + 2 :]])


def truncate(folder: Path) -> None:
    """Cut the ledger off in the middle of a line."""
    body = (folder / LEDGER).read_bytes()
    (folder / LEDGER).write_bytes(body[: len(body) - len(body) // 3])


def roll_back(folder: Path) -> None:
    """Go back to an earlier checkpoint, which the log's key did sign, as if nothing had come after it."""
    entries = read_entries(folder)
    anchors = [one["data"] for one in entries if one["kind"] == "anchor" and 0 < one["data"]["size"] < len(entries)]
    if not anchors:
        raise NothingToAttackError
    shutil.copy(folder / "data/documents" / anchors[-1]["checkpoint-document"], folder / "data/checkpoint")
    write_entries(folder, entries[: anchors[-1]["size"]])


def fork(folder: Path) -> None:
    """Rewrite what was before an anchored checkpoint."""
    entries = read_entries(folder)
    if not any(one["kind"] == "anchor" for one in entries):
        raise NothingToAttackError
    entries[0]["at"] = "2020-01-01T00:00:00.000000Z"
    write_entries(folder, entries)


def swap_signatures(folder: Path) -> None:
    """Put one person's signature under another's statement."""
    entries = read_entries(folder)
    signed = [one["data"] for one in entries if one["kind"] == "statement"]
    if len(signed) < 2:  # noqa: PLR2004 - it takes two
        raise NothingToAttackError
    signed[0]["signature"], signed[1]["signature"] = signed[1]["signature"], signed[0]["signature"]
    write_entries(folder, entries)


def approve_another_plan(folder: Path) -> None:
    """Let the approvals be for another plan than the one that was carried out."""
    with one_entry(folder, "statement", holds=lambda one: one["subject"] == "approval") as entry:
        entry["data"]["text"] = re.sub("plan-sha256: [0-9a-f]{64}", f"plan-sha256: {'0' * 64}", entry["data"]["text"])


def let_a_key_expire(folder: Path) -> None:
    """Let a person's key have expired, or been revoked, before that person signed."""
    path = folder / "data/allowed_signers"
    limited = re.sub(r'"(,valid-[^ ]*)? ', '",valid-before="20000101000000Z" ', path.read_text(encoding="utf-8"))
    path.write_text(limited, encoding="utf-8")
    if not any(one["kind"] == "statement" for one in read_entries(folder)):
        raise NothingToAttackError


def stamp_other_data(folder: Path) -> None:
    """Put another time stamp in the place of a checkpoint's own: one that is over something else."""
    path = folder / "data/anchors.tsv"
    stamps = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if "\ttime-stamp\t" in line]
    if not stamps:
        raise NothingToAttackError
    number, token = stamps[-1][0], folder / "data/documents" / stamps[-1][4]
    others = [folder / "data/documents" / one[4] for one in stamps[:-1]]
    body = others[0].read_bytes() if others else token.read_bytes()[:-1] + b"\0"
    digest = hashlib.sha256(body).hexdigest()
    (folder / "data/documents" / digest).write_bytes(body)
    with one_entry(folder, "anchor", holds=lambda one: str(one["number"]) == number) as entry:
        entry["data"]["token-document"] = digest
    path.write_text(path.read_text(encoding="utf-8").replace(stamps[-1][4], digest), encoding="utf-8")


def acknowledge_with_a_wrong_code(folder: Path) -> None:
    """Let a receipt name a code that is not the one inside."""
    with one_entry(folder, "statement", holds=lambda one: one["subject"] == "acknowledgement") as entry:
        entry["data"]["text"] = re.sub("-code: .*", "-code: WRON-GCOD-E", entry["data"]["text"])


def tell_otherwise(folder: Path) -> None:
    """Let the tables say other than the ledger."""
    path = folder / "data/summary.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not told:
        raise NothingToAttackError
    path.write_text(json.dumps(told | {"client": "Somebody else"}), encoding="utf-8")


def make_again(folder: Path) -> None:
    """Make the whole bundle again with a log key of the forger's own."""
    origin = (folder / "data/log.vkey").read_text(encoding="utf-8").partition("+")[0]
    key = LogKey.load_or_create(folder.with_name("forger.pem"), origin)
    lines = (folder / LEDGER).read_bytes().split(b"\n")[:-1]
    (folder / "data/checkpoint").write_text(key.sign_checkpoint(len(lines), root([leaf_hash(line) for line in lines])), encoding="utf-8")
    (folder / "data/log.vkey").write_text(f"{key.vkey}\n", encoding="utf-8")
    (folder / "data/log.pub.pem").write_bytes(key.public_pem)
    certificate = folder / "data/certificate.dsse.json"
    if certificate.exists():
        statement = json.loads(base64.b64decode(json.loads(certificate.read_bytes())["payload"]))
        statement["subject"][0]["digest"] = {"sha256": hashlib.sha256((folder / "data/checkpoint").read_bytes()).hexdigest()}
        certificate.write_bytes(seal(canonical_json(statement), IN_TOTO, key.sign, key.vkey))
    fit_the_sums(folder)
    sealed = key.ssh_signature((folder / "tagmanifest-sha256.txt").read_bytes(), f"offboard-evidence@{origin.split('/')[0]}")
    (folder / SEAL).write_text(sealed, encoding="utf-8")


def fit_the_sums(folder: Path) -> None:
    """Write the manifests anew, as anybody can; likewise the files that repeat signed statements."""
    for entry in (one for one in _readable(folder) if one["kind"] == "statement"):
        data = entry["data"]
        for path in (folder / "data/statements").glob(f"{entry['number']}-*.txt"):
            path.write_text(data["text"], encoding="utf-8")
            path.with_name(f"{path.name}.sig").write_text(data["signature"], encoding="utf-8")
    _list(folder, "manifest-sha256.txt", [one for one in (folder / "data").rglob("*") if one.is_file()])
    _list(folder, "tagmanifest-sha256.txt", [one for one in folder.iterdir() if one.is_file() and not one.name.startswith("tagmanifest")])


def _readable(folder: Path) -> list[Entry]:
    try:
        return read_entries(folder)
    except ValueError:  # it was cut in the middle of a line
        return []


def _list(folder: Path, name: str, files: list[Path]) -> None:
    sums = sorted((one.relative_to(folder).as_posix(), hashlib.sha256(one.read_bytes()).hexdigest()) for one in files)
    (folder / name).write_bytes(b"".join(manifest_line(path, digest) for path, digest in sums))


ATTACKS: Final[dict[str, Callable[[Path], None]]] = {
    "nothing is changed": lambda _folder: None,
    "an entry is changed": change_an_entry,
    "an entry is removed": remove_an_entry,
    "an entry is added": add_an_entry,
    "two entries change places": reorder_entries,
    "the ledger is cut off": truncate,
    "the ledger is rolled back": roll_back,
    "the ledger is forked": fork,
    "two signatures are swapped": swap_signatures,
    "an approval is for another plan": approve_another_plan,
    "a signer's key had expired": let_a_key_expire,
    "a time stamp is over other data": stamp_other_data,
    "a receipt has a wrong code": acknowledge_with_a_wrong_code,
    "the tables say other than the ledger": tell_otherwise,
    "it is made again with another key": make_again,
}
"""Each attack by what it is. The first is none, and must raise no alarm."""
