"""The certificate of the inventories: what was compared, what differs and by whose hand, and what was not looked at.

An in-toto Statement v1 (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) in a DSSE envelope signed by the log's key.
Its subjects are the checkpoint and the inventories, by their names in the bundle. It never says that nothing was deleted.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from core.canonical import canonical_json
from core.evidence.attribution import Attributed, By
from core.evidence.dsse import IN_TOTO, Sign, seal
from core.evidence.foreign import How, Source
from core.evidence.inventories import METHOD, Comparison, Inventory
from core.evidence.rows import Access
from core.evidence.summary import Summary
from core.model import Assurance, Checkpoint, GrantState

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:good-leaver:inventory-certificate:v1"
"""Names the fields of the predicate, which docs/reference.md describes. The namespace is not registered, and nothing is fetched by it."""

NOT_STATED: Final = (
    "anything about items outside these inventories, or about content that the systems did not show us",
    "that no item was removed, altered or read in a way that two lists cannot show",
    "anything about the time after our access ended",
)
"""What the certificate is silent about, whatever was compared."""

_VERBS: Final = {How.REMOVED: "missing", How.ADDED: "new", How.CHANGED: "changed"}


def certificate(summary: Summary, checkpoint: Checkpoint, sign: Sign, vkey: str) -> bytes:
    """Write the certificate: `statement` in its signed envelope. The same record always gives the same bytes."""
    return seal(statement(summary, checkpoint), IN_TOTO, sign, vkey)


def statement(summary: Summary, checkpoint: Checkpoint) -> bytes:
    """Write the in-toto Statement about the inventories of a summary, as canonical JSON."""
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [_subject("data/checkpoint", hashlib.sha256(checkpoint.note.encode()).hexdigest()), *_documents(summary)],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "engagement": summary.engagement,
                "provider": summary.provider,
                "client": summary.client,
                "planDigest": {"sha256": summary.plan} if summary.plan else {},
                "certifiedAt": summary.made_at,
                "log": {"origin": checkpoint.origin, "size": checkpoint.size, "rootHash": checkpoint.root.hex()},
                "method": METHOD,
                "datasets": [_dataset(one, summary.provider) for one in summary.inventories],
                "accessEnded": _access_ended(summary.access),
                "accessNotLookedAt": [{"system": one.system, "what": one.what} for one in summary.not_looked_at],
                "notStated": list(NOT_STATED),
            },
        }
    )


def sentences(one: Comparison, provider: str) -> tuple[str, ...]:
    """Say of one dataset what was compared and what came of it, as the certificate, the report and the page do."""
    of = f"{one.dataset} ({', '.join(one.selectors)})" if one.selectors else one.dataset
    if one.after is None:
        return (
            f"{provider} states: an inventory of {of} was taken {_taken(one.before)}, {METHOD}. There is no second one to compare it with.",
        )
    stated = f"{provider} states: inventories of {of} were taken {_taken(one.before)} and {_taken(one.after)}, {METHOD}."
    return (stated, *_differences(one), *(_source(source) for source in one.sources))


def access_ended_at(access: Sequence[Access]) -> str:
    """Say when our access ended, RFC 3339: when the last way in was taken away, if each was last seen to be revoked; else nothing."""
    ended = access and all(one.state == GrantState.REVOKED and one.done is not None for one in access)
    return max(one.done_at for one in access) if ended else ""


def _differences(one: Comparison) -> tuple[str, ...]:
    if not one.attributed or not any(row.items for row in one.attributed):
        return ("The two do not differ in anything that was compared.",)
    said = []
    for how in How:
        us, others, unexplained = (one.count(how, by) for by in (By.US, By.OTHERS, By.UNEXPLAINED))
        if total := us + others + unexplained:
            said.append(
                f"{total} {'item was' if total == 1 else 'items were'} {_VERBS[how]} at the second: {us} by us, as an entry of this record "
                f"names them; {others} by others, as a log brought from outside says; {unexplained} could not be attributed."
            )
    if not one.sources:
        said.append("No log of the system itself or of anybody else was brought that would tell who did it.")
    return tuple(said)


def _source(source: Source) -> str:
    gaps = "; ".join(f"{gap.begins} to {gap.ends} ({gap.why})" for gap in source.gaps)
    recorded = f"The log {source.name} (entry {source.entry}) recorded from {source.begins} to {source.ends}"
    return f"{recorded}, {f'except in the time that matters: {gaps}' if gaps else 'the whole time between the two'}."


def _taken(one: Inventory) -> str:
    return f"at {one.at} ({one.items} items, tree root {one.root}, entry {one.entry})"


def _subject(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _documents(summary: Summary) -> list[dict[str, Any]]:
    inventories = [one.before.sha256 for one in summary.inventories] + [one.after.sha256 for one in summary.inventories if one.after]
    foreign = [source.sha256 for one in summary.inventories for source in one.sources]
    return [_subject(f"data/documents/{digest}", digest) for digest in sorted({*inventories, *foreign})]


def _dataset(one: Comparison, provider: str) -> dict[str, Any]:
    return {
        "name": one.dataset,
        "selectors": list(one.selectors),
        "before": _inventory(one.before),
        "after": _inventory(one.after) if one.after else None,
        "differences": [_attributed(row) for row in one.attributed if row.items],
        "foreignSources": [_foreign(source) for source in one.sources],
        "notLookedAt": list(one.not_looked_at),
        "words": list(sentences(one, provider)),
    }


def _inventory(one: Inventory) -> dict[str, Any]:
    return {"entry": one.entry, "takenAt": one.at, "items": one.items, "rootHash": one.root, "digest": {"sha256": one.sha256}}


def _attributed(row: Attributed) -> dict[str, Any]:
    listed = [{"path": one.path, "entry": one.entry, "words": one.words} if one.words else {"path": one.path} for one in row.first]
    return {"how": row.how, "by": row.by, "items": row.items, "firstItems": listed}


def _foreign(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "entry": source.entry,
        "digest": {"sha256": source.sha256},
        "recordedFrom": source.begins,
        "recordedTo": source.ends,
        "records": source.records,
        "writesUsAs": list(source.ours),
        "gaps": [{"from": gap.begins, "to": gap.ends, "why": gap.why} for gap in source.gaps],
    }


def _access_ended(access: Sequence[Access]) -> Mapping[str, Any] | None:
    at = access_ended_at(access)
    if not at:
        return None
    counted = Counter(one.assurance for one in access)
    known = {str(one): counted[str(one)] for one in (Assurance.OBSERVED, Assurance.ATTESTED, Assurance.WAIVED)}
    return {"endedAt": at, "entries": sorted(one.seen for one in access if one.seen is not None), "grants": known}
