"""Verify a bundle by our own libraries, without any outside tool: what `offboard verify` does.

Files, tree and rules are checked by the very script that is shipped in every bundle, taken from this installation and
not from the bundle; only the signatures are checked in another way, and more strictly (hardware keys must have been touched).
"""

from pathlib import Path

from core.errors import LedgerError, SignatureError
from core.evidence import verify as shipped
from core.ledger.note import verify_checkpoint
from core.model import Noun
from core.signatures import sshsig


class Check(Noun):
    """One check: `status` is OK, FAIL or INCOMPLETE; `detail` is one line of plain text."""

    name: str
    status: str
    detail: str


class VerifyReport(Noun):
    """What all checks came to. `caution` is said unless the keys were compared with expected ones; then it is empty."""

    checks: tuple[Check, ...]
    caution: str
    keys: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every check was made and passed."""
        return all(check.status == "OK" for check in self.checks)

    @property
    def incomplete(self) -> bool:
        """Whether a check could not be made; that is no success."""
        return any(check.status == "INCOMPLETE" for check in self.checks)

    @property
    def exit_status(self) -> int:
        """As the shipped scripts end: 0 all checks OK, 1 a check failed, 2 a check could not be made."""
        if any(check.status == "FAIL" for check in self.checks):
            return 1
        return 2 if self.incomplete else 0

    def lines(self) -> tuple[str, ...]:
        """Say it as verify.py does: one line a check, what the keys are worth, and the outcome."""
        checks = [f"{check.status:10} {check.name:11} {check.detail}" for check in self.checks]
        caution = [self.caution, "Compare these with the keys that you received at kick-off, or give them in a file:", *self.keys]
        return (*checks, *(caution if self.caution else ()), shipped.OUTCOMES[self.exit_status])


def verify_bundle(path: Path, expected_keys: str | None) -> VerifyReport:
    """Check the bundle in a folder. `expected_keys` is the text of the file received at kick-off (see `bundle.expected_keys`).

    A hostile bundle gives failed checks and never an exception.
    """
    results = shipped.verify(path, expected_keys, _note_holds, _ssh_holds)
    return VerifyReport(
        checks=tuple(Check(name=name, status=status, detail=detail) for status, name, detail in results),
        caution="" if expected_keys is not None else shipped.CAUTION,
        keys=tuple(shipped.key_list(shipped.Bag(path))),
    )


def _note_holds(note: shipped.Note) -> None:
    try:
        checkpoint = verify_checkpoint(note.whole, note.vkey)
    except LedgerError as error:
        raise shipped.Bad(error.what) from error
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (note.origin, note.size, note.root):
        raise shipped.Bad("the checkpoint can be read in two ways")


def _ssh_holds(message: bytes, signature: str, namespace: str, principal: str, keys: list[str]) -> None:
    try:
        signer = sshsig.verify(signature, message, namespace)
    except SignatureError as error:
        raise shipped.Bad(f"not signed by {principal} for {namespace}: {error.what}") from error
    if signer not in keys:
        raise shipped.Bad(f"not signed by {principal} for {namespace}, but by {sshsig.fingerprint(signer)}")
