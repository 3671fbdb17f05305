"""Write the evidence bundle: a BagIt bag that a stranger verifies offline with stock tools (README.txt in it says how)."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from core.archive.bag import BAGIT, bag_info, manifest_line
from core.canonical import canonical_json
from core.disk import flush_folder
from core.errors import LedgerError
from core.evidence.answers import answer
from core.evidence.certificate import certificate
from core.evidence.page.render import render_page
from core.evidence.pdf.render import render_pdf
from core.evidence.retold import answers_file, shown_file, summary_file
from core.evidence.summary import summarise
from core.evidence.verify import SCRIPTS, anchor_line, documents_of, key_line, statement_name
from core.evidence.verify_checks import root_prints
from core.evidence.verify_personal import committed
from core.ledger.entries import read_line
from core.ledger.merkle import leaf_hash
from core.ledger.note import LogKey
from core.ledger.personal import Kept
from core.ledger.proof import SUFFIX, tlog_proofs
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


def write_bundle(
    ledger: Ledger,
    engagement: Engagement,
    folder: Path,
    *,
    key: LogKey,
    now: datetime,
    audience: str,
    shows: Callable[[LedgerEntry], bool] | None = None,
) -> EvidenceBundle:
    """Replay the ledger, sign a fresh checkpoint, and write all of it to `folder`, whole or not at all.

    `key` is the ledger's own key: it seals the list of files. `audience` says in a line for whom the bundle is made. With `shows` it is
    redacted: of an entry for which it says no, only the hash is in the bundle. A bundle that is already there is moved aside to
    `<folder>.<n>`; nothing is deleted. Raises LedgerError if the ledger was altered, SignatureError if a person's key is none, OSError
    if the disk refuses, RefusedError if the report cannot be printed.
    """
    if key.vkey != ledger.vkey:
        raise LedgerError(
            f"{key.origin} is not the key of this ledger", untouched=str(folder), todo="give the key that the ledger was opened with"
        )
    checkpoint = ledger.checkpoint()
    lines = tuple(islice(ledger.lines(), checkpoint.size))
    second = now.replace(microsecond=0)  # what the bundle says that it was made at, so that it can be drawn anew
    record = Record(engagement, key, checkpoint, lines, ledger.document, second, " ".join(audience.split()), ledger.personal_data())
    files = bundle_files(record, shows)
    _put_in_place(folder, files)
    digest = hashlib.sha256(files["manifest-sha256.txt"]).hexdigest()
    return EvidenceBundle(path=folder, entries=checkpoint.size, root=checkpoint.root.hex(), manifest_sha256=digest)


class Record(NamedTuple):
    """What a bundle is made from: `lines` are all the entries that the checkpoint covers, `document` gives a stored document.

    `personal` are the values about persons that are still kept.
    """

    engagement: Engagement
    key: LogKey
    checkpoint: Checkpoint
    lines: Sequence[bytes]
    document: Callable[[str], bytes]
    now: datetime
    audience: str
    personal: Sequence[Kept] = ()


def bundle_files(record: Record, shows: Callable[[LedgerEntry], bool] | None) -> dict[str, bytes]:
    """Make all files of a bundle, by their names in it; as `write_bundle` says."""
    payload = _whole(record) if shows is None else _redacted(record, shows)
    tags = _tags(payload, record, redacted=shows is not None) | {"manifest-sha256.txt": _manifest(payload)}
    tag_manifest = _manifest(tags)
    seal = record.key.ssh_signature(tag_manifest, f"{SEAL_PURPOSE}@{record.engagement.provider.domain}")
    return {**payload, **tags, "tagmanifest-sha256.txt": tag_manifest, "tagmanifest-sha256.txt.sig": seal.encode()}


def expected_keys(engagement: Engagement, vkey: str, stamp_roots: bytes = b"") -> str:
    """Write what the other parties are to receive at kick-off, so that they need not believe the keys inside a bundle.

    `stamp_roots` are the certificates (PEM) by which the record's time stamps hold.
    """
    head = f"# keys of the exit {engagement.slug}: keep this file; verify.sh and verify.py take it\n"
    return head + "".join(f"{line}\n" for line in (vkey, *root_prints(stamp_roots))) + allowed_signers(engagement)


def _whole(record: Record) -> dict[str, bytes]:
    engagement, document = record.engagement, record.document
    entries = tuple(map(read_line, record.lines))
    named = committed(list(record.lines))  # what is kept for a step that was not begun yet stands in no entry
    kept = sorted(one for one in record.personal if one.commitment in named)
    personal = {one.commitment: one.value for one in kept}
    summary = summarise(entries, engagement, record.checkpoint, document, now=record.now, audience=record.audience, personal=personal)
    answers = answer(summary, entries, engagement, document)
    nouns = engagement.model_dump(mode="json", include=set(Engagement.model_fields))  # an engagement file has connectors besides
    told = {
        "summary.json": summary_file(summary),
        "answers.json": answers_file(answers),
        "certificate.dsse.json": certificate(summary, record.checkpoint, record.key.sign, record.key.vkey),
        "checkpoint": record.checkpoint.note.encode(),
        "personal.tsv": "".join(one.line for one in kept).encode(),
    }
    payload = {f"data/{name}": body for name, body in told.items()} | {
        "data/engagement.json": canonical_json(nouns) + b"\n",
        "data/review.html": render_page(summary, answers, record.lines).encode(),
        "data/report.pdf": render_pdf(summary, answers, told),
    }
    plans = [entry for entry in entries if entry.kind == EntryKind.PLAN]
    if plans:
        payload["data/plan.json"] = document(plans[-1].data["document"])
    return payload | _entries(record, entries)


def _redacted(record: Record, shows: Callable[[LedgerEntry], bool]) -> dict[str, bytes]:
    entries = tuple(entry for entry in map(read_line, record.lines) if shows(entry))
    leaves = [leaf_hash(line) for line in record.lines]
    proofs = tlog_proofs(leaves, record.checkpoint, [entry.number for entry in entries])
    payload = {
        "data/checkpoint": record.checkpoint.note.encode(),
        "data/leaves.txt": "".join(f"{leaf.hex()}\n" for leaf in leaves).encode(),
        "data/shown.txt": shown_file(entries),
    }
    return payload | {f"data/proofs/{number}{SUFFIX}": proof.encode() for number, proof in proofs.items()} | _entries(record, entries)


def _entries(record: Record, entries: Sequence[LedgerEntry]) -> dict[str, bytes]:
    """Write what every bundle has of the entries that it shows, and the keys."""
    anchors, rotations = ([one for one in entries if one.kind == kind] for kind in (EntryKind.ANCHOR, EntryKind.ROTATION))
    return {
        "data/ledger.jsonl": b"".join(record.lines[entry.number] + b"\n" for entry in entries),
        "data/anchors.tsv": "".join(anchor_line(_fields(entry)) for entry in anchors).encode(),
        "data/log-keys.tsv": "".join(key_line(_fields(entry)) for entry in rotations).encode(),
        "data/log.vkey": f"{record.key.vkey}\n".encode(),
        "data/log.pub.pem": record.key.public_pem,
        "data/allowed_signers": allowed_signers(record.engagement).encode(),
        **_statements(entries),
        **_documents(entries, record.document),
    }


def _fields(entry: LedgerEntry) -> dict[str, Any]:
    return {"number": entry.number, "data": entry.data}


def _statements(entries: Sequence[LedgerEntry]) -> dict[str, bytes]:
    files = {}
    for entry in entries:
        if entry.kind == EntryKind.STATEMENT:
            name = statement_name(entry.number, entry.subject, entry.data["principal"])
            files[name] = str(entry.data["text"]).encode()
            files[f"{name}.sig"] = str(entry.data["signature"]).encode()
    return files


def _documents(entries: Sequence[LedgerEntry], document: Callable[[str], bytes]) -> dict[str, bytes]:
    digests = {digest for entry in entries for digest in documents_of(dict(entry.data))}
    return {f"data/documents/{digest}": document(digest) for digest in sorted(digests)}


def _tags(payload: Mapping[str, bytes], record: Record, *, redacted: bool) -> dict[str, bytes]:
    engagement, day = record.engagement, record.now.astimezone(UTC).strftime("%Y-%m-%d")
    facts = {"provider": engagement.provider.name, "client": engagement.client.name, "audience": record.audience, "day": day}
    more = [
        ("Source-Organization", " ".join(engagement.provider.name.split())),
        ("External-Description", f"Evidence of a client exit, made for: {record.audience}{'; entries are withheld' if redacted else ''}"),
    ]
    readme = Template((HERE / ("README-redacted.txt" if redacted else "README.txt")).read_text(encoding="utf-8"))
    return {
        "bagit.txt": BAGIT,
        "bag-info.txt": bag_info(engagement.slug, day, sum(map(len, payload.values())), len(payload), more),
        "README.txt": readme.substitute(facts).encode(),
        **{name: (HERE / name).read_bytes() for name in SCRIPTS},
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
            flush_folder(place)
        if folder.exists():
            folder.rename(_free_name(folder))
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # our own unfinished copy
        raise
    flush_folder(folder.parent)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    if path.name in {"verify.sh", "verify.py"}:  # the others are parts of verify.py
        path.chmod(0o755)


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    return aside
