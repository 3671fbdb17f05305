"""Print the report: PDF/A-3a (ISO 19005-3) and PDF/UA-1 (ISO 14289-1) by Typst, with the evidence for programs attached."""

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import typst

from core.canonical import Json
from core.errors import RefusedError
from core.evidence.pdf.content import content
from core.evidence.pdf.letters import printable
from core.evidence.said import Answer
from core.evidence.summary import Summary
from core.signatures.statements import read_instant

HERE: Final = Path(__file__).parent

ATTACHED: Final = {
    "summary.json": ("application/json", "The tables of this report"),
    "answers.json": ("application/json", "The fifteen answers, each sentence with its entries"),
    "certificate.dsse.json": ("application/json", "The certificate of the inventories, signed by the log key"),
    "checkpoint": ("text/plain", "Size and Merkle root of the record, signed by the log key"),
}
"""What a report carries: the files of the bundle's data folder by name, with media type and description."""


_TYPST: Final = re.compile(rb"<xmp:CreatorTool>(Typst [0-9.]+)</xmp:CreatorTool>")
_LAYOUT: Final = re.compile(rb"<pdf:Keywords>[^<]*(layout [0-9a-f]{12})</pdf:Keywords>")


def render_pdf(summary: Summary, answers: Sequence[Answer], files: Mapping[str, bytes]) -> bytes:
    """Print the report of a summary and its answers. `files` holds those of ATTACHED that are carried, byte for byte.

    The same data always gives the same bytes, whichever machine prints it: only Typst's own fonts are used, and the time that it
    bears is the summary's. Nothing of the data is ever read as markup. Raises RefusedError if it cannot be printed to both standards.
    """
    carried = [
        {"name": name, "media": ATTACHED[name][0], "what": ATTACHED[name][1], "sha256": hashlib.sha256(files[name]).hexdigest()}
        for name in ATTACHED
        if name in files
    ]
    with tempfile.TemporaryDirectory(prefix="offboard-report-") as folder:
        root = Path(folder)
        for one in carried:
            (root / one["name"]).write_bytes(files[one["name"]])
        told = _printable(content(summary, answers, carried)) | {"carried": carried, "layout": _layout()}
        (root / "data.json").write_text(json.dumps(told), encoding="utf-8")
        (root / "report.typ").write_bytes((HERE / "report.typ").read_bytes())
        try:
            made = typst.compile(
                root / "report.typ",
                root=root,
                ignore_system_fonts=True,
                format="pdf",
                pdf_standards=["a-3a", "ua-1"],
                timestamp=read_instant(summary.made_at),
            )
        except typst.TypstError as error:
            raise RefusedError(
                f"the report cannot be printed: {error.message}",
                untouched="the ledger and the rest of the bundle",
                todo="report this as a fault of the program; review.html says the same as the report",
            ) from error
    return bytes(made)


def printed_by(report: bytes) -> str:
    """Say what printed a report, as its metadata have it: Typst's version and our layout. Empty if they do not say, or it is no report.

    Whatever both of these print of the same data has the same bytes.
    """
    found = [mark.search(report) for mark in (_TYPST, _LAYOUT)]
    return ", ".join(one[1].decode() for one in found if one) if all(found) else ""


@cache
def _layout() -> str:
    """Name our layout by its files: if one changes, the same data may give other bytes."""
    files = sorted(one for one in HERE.iterdir() if one.suffix in {".py", ".typ"})
    return f"layout {hashlib.sha256(b''.join(one.read_bytes() for one in files)).hexdigest()[:12]}"


def _printable(told: Json) -> Json:
    if isinstance(told, str):
        return printable(told)
    if isinstance(told, Mapping):
        return {key: _printable(value) for key, value in told.items()}
    return [_printable(value) for value in told] if isinstance(told, list | tuple) else told
