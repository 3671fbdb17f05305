"""Cosignatures: client and successor sign a checkpoint that they were sent, and the record says so."""

from contextlib import suppress

from core.anchors.record import Way, anchors, named, record_anchor
from core.errors import SignatureError
from core.exit import Exit
from core.model import Checkpoint
from core.signatures import sshsig
from core.signatures.public_key import OverSomethingElseError
from core.signatures.purposes import Purpose, namespace
from core.signatures.statements import who_signed

WHY = "cosigned"
LONGEST_SIGNATURE = 16_384


def record_cosignature(exit_: Exit, signature: str) -> str:
    """Check a signature over one of this ledger's checkpoints, and put it on record. Returns in a sentence what is on record.

    Which checkpoint it is over is found by trying all that this ledger ever signed: so it is a beginning of it. Raises SignatureError,
    and then nothing is recorded: no signature, over no checkpoint of this ledger, or by somebody whose signature does not count.
    """
    signature, engagement = sshsig.tidy(signature), exit_.engagement
    if len(signature) > LONGEST_SIGNATURE:
        raise _refused("this is too long for a signature")
    checkpoint = _signed_checkpoint(exit_, signature)
    person, key = who_signed(signature, checkpoint.note.encode(), Purpose.CHECKPOINT, engagement, exit_.now())
    what = f"{person.name} ({person.principal}) has signed the checkpoint of {checkpoint.size} entries"
    if any(one.data["size"] == checkpoint.size and one.data["key"] == key for one in anchors(exit_, Way.COSIGNATURE)):
        return f"That is on record already: {what}. Nothing was added."
    facts = {"by": person.principal, "why": WHY, "key": key, "signature": signature}
    record_anchor(exit_, Way.COSIGNATURE, named(exit_, checkpoint), facts)
    return f"On record: {what}. What was recorded until then cannot be altered any more without being noticed."


def cosigning_words(checkpoint: Checkpoint) -> str:
    """Say in plain words what is signed by whoever cosigns a checkpoint."""
    return (
        f"You sign that you were given this checkpoint: the record {checkpoint.origin} has {checkpoint.size} entries, and the sum over "
        f"all of them (the root of the tree, SHA-256) is\n\n    {checkpoint.root.hex()}\n\n"
        "You do not sign that what the entries say is true, nor that you have read them. From now on nobody can alter, remove or insert\n"
        "one of these entries without its showing against your signature."
    )


def _signed_checkpoint(exit_: Exit, signature: str) -> Checkpoint:
    space = namespace(Purpose.CHECKPOINT, exit_.engagement.provider.domain)
    for checkpoint in reversed(exit_.ledger.checkpoints()):
        with suppress(OverSomethingElseError):
            sshsig.verify(signature, checkpoint.note.encode(), space)
            return checkpoint
    raise _refused("the signature is over no checkpoint of this ledger")


def _refused(what: str) -> SignatureError:
    todo = "sign the attachment `checkpoint` of one of our letters just as it came, and give back all of checkpoint.sig"
    return SignatureError(what, untouched="the record; nothing was added", todo=todo)
