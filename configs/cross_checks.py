"""What must hold between the fields of an engagement file.

Works on the file as it was read, so that these mistakes are told together with those inside single fields. A part that
has not the right shape is passed over here: its own field tells.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel

from configs.findings import Finding, Path, get, items, refusal, twice
from configs.key_checks import client_keys, keys
from core.archive.recipients import check_recipient, refuse_mixed
from core.dates import load_zone, resolve_local
from core.model import Party, ReasonCode, Role

SECTIONS = ("data_sources", "access_targets", "credential_sources", "document_sources", "obligation_sources")
STORES = ("archive_store", "delta_store", "handover_store", "checkpoint_store")
WITHOUT_REMEDIES = (ReasonCode.ABUSE, ReasonCode.CRIME, ReasonCode.UNETHICAL, ReasonCode.CLIENT_LEAVES)
LEAST_EXECUTIVES = 2


def cross_check(raw: Mapping[str, Any]) -> list[Finding]:
    """Find every mistake between fields. `raw` holds what YAML said, or the nouns themselves."""
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (
        _time_zone,
        _cutoff,
        _remedies,
        _people,
        keys,
        client_keys,
        _holders,
        _recipients,
        _successor,
        _connector_names,
        _nobody_to_enter_a_code,
        _stores,
    )
    return [finding for check in checks for finding in check(raw)]


def _time_zone(raw: Mapping[str, Any]) -> Iterator[Finding]:
    if isinstance(zone := get(raw, "client", "time_zone"), str):
        yield from refusal(("client", "time_zone"), partial(load_zone, zone))


def _cutoff(raw: Mapping[str, Any]) -> Iterator[Finding]:
    if isinstance(text := get(raw, "cutoff"), str):
        yield from refusal(("cutoff",), partial(resolve_local, text, zone_or_utc(raw)))
    elif (zone := get(raw, "cutoff", "zone")) is not None and zone != get(raw, "client", "time_zone"):
        yield Finding(("cutoff",), "the zone of the cutoff is not that of the client; give both the same")


def zone_or_utc(raw: Mapping[str, Any]) -> str:
    """Name the client's zone; UTC while that is wrong itself, so that the cutoff's own form can be judged."""
    zone = get(raw, "client", "time_zone")
    return zone if isinstance(zone, str) and not any(refusal((), partial(load_zone, zone))) else "UTC"


def _remedies(raw: Mapping[str, Any]) -> Iterator[Finding]:
    reason, tried = get(raw, "decision", "reason"), get(raw, "decision", "remedies_tried")
    if reason in tuple(ReasonCode) and reason not in WITHOUT_REMEDIES and (tried is None or tried in ([], ())):
        free = ", ".join(WITHOUT_REMEDIES)
        yield Finding(("decision", "remedies_tried"), f"name at least one remedy that was tried; only these reasons do without: {free}")


def _people(raw: Mapping[str, Any]) -> Iterator[Finding]:
    people = items(raw, "people")
    yield from twice(("people",), "principal", people, "this principal belongs to another person in the list already; give each their own")
    yield from _one_human_twice(people)
    yield from twice(("holders",), "name", items(raw, "holders"), "this name is in the list already; give each holder their own")
    if not isinstance(get(raw, "people"), list | tuple):
        return
    executives = {str(get(person, "principal")) for person in people if get(person, "role") == Role.EXECUTIVE}
    if len(executives) < LEAST_EXECUTIVES:
        yield Finding(("people",), "there must be two persons with role: executive, since two sign the plan; add who is missing")
    if not any(get(person, "role") == Role.CLIENT for person in people):
        yield Finding(("people",), "nobody has role: client; add the person at the client who signs for it")
    if not any(get(person, "role") == Role.TECHNICIAN for person in people):
        yield Finding(("people",), "nobody has role: technician; add who of us arms the cutoff beside an executive and the client")


def _one_human_twice(people: list[Any]) -> Iterator[Finding]:
    seen: dict[str, int] = {}
    for place, person in enumerate(people):
        name = " ".join(str(get(person, "name") or "").split()).casefold()
        if name and seen.setdefault(name, place) != place:
            text = f"people.{seen[name]} has this name already, and two principals of one human would make two executives; "
            yield Finding(("people", place, "name"), text + "leave one out, or if they are two, write their names so that they differ")


def _holders(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Find whatever a system calls somebody's who is not among the holders: nobody would ever look for it."""
    if not isinstance(get(raw, "holders"), list | tuple):
        return
    known = [name for holder in items(raw, "holders") if isinstance(name := get(holder, "name"), str)]
    for place, target in enumerate(items(raw, "access_targets")):
        for path, name in _named_holders(target, ("access_targets", place)):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none yet'}"
                yield Finding(path, f"nobody under holders has this name; {hint}")


def _named_holders(thing: Any, path: Path) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - see get
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


def _recipients(raw: Mapping[str, Any]) -> Iterator[Finding]:
    recipients = items(raw, "recipients")
    if isinstance(get(raw, "recipients"), list | tuple) and not any(get(one, "party") == Party.CLIENT for one in recipients):
        yield Finding(("recipients",), "nothing is encrypted to the client; add a recipient with party: client")
    seen: dict[str, int] = {}
    good = list[str]()
    for place, recipient in enumerate(recipients):
        path: Path = ("recipients", place, "age")
        if not isinstance(text := get(recipient, "age"), str):
            continue
        refused = list(refusal(path, partial(check_recipient, text)))
        yield from refused
        good += [] if refused else [text]
        key = " ".join(text.split()[:2])
        if key in seen and not refused:
            yield Finding(path, f"recipients.{seen[key]} has this key already; each party needs a key of its own, named once")
        seen.setdefault(key, place)
    yield from refusal(("recipients",), partial(refuse_mixed, good))


def _successor(raw: Mapping[str, Any]) -> Iterator[Finding]:
    if get(raw, "successor") is not None:
        return
    for section, field in (("recipients", "party"), ("people", "role")):
        for place, item in enumerate(items(raw, section)):
            if get(item, field) == Party.SUCCESSOR:
                yield Finding(
                    (section, place, field), "this names the successor, but there is no section successor; add it, or remove this"
                )


def _connector_names(raw: Mapping[str, Any]) -> Iterator[Finding]:
    for section in SECTIONS:
        yield from twice((section,), "name", items(raw, section), "this name is taken in this section already; give each its own")


def _nobody_to_enter_a_code(raw: Mapping[str, Any]) -> Iterator[Finding]:
    for section in SECTIONS:
        for place, item in enumerate(items(raw, section)):
            if get(item, "access", "device_code") is True:
                text = "an exit runs by itself, with nobody there to enter a code; name private_key with certificate instead"
                yield Finding((section, place, "access", "device_code"), text)


def _stores(raw: Mapping[str, Any]) -> Iterator[Finding]:
    for number, store in enumerate(STORES):
        if (this := get(raw, store)) is None:
            continue
        for earlier in STORES[:number]:
            if this == get(raw, earlier):
                yield Finding((store,), f"this is the same place as {earlier}; each store needs its own")
