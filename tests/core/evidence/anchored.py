"""Checkpoints that others stamped, signed or were sent, put on record in a story; and a bundle in which people may sign checkpoints."""

from pathlib import Path
from typing import Any

from forgery import Forger
from made_up_exit import Story
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

from core.model import EntryKind
from core.signatures.sshsig import sign
from demo.time_stamp_server import TimeStampServer

CHECKPOINT = "offboard-checkpoint@msp.example"


def anchor(story: Story, how: str, authority: TimeStampServer | None = None, *, over: bytes = b"", note: str = "", **more: Any) -> None:  # noqa: ANN401 - what an entry holds
    """Record an anchor of the ledger as it stands; `over` is stamped or signed in the checkpoint's place, `more` replaces what is said."""
    checkpoint = story.ledger.checkpoint()
    body = (note or checkpoint.note).encode()
    data: dict[str, Any] = {"how": how, "size": checkpoint.size, "root": checkpoint.root.hex(), "by": "a store", "why": "a test"}
    data["checkpoint-document"] = story.ledger.put_document(body, "text/plain")
    if how == "cosignature":
        data |= {"by": "carol@acme.example", "signature": sign(story.people.private["carol@acme.example"], over or body, CHECKPOINT)}
    if how == "time-stamp":
        assert authority
        token = authority.answer(TimestampRequestBuilder(over or body, HashAlgorithm.SHA256).build().as_bytes())
        stamped = decode_timestamp_response(token).tst_info.gen_time
        data |= {"by": "https://tsa.example", "token-document": story.ledger.put_document(token, "application/timestamp-reply")}
        data["roots-document"] = story.ledger.put_document(authority.roots.read_bytes(), "application/x-pem-file")
        data["stamped-at"] = f"{stamped:%Y-%m-%dT%H:%M:%SZ}"
    story.entry(EntryKind.ANCHOR, data | more, subject=f"checkpoint {checkpoint.size}")


def bundled(story: Story, **how: Any) -> Path:  # noqa: ANN401 - handed on
    """Write the story's bundle, in which client and successor may sign checkpoints as well."""
    path = story.bundle(**how).path
    signers = path / "data/allowed_signers"
    if CHECKPOINT not in signers.read_text():
        both = f"offboard-acknowledgement@msp.example,{CHECKPOINT}"
        signers.write_text(signers.read_text().replace("offboard-acknowledgement@msp.example", both))
        Forger.everything(path, story.key)
    return path
