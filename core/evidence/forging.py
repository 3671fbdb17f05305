"""What a forger needs: to change the files of a bundle, to make its sums fit again, and to sign all of it again with a key of a log."""

import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from core.archive.bag import manifest_line
from core.canonical import canonical_json
from core.evidence.dsse import IN_TOTO, seal
from core.evidence.pdf.render import ATTACHED, render_pdf
from core.evidence.said import Answer
from core.evidence.summary import Summary
from core.ledger.merkle import leaf_hash, root
from core.ledger.note import LogKey

LEDGER: Final = "data/ledger.jsonl"
SEAL: Final = "tagmanifest-sha256.txt.sig"
CERTIFICATE: Final = "data/certificate.dsse.json"
REPORT: Final = "data/report.pdf"
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


def own_key(folder: Path) -> LogKey:
    """Give the forger's own key, under the name of the log."""
    return LogKey.load_or_create(folder.with_name("forger.pem"), _origin(folder))


def sign_checkpoint(folder: Path, key: LogKey) -> None:
    """Put a log key in the place of the one that is there, and have it sign the entries as they are now."""
    lines = (folder / LEDGER).read_bytes().split(b"\n")[:-1]
    (folder / "data/checkpoint").write_text(key.sign_checkpoint(len(lines), root([leaf_hash(line) for line in lines])), encoding="utf-8")
    (folder / "data/log.vkey").write_text(f"{key.vkey}\n", encoding="utf-8")
    (folder / "data/log.pub.pem").write_bytes(key.public_pem)


def sign_certificate(folder: Path, key: LogKey, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
    """Have a log key sign the certificate again, changed, and about the checkpoint that is there."""
    path = folder / CERTIFICATE
    if path.exists():
        statement = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
        statement["subject"][0]["digest"] = {"sha256": hashlib.sha256((folder / "data/checkpoint").read_bytes()).hexdigest()}
        change(statement)
        path.write_bytes(seal(canonical_json(statement), IN_TOTO, key.sign, key.vkey))


def print_report(folder: Path, **other: str) -> None:
    """Print the report again from the tables that are there, with something else in the place of some of them."""
    if (folder / REPORT).exists():
        files = {name: (folder / "data" / name).read_bytes() for name in ATTACHED}
        summary = Summary.model_validate_json(files["summary.json"]).model_copy(update=other)
        answers = TypeAdapter(tuple[Answer, ...]).validate_json(files["answers.json"])
        (folder / REPORT).write_bytes(render_pdf(summary, answers, files))


def sign_files(folder: Path, key: LogKey) -> None:
    """Make the sums fit, and have a log key sign them."""
    fit_the_sums(folder)
    domain = _origin(folder).split("/")[0]
    sealed = key.ssh_signature((folder / "tagmanifest-sha256.txt").read_bytes(), f"offboard-evidence@{domain}")
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


def _origin(folder: Path) -> str:
    return (folder / "data/log.vkey").read_text(encoding="utf-8").partition("+")[0]


def _readable(folder: Path) -> list[Entry]:
    try:
        return read_entries(folder)
    except ValueError:  # it was cut in the middle of a line
        return []


def _list(folder: Path, name: str, files: list[Path]) -> None:
    sums = sorted((one.relative_to(folder).as_posix(), hashlib.sha256(one.read_bytes()).hexdigest()) for one in files)
    (folder / name).write_bytes(b"".join(manifest_line(path, digest) for path, digest in sums))
