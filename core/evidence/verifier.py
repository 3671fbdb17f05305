"""Verify a bundle by our own libraries: what `offboard verify` does.

Files, tree and rules are checked by the very scripts that are shipped in every bundle, taken from this installation and not from the
bundle. Signatures are checked in another way, and more strictly (hardware keys must have been touched); only time stamps need a tool,
openssl. And what the bundle tells people is drawn anew from its ledger and compared.
"""

from functools import partial
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.errors import GoodLeaverError, LedgerError, SignatureError
from core.evidence import verify as shipped
from core.evidence.retold import compare_with_ledger
from core.ledger.note import verify_checkpoint
from core.model import Noun
from core.signatures import sshsig


class Check(Noun):
    """One check: `status` is OK, FAIL, INCOMPLETE, or WITHHELD for a rule over entries that are not shown; `detail` is one line of text."""

    name: str
    status: str
    detail: str


class VerifyReport(Noun):
    """What all checks came to. `caution` is said unless the keys were compared with expected ones; then it is empty."""

    checks: tuple[Check, ...]
    caution: str
    keys: tuple[str, ...]
    redacted: bool = False

    @property
    def ok(self) -> bool:
        """Whether every check that the bundle promises was made and passed."""
        return self.exit_status == 0

    @property
    def incomplete(self) -> bool:
        """Whether a check could not be made; that is no success."""
        return any(check.status == "INCOMPLETE" for check in self.checks)

    @property
    def exit_status(self) -> int:
        """As the shipped scripts end: 0 all checks OK, 1 a check failed, 2 a check could not be made."""
        return self._outcome()[0]

    def lines(self) -> tuple[str, ...]:
        """Say it as verify.py does: one line a check, what the keys are worth, and the outcome."""
        checks = [f"{check.status:10} {check.name:11} {check.detail}" for check in self.checks]
        caution = [self.caution, "Compare these with the keys that you received at kick-off, or give them in a file:", *self.keys]
        return (*checks, *(caution if self.caution else ()), self._outcome()[1])

    def _outcome(self) -> tuple[int, str]:
        return shipped.outcome([(check.status, check.name, check.detail) for check in self.checks], self.redacted)


class OwnLibraries(shipped.Tools):
    """Checks signatures by our own verifiers in place of openssl and ssh-keygen."""

    def note(self, note: shipped.Note) -> None:
        """Check a checkpoint, and that both readers read the same in it."""
        try:
            checkpoint = verify_checkpoint(note.whole, note.key.vkey)
        except LedgerError as error:
            raise shipped.Bad(error.what) from error
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != (note.key.name, note.size, note.root):
            raise shipped.Bad("the checkpoint can be read in two ways")

    def ed25519(self, key: shipped.Key, message: bytes, signature: bytes, what: str) -> None:
        """Check a plain signature by a key of the log."""
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except InvalidSignature:
            raise shipped.Bad(f"the log key did not sign {what}") from None

    def ssh(self, message: bytes, signature: str, namespace: str, principal: str, keys: list[str]) -> None:
        """Check an OpenSSH signature by one of a person's keys for one purpose."""
        try:
            signer = sshsig.verify(signature, message, namespace)
        except SignatureError as error:
            raise shipped.Bad(f"not signed by {principal} for {namespace}: {error.what}") from error
        if signer not in keys:
            raise shipped.Bad(f"not signed by {principal} for {namespace}, but by {sshsig.fingerprint(signer)}")


def verify_bundle(path: Path, expected_keys: str | None, *, redacted: bool = False) -> VerifyReport:
    """Check the bundle in a folder. `expected_keys` is the text of the file received at kick-off (see `bundle.expected_keys`).

    With `redacted`, a bundle that withholds entries may be a success; without, it is incomplete.
    A hostile bundle gives failed checks and never an exception.
    """
    bag = shipped.Bag(path)
    results = shipped.verify(path, expected_keys, OwnLibraries())
    results.append(shipped.attempt("retold", partial(_retold, bag)))
    return VerifyReport(
        checks=tuple(Check(name=name, status=status, detail=detail) for status, name, detail in results),
        caution="" if expected_keys is not None else shipped.CAUTION,
        keys=tuple(shipped.key_list(shipped.Bag(path))),
        redacted=redacted,
    )


def _retold(bag: shipped.Bag) -> str:
    try:
        return compare_with_ledger(bag)
    except GoodLeaverError as error:
        raise shipped.Bad(str(error)) from error
