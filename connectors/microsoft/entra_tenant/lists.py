"""Lists that name us beside others: without us, and with us put back where we stood."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from core.canonical import Json

KEY: Final = "cidrAddress"
"""What names a range of addresses."""


def others(value: Json, ours: frozenset[str]) -> Json:
    """Leave what is said of others: lists without what names us; what then says nothing at all counts as empty."""
    if isinstance(value, Mapping):
        if value.get("membershipKind") == "enumerated":
            left = [one for one in value.get("members", ()) if one not in ours]
            return {**value, "members": left} if left else None
        if "guestOrExternalUserTypes" in value:
            tenants = value.get("externalTenants")
            left = others(tenants, ours)
            return None if tenants and left is None else {**value, "externalTenants": left}
        return {name: found for name, one in value.items() if (found := others(one, ours)) not in (None, [])}
    if isinstance(value, list | tuple):
        return [one for one in value if name_of(one) not in ours]
    return None if isinstance(value, str) and value.lower() in ours else value


def name_of(one: Json) -> Json:
    """Tell by what an entry of a list is known."""
    if isinstance(one, Mapping):
        return one.get(KEY)
    return one.lower() if isinstance(one, str) and "@" in one else one


def put_back(now: Iterable[Any], before: Iterable[Any], wanted: Iterable[Any]) -> list[Any]:
    """Add what is `wanted` to a list as it is now, in the order of the list as it was before; what came since stays at the end."""
    here, known, again = list(now), list(before), list(wanted)
    return [one for one in known if one in here or one in again] + [one for one in here if one not in known]
