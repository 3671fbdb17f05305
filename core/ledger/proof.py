"""That one entry stands in the ledger, as a file of its own: C2SP tlog-proof (https://c2sp.org/tlog-proof@v1).

Its lines: the format's name, `index` and the entry's number, the hashes of the inclusion proof (RFC 6962, section 2.1.1) in base64, an
empty line, and the signed checkpoint, word for word. Whoever has the entry's line and the log's verifier key needs nothing else.
"""

import base64
import re
from collections.abc import Iterable
from typing import Final

from core.errors import LedgerError
from core.ledger.merkle import inclusion_proofs, leaf_hash, verify_inclusion
from core.ledger.note import verify_checkpoint
from core.model import Checkpoint

SUFFIX: Final = ".tlog-proof"
_FORM: Final = re.compile(
    r"c2sp\.org/tlog-proof@v1\n(?:extra [A-Za-z0-9+/]*={0,2}\n)?index (0|[1-9][0-9]{0,18})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.+)",
    re.DOTALL,
)


def tlog_proofs(leaves: Iterable[bytes], checkpoint: Checkpoint, numbers: Iterable[int]) -> dict[int, str]:
    """Prove entries to be in the tree of a checkpoint, in one pass over the leaves. Raises IndexError for one that it does not cover."""
    proofs = inclusion_proofs(leaves, checkpoint.size, numbers)
    return {number: _spell(number, proof, checkpoint.note) for number, proof in proofs.items()}


def verify_tlog_proof(proof: str, entry: bytes, vkey: str) -> tuple[int, Checkpoint]:
    """Check that the entry's line is in the log whose verifier key this is; return its number and the checkpoint.

    The checkpoint is what to compare with those that one holds. Raises LedgerError.
    """
    match = _FORM.fullmatch(proof)
    if match is None:
        raise _bad("it is not of the form c2sp.org/tlog-proof@v1")
    checkpoint = verify_checkpoint(match[3], vkey)
    hashes = [base64.b64decode(line) for line in match[2].splitlines()]
    if not verify_inclusion(leaf_hash(entry), int(match[1]), checkpoint.size, hashes, checkpoint.root):
        raise _bad(f"this is not entry {match[1]} of the tree of size {checkpoint.size}")
    return int(match[1]), checkpoint


def _spell(number: int, proof: Iterable[bytes], note: str) -> str:
    hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in proof)
    return f"c2sp.org/tlog-proof@v1\nindex {number}\n{hashes}\n{note}"


def _bad(how: str) -> LedgerError:
    return LedgerError(f"the proof does not hold: {how}", todo="ask for the entry and its proof again, and compare the checkpoints")
