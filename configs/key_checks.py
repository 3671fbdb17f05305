"""Whose public keys are whose: what must hold between the keys of an engagement file."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from configs.findings import Finding, Path, get, items, texts
from core.errors import SignatureError
from core.model import Role
from core.signatures.sshsig import normalise

OURS = (Role.EXECUTIVE, Role.TECHNICIAN)


def keys(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Find keys that are none, that two have, or that are ours and the client's at once."""
    owners: dict[str, int] = {}
    theirs: set[str] = set()
    for place, person in enumerate(items(raw, "people")):
        for path, text in [*texts(person, ("people", place, "keys")), *_revoked(person, place)]:
            key = yield from _public_key(path, text)
            if key is None:
                continue
            if key in owners:
                whose = "this person" if owners[key] == place else f"people.{owners[key]}"
                yield Finding(path, f"this key belongs to {whose} already; every key belongs to one person, once")
            owners.setdefault(key, place)
            if get(person, "role") in (Role.CLIENT, Role.SUCCESSOR):
                theirs.add(key)
    for place, holder in enumerate(items(raw, "holders")):
        for path, text in texts(holder, ("holders", place, "keys")):
            key = yield from _public_key(path, text)
            if key in theirs:
                yield Finding(path, "this key belongs to a person of the client or successor, whose access stays; name keys of ours only")


def client_keys(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Find keys of ours among those by which the client is to be seen in control, and that keep a file from being emptied."""
    listed = [(f"people.{place}", person) for place, person in enumerate(items(raw, "people")) if get(person, "role") in OURS]
    listed += [(f"holders.{place}", holder) for place, holder in enumerate(items(raw, "holders"))]
    ours = {_spelled(text): whose for whose, one in reversed(listed) for _, text in texts(one, ("keys",))}
    for place, target in enumerate(items(raw, "access_targets")):
        for path, text in texts(target, ("access_targets", place, "client_keys")):
            if (key := _spelled(text)) and key in ours:
                yield Finding(path, f"this key is ours ({ours[key]}), so it shows nothing about the client; name a key of the client's own")


def _spelled(text: str) -> str | None:
    """Give the one spelling of a public key; None if it is none, which its own field tells."""
    try:
        return normalise(text)
    except SignatureError:
        return None


def _public_key(path: Path, text: str) -> Generator[Finding, None, str | None]:
    """Yield what is wrong with a public key, or return its one spelling."""
    try:
        return normalise(text)
    except SignatureError as error:
        yield Finding(path, f"{error.what}; {error.todo}")
        return None


def _revoked(person: Any, place: int) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - see get
    for number, one in enumerate(items(person, "revoked_keys")):
        if isinstance(text := get(one, "key"), str):
            yield ("people", place, "revoked_keys", number, "key"), text
