"""Whose key is whose and for how long, for us and for `ssh-keygen -Y verify`."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from core.errors import SignatureError
from core.model import Engagement, Person
from core.signatures.public_key import fingerprint, normalise
from core.signatures.purposes import Purpose, namespace, who_may

_NOT_GIVEN = "everything; it counts as not given"


class SigningKey(NamedTuple):
    """One key of a person, as `type base64`. What it signs counts from `after` to `before`; None is no limit."""

    line: str
    after: datetime | None
    before: datetime | None
    revoked: bool


def signing_keys(person: Person) -> tuple[SigningKey, ...]:
    """List a person's keys, and those revoked; one that is both named and revoked is revoked. Raises SignatureError if one is no key."""
    revoked = {normalise(one.key): one.revoked_at for one in person.revoked_keys}
    current = [line for line in map(normalise, person.keys) if line not in revoked]
    return (
        *(SigningKey(line, person.valid_after, person.valid_before, revoked=False) for line in current),
        *(SigningKey(line, person.valid_after, _earlier(at, person.valid_before), revoked=True) for line, at in revoked.items()),
    )


def allowed_signers(engagement: Engagement) -> str:
    """Write the engagement's `allowed_signers` file (ssh-keygen(1)): one line for each key, with the namespaces of its owner's role.

    A key that counts for a time only has `valid-after` and `valid-before`, in UTC: whoever verifies says for when (`-O verify-time`).
    Nobody who may sign nothing is in it. Raises SignatureError for a key that is none.
    """
    lines = []
    for person in engagement.people:
        names = ",".join(namespace(purpose, engagement.provider.domain) for purpose in Purpose if person.role in who_may(purpose))
        for key in signing_keys(person) if names else ():
            limits = (("valid-after", key.after), ("valid-before", key.before))
            options = [f'namespaces="{names}"', *(f'{name}="{at.astimezone(UTC):%Y%m%d%H%M%SZ}"' for name, at in limits if at)]
            lines.append(f"{person.principal} {','.join(options)} {key.line}\n")
    return "".join(lines)


def signer(key: str, purpose: Purpose, engagement: Engagement, at: datetime) -> Person:
    """Find the one person whose key this was at an instant. `key` is a public key line.

    Raises SignatureError for a stranger, naming who would count; for a key that two people share: one hand could then sign for
    both; for a role that does not count; and for a key that did not count then.
    """
    line = normalise(key)
    owners = [(person, one) for person in engagement.people for one in signing_keys(person) if one.line == line]
    if not owners:
        raise SignatureError(
            f"the signature is by a stranger's key {fingerprint(line)}",
            untouched=_NOT_GIVEN,
            todo=f"have it signed by {_who_counts(purpose, engagement, at)}, with a key that the engagement file names",
        )
    if len(owners) > 1:
        raise SignatureError(
            f"the key {fingerprint(line)} stands for more than one person: {', '.join(one.principal for one, _ in owners)}",
            untouched=_NOT_GIVEN,
            todo="give each person a key of their own in the engagement file",
        )
    person, owned = owners[0]
    require_role(person, purpose, engagement, at)
    if limit := _outside(owned, at):
        raise SignatureError(
            f"the key {fingerprint(line)} of {person.name} ({person.principal}) {limit}",
            untouched=_NOT_GIVEN,
            todo=f"have it signed by {_who_counts(purpose, engagement, at)}, with a key that counts",
        )
    return person


def require_role(person: Person, purpose: Purpose, engagement: Engagement, at: datetime) -> None:
    """See that a person may sign for a purpose. Raises SignatureError, naming who counts at that instant."""
    if person.role not in who_may(purpose):
        raise SignatureError(
            f"{person.name} ({person.principal}) signs as {person.role}, which does not count for {_article(purpose)}",
            untouched=_NOT_GIVEN,
            todo=f"have it signed by {_who_counts(purpose, engagement, at)}",
        )


def _outside(key: SigningKey, at: datetime) -> str:
    """Say why a key did not count at an instant; nothing if it did."""
    if key.after and at < key.after:
        return f"does not count before {_shown(key.after)}"
    if key.before and (at >= key.before if key.revoked else at > key.before):
        return f"{'was revoked: it counted until' if key.revoked else 'has expired: it counted until'} {_shown(key.before)}"
    return ""


def _earlier(one: datetime, other: datetime | None) -> datetime:
    return min(one, other) if other else one


def _shown(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _who_counts(purpose: Purpose, engagement: Engagement, at: datetime) -> str:
    able = [one for one in engagement.people if one.role in who_may(purpose) and _has_a_key(signing_keys(one), at)]
    people = [f"{one.name} ({one.principal})" for one in able]
    return " or ".join(people) or f"somebody in the role of {' or '.join(sorted(who_may(purpose)))} (the engagement file names nobody)"


def _has_a_key(keys: Iterable[SigningKey], at: datetime) -> bool:
    return any(not _outside(key, at) for key in keys)


def _article(purpose: Purpose) -> str:
    return f"an {purpose}" if purpose[0] in "aeiou" else f"a {purpose}"
