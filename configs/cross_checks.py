"""What must hold between the fields of an engagement file.

Works on the file as it was read, so that these mistakes are told together with those inside single fields. A part that
has not the right shape is passed over here: its own field tells.
"""

import difflib
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel

from core.archive.recipients import check_recipient, refuse_mixed
from core.dates import load_zone, resolve_local
from core.errors import ConfigurationError, SignatureError
from core.model import Party, ReasonCode, Role
from core.signatures.sshsig import normalise

SECTIONS = ("data_sources", "access_targets", "credential_sources", "document_sources", "obligation_sources")
STORES = ("archive_store", "delta_store", "handover_store", "checkpoint_store")
WITHOUT_REMEDIES = (ReasonCode.ABUSE, ReasonCode.CRIME, ReasonCode.UNETHICAL, ReasonCode.CLIENT_LEAVES)
LEAST_EXECUTIVES = 2
OURS = (Role.EXECUTIVE, Role.TECHNICIAN)

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """One mistake: the field it belongs to, and what is wrong and what to do."""

    path: Path
    text: str


def cross_check(raw: Mapping[str, Any]) -> list[Finding]:
    """Find every mistake between fields. `raw` holds what YAML said, or the nouns themselves."""
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
        _time_zone,
        _cutoff,
        _remedies,
        _people,
        _keys,
        _client_keys,
        _holders,
        _recipients,
        _successor,
        _connector_names,
        _nobody_to_enter_a_code,
        _stores,
    )
    return [finding for check in checks for finding in check(raw)]


def _time_zone(raw: Mapping[str, Any]) -> Iterator[Finding]:
    if isinstance(zone := _get(raw, "client", "time_zone"), str):
        yield from _refusal(("client", "time_zone"), partial(load_zone, zone))


def _cutoff(raw: Mapping[str, Any]) -> Iterator[Finding]:
    if isinstance(text := _get(raw, "cutoff"), str):
        yield from _refusal(("cutoff",), partial(resolve_local, text, zone_or_utc(raw)))
    elif (zone := _get(raw, "cutoff", "zone")) is not None and zone != _get(raw, "client", "time_zone"):
        yield Finding(("cutoff",), "the zone of the cutoff is not that of the client; give both the same")


def zone_or_utc(raw: Mapping[str, Any]) -> str:
    """Name the client's zone; UTC while that is wrong itself, so that the cutoff's own form can be judged."""
    zone = _get(raw, "client", "time_zone")
    return zone if isinstance(zone, str) and not any(_refusal((), partial(load_zone, zone))) else "UTC"


def _remedies(raw: Mapping[str, Any]) -> Iterator[Finding]:
    reason, tried = _get(raw, "decision", "reason"), _get(raw, "decision", "remedies_tried")
    if reason in tuple(ReasonCode) and reason not in WITHOUT_REMEDIES and (tried is None or tried in ([], ())):
        free = ", ".join(WITHOUT_REMEDIES)
        yield Finding(("decision", "remedies_tried"), f"name at least one remedy that was tried; only these reasons do without: {free}")


def _people(raw: Mapping[str, Any]) -> Iterator[Finding]:
    people = _items(raw, "people")
    yield from _twice(("people",), "principal", people, "this principal belongs to another person in the list already; give each their own")
    yield from _one_human_twice(people)
    yield from _twice(("holders",), "name", _items(raw, "holders"), "this name is in the list already; give each holder their own")
    if not isinstance(_get(raw, "people"), list | tuple):
        return
    executives = {str(_get(person, "principal")) for person in people if _get(person, "role") == Role.EXECUTIVE}
    if len(executives) < LEAST_EXECUTIVES:
        yield Finding(("people",), "there must be two persons with role: executive, since two sign the plan; add who is missing")
    if not any(_get(person, "role") == Role.CLIENT for person in people):
        yield Finding(("people",), "nobody has role: client; add the person at the client who signs for it")
    if not any(_get(person, "role") == Role.TECHNICIAN for person in people):
        yield Finding(("people",), "nobody has role: technician; add who of us arms the cutoff beside an executive and the client")


def _one_human_twice(people: list[Any]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for place, person in enumerate(people):
        name = " ".join(str(_get(person, "name") or "").split()).casefold()
        if name and seen.setdefault(name, place) != place:
            text = f"people.{seen[name]} has this name already, and two principals of one human would make two executives; "
            yield Finding(("people", place, "name"), text + "leave one out, or if they are two, write their names so that they differ")


def _keys(raw: Mapping[str, Any]) -> Iterator[Finding]:
    owners: dict[str, int] = {}
    theirs: set[str] = set()
    for place, person in enumerate(_items(raw, "people")):
        for path, text in [*_texts(person, ("people", place, "keys")), *_revoked(person, place)]:
            key = yield from _public_key(path, text)
            if key is None:
                continue
            if key in owners:
                whose = "this person" if owners[key] == place else f"people.{owners[key]}"
                yield Finding(path, f"this key belongs to {whose} already; every key belongs to one person, once")
            owners.setdefault(key, place)
            if _get(person, "role") in (Role.CLIENT, Role.SUCCESSOR):
                theirs.add(key)
    for place, holder in enumerate(_items(raw, "holders")):
        for path, text in _texts(holder, ("holders", place, "keys")):
            key = yield from _public_key(path, text)
            if key in theirs:
                yield Finding(path, "this key belongs to a person of the client or successor, whose access stays; name keys of ours only")


def _client_keys(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Find keys of ours among those by which the client is to be seen in control, and that keep a file from being emptied."""
    listed = [(f"people.{place}", person) for place, person in enumerate(_items(raw, "people")) if _get(person, "role") in OURS]
    listed += [(f"holders.{place}", holder) for place, holder in enumerate(_items(raw, "holders"))]
    ours = {_spelled(text): whose for whose, one in reversed(listed) for _, text in _texts(one, ("keys",))}
    for place, target in enumerate(_items(raw, "access_targets")):
        for path, text in _texts(target, ("access_targets", place, "client_keys")):
            if (key := _spelled(text)) and key in ours:
                yield Finding(path, f"this key is ours ({ours[key]}), so it shows nothing about the client; name a key of the client's own")


def _holders(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Find whatever a system calls somebody's who is not among the holders: nobody would ever look for it."""
    if not isinstance(_get(raw, "holders"), list | tuple):
        return
    known = [name for holder in _items(raw, "holders") if isinstance(name := _get(holder, "name"), str)]
    for place, target in enumerate(_items(raw, "access_targets")):
        for path, name in _named_holders(target, ("access_targets", place)):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none yet'}"
                yield Finding(path, f"nobody under holders has this name; {hint}")


def _named_holders(thing: Any, path: Path) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - see _get
    """Walk through everything that is said of a system, and give each field `holder`."""
    if isinstance(thing, list | tuple):
        for place, one in enumerate(thing):
            yield from _named_holders(one, (*path, place))
    elif isinstance(thing, Mapping | BaseModel):
        for name, value in dict(thing).items():
            if name == "holder" and isinstance(value, str):
                yield (*path, name), value
            else:
                yield from _named_holders(value, (*path, str(name)))


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


def _recipients(raw: Mapping[str, Any]) -> Iterator[Finding]:
    recipients = _items(raw, "recipients")
    if isinstance(_get(raw, "recipients"), list | tuple) and not any(_get(one, "party") == Party.CLIENT for one in recipients):
        yield Finding(("recipients",), "nothing is encrypted to the client; add a recipient with party: client")
    seen: dict[str, int] = {}
    good = list[str]()
    for place, recipient in enumerate(recipients):
        path: Path = ("recipients", place, "age")
        if not isinstance(text := _get(recipient, "age"), str):
            continue
        refused = list(_refusal(path, partial(check_recipient, text)))
        yield from refused
        good += [] if refused else [text]
        key = " ".join(text.split()[:2])
        if key in seen and not refused:
            yield Finding(path, f"recipients.{seen[key]} has this key already; each party needs a key of its own, named once")
        seen.setdefault(key, place)
    yield from _refusal(("recipients",), partial(refuse_mixed, good))


def _successor(raw: Mapping[str, Any]) -> Iterator[Finding]:
    if _get(raw, "successor") is not None:
        return
    for section, field in (("recipients", "party"), ("people", "role")):
        for place, item in enumerate(_items(raw, section)):
            if _get(item, field) == Party.SUCCESSOR:
                yield Finding(
                    (section, place, field), "this names the successor, but there is no section successor; add it, or remove this"
                )


def _connector_names(raw: Mapping[str, Any]) -> Iterator[Finding]:
    for section in SECTIONS:
        yield from _twice((section,), "name", _items(raw, section), "this name is taken in this section already; give each its own")


def _nobody_to_enter_a_code(raw: Mapping[str, Any]) -> Iterator[Finding]:
    for section in SECTIONS:
        for place, item in enumerate(_items(raw, section)):
            if _get(item, "access", "device_code") is True:
                text = "an exit runs by itself, with nobody there to enter a code; name private_key with certificate instead"
                yield Finding((section, place, "access", "device_code"), text)


def _stores(raw: Mapping[str, Any]) -> Iterator[Finding]:
    for number, store in enumerate(STORES):
        if (this := _get(raw, store)) is None:
            continue
        for earlier in STORES[:number]:
            if this == _get(raw, earlier):
                yield Finding((store,), f"this is the same place as {earlier}; each store needs its own")


def _twice(path: Path, field: str, items: list[Any], text: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for place, item in enumerate(items):
        if not isinstance(value := _get(item, field), str):
            continue
        if value in seen:
            yield Finding((*path, place, field), text)
        seen.add(value)


def _refusal(path: Path, check: Callable[[], object]) -> Iterator[Finding]:
    """Turn what a check raises into a finding."""
    try:
        check()
    except ConfigurationError as error:
        yield Finding(path, "; ".join(error.problems))
    except ValueError as error:
        yield Finding(path, str(error))


def _get(thing: Any, *names: str) -> Any:  # noqa: ANN401 - what YAML said, of any shape
    """Read a field of a mapping or of a noun; None if there is none."""
    for name in names:
        thing = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    return thing


def _items(raw: Mapping[str, Any], section: str) -> list[Any]:
    items = _get(raw, section)
    return list(items) if isinstance(items, list | tuple) else []


def _revoked(person: Any, place: int) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - see _get
    for number, one in enumerate(_items(person, "revoked_keys")):
        if isinstance(text := _get(one, "key"), str):
            yield ("people", place, "revoked_keys", number, "key"), text


def _texts(item: Any, path: Path) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - see _get
    texts = _get(item, str(path[-1]))
    for place, text in enumerate(texts if isinstance(texts, list | tuple) else ()):
        if isinstance(text, str):
            yield (*path, place), text
