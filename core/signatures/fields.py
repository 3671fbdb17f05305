"""Which fields a statement of each purpose has. Anything more is refused: a condition that no program reads must not look agreed."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from core.signatures.purposes import Purpose

LONGEST_ARMING: Final = timedelta(hours=48)
"""For how long people arm the cutoff, at the most: it ends by itself."""

_INSTANT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"
_SHA256: Final = r"[0-9a-f]{64}"
_SCOPE: Final = r"(export|hand-over|revoke)(,(export|hand-over|revoke))*|irreversible"
_TEXT: Final = r".+"
_COUNT: Final = r"0|[1-9]\d{0,8}"
_ONCE, _PERHAPS, _SOME, _ANY = (1, 1), (0, 1), (1, None), (0, None)

_COMMON: Final = {"client": (_ONCE, _TEXT), "principal": (_ONCE, _TEXT), "nonce": (_ONCE, r"[0-9a-f]{32}"), "made-at": (_ONCE, _INSTANT)}
_PLAN: Final = {"plan-sha256": (_ONCE, _SHA256)}

_FIELDS: Final[Mapping[Purpose, Mapping[str, tuple[tuple[int, int | None], str]]]] = {
    Purpose.APPROVAL: _COMMON
    | _PLAN
    | {
        "decision": (_ONCE, r"approve|rescind"),
        "scope": (_ONCE, _SCOPE),
        "not-before": (_PERHAPS, _INSTANT),
        "not-after": (_PERHAPS, _INSTANT),
    },
    Purpose.CONVERSATION: _COMMON | {"held-at": (_ONCE, _INSTANT), "channel": (_ONCE, r"in-person|phone"), "with": (_ONCE, _TEXT)},
    Purpose.ELECTION: _COMMON
    | _PLAN
    | {
        "deliver-to": (_SOME, r"client|successor"),
        "copies": (_ONCE, r"return|delete"),
        "object-lock-days": (_PERHAPS, r"[1-9]\d{0,4}"),
    },
    Purpose.ACKNOWLEDGEMENT: _COMMON
    | {
        "archive-manifest-sha256": (_PERHAPS, _SHA256),
        "archive-code": (_PERHAPS, _TEXT),
        "package-sha256": (_PERHAPS, _SHA256),
        "package-code": (_PERHAPS, _TEXT),
        "credentials": (_PERHAPS, _COUNT),
        "result": (_ONCE, r"accepted|accepted-with-exceptions|refused"),
        "exception": (_ANY, _TEXT),
    },
    Purpose.WAIVER: _COMMON | _PLAN | {"subject": (_ONCE, _TEXT), "reason": (_ONCE, _TEXT)},
    Purpose.REINSTATEMENT: _COMMON | _PLAN | {"grant": (_SOME, _TEXT), "reason": (_ONCE, _TEXT)},
    Purpose.ARMING: _COMMON | _PLAN | {"not-before": (_ONCE, _INSTANT), "not-after": (_ONCE, _INSTANT)},
    Purpose.CONTROL: _COMMON | {"system": (_SOME, _TEXT), "acted-at": (_ONCE, _INSTANT), "how": (_ONCE, _TEXT)},
    Purpose.READINESS: _COMMON | _PLAN | {"state": (_ONCE, r"ready|gap-accepted"), "what": (_ONCE, _TEXT)},
    Purpose.LOOK: _COMMON
    | _PLAN
    | {
        "system": (_ONCE, _TEXT),
        "looked-at": (_ONCE, _INSTANT),
        "asked-sha256": (_ONCE, _SHA256),
        "looked-for-sha256": (_ONCE, _SHA256),
        "looked-for": (_ONCE, _COUNT),
        "sees-all": (_ONCE, r"yes|no"),
        "still-there": (_ANY, _TEXT),
        "could-not-see": (_ANY, _TEXT),
        "beyond-the-plan": (_ANY, _TEXT),
        "unlisted": (_PERHAPS, r"[1-9]\d{0,8}"),
        "not-looked-at": (_ANY, _TEXT),
    },
}
_VALIDITY: Final = ("not-before", "not-after")
_ARCHIVE: Final = ("archive-manifest-sha256", "archive-code")
_PACKAGE: Final = ("package-sha256", "package-code", "credentials")


def problem(purpose: Purpose, fields: Iterable[tuple[str, str]]) -> str:
    """Say in one clause what is wrong with the fields, or nothing (""): missing, repeated, unknown, or of another form."""
    if purpose not in _FIELDS:
        return f"no text is signed for the purpose {purpose}"
    shape = _FIELDS[purpose]
    values: dict[str, list[str]] = {}
    for key, value in fields:
        if key not in shape:
            return f"{key[:40]} is no field of it"
        if not re.fullmatch(shape[key][1], value, re.ASCII):
            return f"the value of {key} is not of its form"
        values.setdefault(key, []).append(value)
    for key, ((least, most), _) in shape.items():
        count = len(values.get(key, ()))
        if count < least or (most is not None and count > most):
            return f"it names {key} {count} times instead of {'once' if most == 1 else 'at least once'}"
    return _TOGETHER[purpose](values) if purpose in _TOGETHER else ""


def _approval(values: Mapping[str, list[str]]) -> str:
    """Insist that an approval says how long it counts, and a rescission does not: by running out it would bring back what it took away.

    A rescission takes back everything, what is irreversible too; it is never about that alone.
    """
    if values["decision"] == ["rescind"] and values["scope"] == ["irreversible"]:
        return "a rescission is of the whole plan, not of what is irreversible alone"
    for key in _VALIDITY:
        if values["decision"] == ["approve"] and key not in values:
            return f"it names {key} 0 times instead of once"
        if values["decision"] == ["rescind"] and key in values:
            return f"a rescission does not run out, so {key} has no place in it"
    return ""


def _arming(values: Mapping[str, list[str]]) -> str:
    """Insist that arming ends by itself: what counts for weeks is no deliberate act just before."""
    try:
        begin, end = (datetime.fromisoformat(values[key][0]) for key in _VALIDITY)
    except ValueError:
        return "its times are none"
    if not timedelta(0) < end - begin <= LONGEST_ARMING:
        return f"it counts for some time, and for {LONGEST_ARMING.total_seconds() / 3600:.0f} hours at the most"
    return ""


def _acknowledgement(values: Mapping[str, list[str]]) -> str:
    for group in (_ARCHIVE, _PACKAGE):
        named = [key for key in group if key in values]
        if named and len(named) < len(group):
            return f"{', '.join(group)} belong together, and not all of them are there"
    if not values.keys() & {*_ARCHIVE, *_PACKAGE}:
        return "it names neither an archive nor a package"
    if ("exception" in values) != (values["result"] == ["accepted-with-exceptions"]) and values["result"] != ["refused"]:
        return "exceptions are listed if, and only if, it was accepted with exceptions or refused"
    return ""


def _look(values: Mapping[str, list[str]]) -> str:
    """Insist that a look which could not see something, or has no room to say so, does not claim to see all."""
    if (values["sees-all"] == ["yes"]) == bool(values.keys() & {"could-not-see", "unlisted"}):
        return "sees-all is no if, and only if, something could not be seen or is not listed"
    return ""


_TOGETHER: Final[Mapping[Purpose, Callable[[Mapping[str, list[str]]], str]]] = {
    Purpose.APPROVAL: _approval,
    Purpose.ACKNOWLEDGEMENT: _acknowledgement,
    Purpose.ARMING: _arming,
    Purpose.LOOK: _look,
}
"""What has to hold between the fields of a statement."""
