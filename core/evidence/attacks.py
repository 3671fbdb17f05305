"""What a forger would do to a bundle, done to a copy of it.

An outsider gets hold of a bundle, changes it and makes the sums fit again, but does not have the log's key. Whoever holds that key, which
is the provider itself, signs what was changed as well; then it shows only where what is told has to follow from the entries.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from core.evidence.forging import (
    CERTIFICATE,
    LEDGER,
    REPORT,
    NothingToAttackError,
    one_entry,
    own_key,
    print_report,
    read_entries,
    sign_certificate,
    sign_checkpoint,
    sign_files,
    write_entries,
)
from core.ledger.note import LogKey


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


def sign_for_nothing_irreversible(folder: Path) -> None:
    """Let nobody have signed for what cannot be put back: the approvals of that are turned into further ones of the plan."""
    entries = read_entries(folder)
    signed = [one["data"] for one in entries if one["kind"] == "statement" and "\nscope: irreversible\n" in one["data"]["text"]]
    if not signed:
        raise NothingToAttackError
    for data in signed:
        data["text"] = data["text"].replace("\nscope: irreversible\n", "\nscope: export,hand-over,revoke\n")
    write_entries(folder, entries)


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


def name_another_person(folder: Path) -> None:
    """Let a salted hash stand for another person than it was made for."""
    path = folder / "data/personal.tsv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    if not lines:
        raise NothingToAttackError
    commitment, salt, _ = lines[0].split("\t")
    path.write_text("".join([f"{commitment}\t{salt}\tsomebody@else.example\n", *lines[1:]]), encoding="utf-8")


def tell_otherwise(folder: Path) -> None:
    """Let the tables say other than the ledger."""
    path = folder / "data/summary.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not told:
        raise NothingToAttackError
    path.write_text(json.dumps(told | {"client": "Somebody else"}), encoding="utf-8")


def print_otherwise(folder: Path) -> None:
    """Let the report on paper say other than the ledger."""
    if not (folder / REPORT).exists():
        raise NothingToAttackError
    print_report(folder, client="Somebody else")


def make_again(folder: Path) -> None:
    """Make the whole bundle again with a log key of the forger's own."""
    sign_again(folder, own_key(folder))


def sign_again(folder: Path, key: LogKey) -> None:
    """Sign all again that a log's key signs."""
    sign_checkpoint(folder, key)
    sign_certificate(folder, key)
    print_report(folder)
    sign_files(folder, key)


def certify_otherwise(folder: Path, key: LogKey) -> None:
    """Certify that the inventories do not differ."""
    if not (folder / CERTIFICATE).exists():
        raise NothingToAttackError

    def change(statement: dict[str, Any]) -> None:
        different = [one for one in statement["predicate"]["datasets"] if one["differences"]]
        if not different:
            raise NothingToAttackError
        for one in different:
            one |= {"differences": [], "words": [one["words"][0], "The two do not differ in anything that was compared."]}

    sign_checkpoint(folder, key)
    sign_certificate(folder, key, change)
    print_report(folder)
    sign_files(folder, key)


def print_and_sign_otherwise(folder: Path, key: LogKey) -> None:
    """Let the report on paper say other than the ledger, with all signed again."""
    sign_again(folder, key)
    print_otherwise(folder)
    sign_files(folder, key)


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
    "an irreversible step nobody signed for": sign_for_nothing_irreversible,
    "a signer's key had expired": let_a_key_expire,
    "a time stamp is over other data": stamp_other_data,
    "a receipt has a wrong code": acknowledge_with_a_wrong_code,
    "a salted hash stands for another person": name_another_person,
    "the tables say other than the ledger": tell_otherwise,
    "the report says other than the ledger": print_otherwise,
    "it is made again with another key": make_again,
}
"""What an outsider tries, each attack by what it is; the sums are to be made fit afterwards. The first is none, and must raise no alarm."""

ATTACKS_WITH_THE_KEY: Final[dict[str, Callable[[Path, LogKey], None]]] = {
    "the log's key signs another certificate": certify_otherwise,
    "the log's key signs another report": print_and_sign_otherwise,
}
"""What whoever holds the log's key can try besides. Signatures and sums hold then."""
