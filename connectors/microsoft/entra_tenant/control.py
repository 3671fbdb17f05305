"""Whether the client itself administers its tenant: read from the directory, without any secret of the client's."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from connectors.microsoft.entra_tenant.people import read_user
from connectors.microsoft.entra_tenant.role_holders import who_has
from connectors.microsoft.entra_tenant.visit import GLOBAL_ADMINISTRATOR, Visit
from connectors.microsoft.errors import DeniedError
from connectors.microsoft.session import Entity, top
from core.errors import RefusedError

ENOUGH = 2
"""Administrators, besides the emergency account: with one alone, a lost telephone locks the client out."""
LATELY: Final = timedelta(days=30)
"""How far back sign-ins are read: Entra keeps no more of them."""


class Control(NamedTuple):
    """What was found."""

    administrators: tuple[str, ...]
    proved: bool
    evidence: str
    acted_at: datetime | None


def look_for_control(visit: Visit, without: frozenset[str] = frozenset()) -> Control:
    """See that the client's named administrators are global administrators and enabled, and that its emergency account is never stopped.

    `without`: groups that conditional access would make no exception for any more.
    """
    client = visit.settings.client
    holders = who_has(visit, GLOBAL_ADMINISTRATOR)
    able, words, acted = list[str](), list[str](), list[datetime]()
    for key in client.administrators:
        said, user = _judge(visit, key, holders)
        words.append(said)
        if user is not None:
            able.append(str(user.get("userPrincipalName")))
            acted += _signed_in(visit, key)
    if not client.administrators:
        words.append("no administrator of the client's is named in the engagement file")
    emergency, said = _emergency(visit, holders, without)
    words.append(said)
    proved = len(able) >= ENOUGH and emergency
    return Control(tuple(able), proved, "; ".join(words), max(acted, default=None))


def _judge(visit: Visit, key: str, holders: frozenset[str]) -> tuple[str, Entity | None]:
    """Say in words whether somebody administers the tenant; with the user, if so."""
    user = read_user(visit, key, select="id,userPrincipalName,displayName,accountEnabled")
    if user is None:
        return f"{key} is not there", None
    name = user.get("userPrincipalName")
    if visit.who.is_from_us(user):
        return f"{name} is ours, by its home tenant", None
    if key not in holders:
        return f"{name} is no global administrator", None
    if not user.get("accountEnabled"):
        return f"{name} is disabled", None
    return f"{name} is global administrator and enabled", user


def _emergency(visit: Visit, holders: frozenset[str], without: frozenset[str]) -> tuple[bool, str]:
    key = visit.settings.client.emergency_account
    if key is None:
        return False, "no emergency account is named in the engagement file"
    said, user = _judge(visit, key, holders)
    if user is None:
        return False, f"the emergency account: {said}"
    try:
        groups = {one["id"] for one in visit.tenant.pages("list_user_memberships", {"user-id": key})}
        stopped = [one["displayName"] for one in visit.tenant.pages("list_policies") if _stops(one, key, groups, without)]
    except RefusedError as error:
        return False, f"it cannot be seen whether conditional access stops the emergency account ({error})"
    if stopped:
        return False, f"conditional access may stop the emergency account {user.get('userPrincipalName')}: {', '.join(stopped)}"
    return True, f"the emergency account {user.get('userPrincipalName')} is enabled, and left out of conditional access"


def _stops(policy: Entity, key: str, groups: set[str], without: frozenset[str]) -> bool:
    """Whether an enabled policy does not leave somebody out. One for few may not be about it at all: who is left out is safe to say."""
    users = policy["conditions"].get("users") or {}
    included = set(users.get("includeUsers") or ()) & {"All", key} or set(users.get("includeGroups") or ()) & groups
    included = included or set(users.get("includeRoles") or ())
    excluded = key in (users.get("excludeUsers") or ()) or bool(set(users.get("excludeGroups") or ()) & (groups - without))
    return policy.get("state") == "enabled" and bool(included) and not excluded


def _signed_in(visit: Visit, key: str) -> Iterator[datetime]:
    """Give when a person signed in and was let in lately; nothing where we may not see it (AuditLog.Read.All, and a licence that keeps it).

    By the log of sign-ins, which has their outcome: of the times in `signInActivity` one counts attempts, the other what runs by itself.
    """
    asked = f"userId eq '{key}' and createdDateTime ge {datetime.now(UTC) - LATELY:%Y-%m-%dT%H:%M:%SZ}"
    with suppress(DeniedError):
        for one in visit.tenant.pages("list_sign_ins", filter=asked, top=top()):
            if one["status"]["errorCode"] == 0 and one.get("isInteractive") is not False:
                yield datetime.fromisoformat(one["createdDateTime"])
