"""To whom an archive can be encrypted: keys that age can use, refused early and in clear words where they cannot be."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import pyrage

from core.archive.age_binary import check_post_quantum, needs_age_binary
from core.errors import ConfigurationError

AgeRecipient: TypeAlias = Any
"""`pyrage.x25519.Recipient` or `pyrage.ssh.Recipient`, which publish no types."""

# What people paste by mistake, and what to tell them. Private keys come first and are never shown.
_REFUSED = (
    (
        re.compile(r"AGE-SECRET-KEY-|-----BEGIN [A-Z ]*PRIVATE KEY", re.IGNORECASE),
        "this is a PRIVATE key: keep it secret, give the public one",
    ),
    (re.compile(r"^(ecdsa-sha2-|sk-)"), "age cannot encrypt to this kind of SSH key: ask for an ssh-ed25519, ssh-rsa or age1… key"),
    (re.compile(r"^ssh-dss"), "DSA keys are broken: ask for an ssh-ed25519 or age1… key"),
    (re.compile(r"^age1(?!pq1)[a-z0-9]+1[a-z0-9]+"), "keys of age plugins need the plugin's hardware here: ask for a plain age1… key"),
)


def check_recipient(text: str) -> str:
    """Return the recipient in its one spelling: `age1…`, `age1pq1…`, or `ssh-ed25519 BASE64` / `ssh-rsa BASE64` without comment.

    A post-quantum key is tried with the program age, which has to be there in version 1.3 or newer.
    Raises ConfigurationError that says what is wrong and what to ask for. A private key is never echoed.
    """
    text = text.strip()
    for pattern, why in _REFUSED:
        if pattern.search(text):
            raise _wrong(f"a recipient is refused: {why}")
    spelling = " ".join(text.split()[:2]) if text.startswith("ssh-") else text
    if needs_age_binary(spelling):
        check_post_quantum(spelling)
    else:
        _parse(spelling)
    return spelling


def check_recipients(texts: Sequence[str]) -> tuple[str, ...]:
    """Check them all, keeping the order and leaving out repeats. Raises ConfigurationError if there is none, or both kinds."""
    spelled = tuple(dict.fromkeys(check_recipient(text) for text in texts))
    if not spelled:
        raise _wrong("no recipient is named: an archive that nobody can open is of no use")
    refuse_mixed(spelled)
    return spelled


def refuse_mixed(recipients: Sequence[str]) -> None:
    """Keep post-quantum recipients and others apart. Raises ConfigurationError.

    Whoever breaks the others' keys would open what was meant to withstand quantum computers (https://c2sp.org/age, section on recipients).
    """
    post_quantum = sum(map(needs_age_binary, recipients))
    if 0 < post_quantum < len(recipients):
        raise _wrong(
            f"{post_quantum} of {len(recipients)} recipients are post-quantum (age1pq1…), the others are not: an archive is as weak as its "
            "weakest key, so take one kind for all"
        )


def age_recipients(texts: Sequence[str]) -> list[AgeRecipient]:
    """Make what pyrage takes, which knows no post-quantum recipients. Raises ConfigurationError."""
    checked = check_recipients(texts)
    if any(map(needs_age_binary, checked)):
        raise _wrong("post-quantum recipients (age1pq1…) cannot be used for this: name plain age1… keys")
    return [_parse(text) for text in checked]


def _parse(spelling: str) -> AgeRecipient:
    try:
        if spelling.startswith("ssh-"):
            base64.b64decode(spelling.split()[1], validate=True)
            return pyrage.ssh.Recipient.from_str(spelling)
        if spelling.startswith("age1"):
            return pyrage.x25519.Recipient.from_str(spelling)
    except (pyrage.RecipientError, binascii.Error, IndexError):
        pass
    # The text is not repeated: whatever it is, it might be a secret.
    raise _wrong("a recipient is no public key of age (age1…) or OpenSSH (ssh-ed25519 …, ssh-rsa …): check that it was copied whole")


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError([what], todo="ask the recipient for an age or ssh-ed25519 public key")
