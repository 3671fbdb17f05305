"""Write the evidence bundle: a BagIt bag that a stranger verifies offline with stock tools (README.txt in it says how)."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from string import Template

from core.archive.bag import BAGIT, bag_info, manifest_line
from core.canonical import canonical_json
from core.errors import LedgerError
from core.evidence.report import render_report
from core.evidence.summary import summarise
from core.evidence.verify import documents_of, statement_name
from core.ledger.entries import read_line
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Checkpoint, Engagement, EntryKind, LedgerEntry, Noun
from core.signatures.statements import allowed_signers

HERE = Path(__file__).parent
SEAL_PURPOSE = "offboard-evidence"
"""The SSHSIG namespace, before `@domain`, of the log key's signature over the tag manifest."""


class EvidenceBundle(Noun):
    """A bundle as it was written. `root` is the Merkle root in hex, `manifest_sha256` the sum of its manifest-sha256.txt."""

    path: Path
    entries: int
    root: str
    manifest_sha256: str


def write_bundle(ledger: Ledger, engagement: Engagement, folder: Path, *, key: LogKey, now: datetime, audience: str) -> EvidenceBundle:
    """Replay the ledger, sign a fresh checkpoint, and write all of it to `folder`, whole or not at all.

    `key` is the ledger's own key: it seals the list of files. `audience` says in a line for whom the bundle is made.
    A bundle that is already there is moved aside to `<folder>.<n>`; nothing is deleted. Raises LedgerError if the
    ledger was altered, SignatureError if a person's key is none, OSError if the disk refuses.
    """
    if key.vkey != ledger.vkey:
        raise LedgerError(
            f"{key.origin} is not the key of this ledger", untouched=str(folder), todo="give the key that the ledger was opened with"
        )
    checkpoint = ledger.checkpoint()
    lines = tuple(islice(ledger.lines(), checkpoint.size))
    audience = " ".join(audience.split())
    payload = _payload(ledger, lines, engagement, checkpoint, now, audience)
    payload |= {"data/log.vkey": f"{key.vkey}\n".encode(), "data/log.pub.pem": key.public_pem}
    manifest = _manifest(payload)
    tags = _tags(payload, engagement, now, audience) | {"manifest-sha256.txt": manifest}
    tag_manifest = _manifest(tags)
    seal = key.ssh_signature(tag_manifest, f"{SEAL_PURPOSE}@{engagement.provider.domain}")
    _put_in_place(folder, {**payload, **tags, "tagmanifest-sha256.txt": tag_manifest, "tagmanifest-sha256.txt.sig": seal.encode()})
    return EvidenceBundle(
        path=folder, entries=checkpoint.size, root=checkpoint.root.hex(), manifest_sha256=hashlib.sha256(manifest).hexdigest()
    )


def expected_keys(engagement: Engagement, vkey: str) -> str:
    """Write what the other parties are to receive at kick-off, so that they need not believe the keys inside a bundle."""
    return f"# keys of the exit {engagement.slug}: keep this file; verify.sh and verify.py take it\n{vkey}\n{allowed_signers(engagement)}"


def _payload(
    ledger: Ledger, lines: Sequence[bytes], engagement: Engagement, checkpoint: Checkpoint, now: datetime, audience: str
) -> dict[str, bytes]:
    entries = tuple(read_line(line) for line in lines)
    summary = summarise(entries, engagement, checkpoint, ledger.document, now=now, audience=audience)
    nouns = engagement.model_dump(mode="json", include=set(Engagement.model_fields))  # an engagement file has connectors besides
    plans = [entry for entry in entries if entry.kind == EntryKind.PLAN]
    payload = {
        "data/ledger.jsonl": b"".join(line + b"\n" for line in lines),
        "data/checkpoint": checkpoint.note.encode(),
        "data/allowed_signers": allowed_signers(engagement).encode(),
        "data/engagement.json": canonical_json(nouns) + b"\n",
        "data/summary.json": summary.model_dump_json(indent=1).encode() + b"\n",
        "data/report.html": render_report(summary).encode(),
    }
    if plans:
        payload["data/plan.json"] = ledger.document(plans[-1].data["document"])
    return payload | _statements(entries) | _documents(entries, ledger)


def _statements(entries: Sequence[LedgerEntry]) -> dict[str, bytes]:
    files = {}
    for entry in entries:
        if entry.kind == EntryKind.STATEMENT:
            name = statement_name(entry.number, entry.subject, entry.data["principal"])
            files[name] = str(entry.data["text"]).encode()
            files[f"{name}.sig"] = str(entry.data["signature"]).encode()
    return files


def _documents(entries: Sequence[LedgerEntry], ledger: Ledger) -> dict[str, bytes]:
    digests = {digest for entry in entries for digest in documents_of(dict(entry.data))}
    return {f"data/documents/{digest}": ledger.document(digest) for digest in sorted(digests)}


def _tags(payload: Mapping[str, bytes], engagement: Engagement, now: datetime, audience: str) -> dict[str, bytes]:
    day = now.astimezone(UTC).strftime("%Y-%m-%d")
    facts = {"provider": engagement.provider.name, "client": engagement.client.name, "audience": audience, "day": day}
    more = [
        ("Source-Organization", " ".join(engagement.provider.name.split())),
        ("External-Description", f"Evidence of a client exit, made for: {audience}"),
    ]
    return {
        "bagit.txt": BAGIT,
        "bag-info.txt": bag_info(engagement.slug, day, sum(map(len, payload.values())), len(payload), more),
        "README.txt": Template((HERE / "README.txt").read_text(encoding="utf-8")).substitute(facts).encode(),
        "verify.sh": (HERE / "verify.sh").read_bytes(),
        "verify.py": (HERE / "verify.py").read_bytes(),
    }


def _manifest(files: Mapping[str, bytes]) -> bytes:
    return b"".join(manifest_line(name, hashlib.sha256(body).hexdigest()) for name, body in sorted(files.items()))


def _put_in_place(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write under a temporary name beside `folder`, flush to the disk, then rename: nobody ever sees half a bundle."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, body in files.items():
            _write(beside / name, body)
        for place in [*(one for one in beside.rglob("*") if one.is_dir()), beside]:
            _flush(place)
        if folder.exists():
            folder.rename(_free_name(folder))
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # our own unfinished copy
        raise
    _flush(folder.parent)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    if path.name in {"verify.sh", "verify.py"}:
        path.chmod(0o755)


def _flush(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    return aside
