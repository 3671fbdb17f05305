"""Roles that our application needs besides its permissions: in the directory for accounts that have one, in Azure for delegations.

No token tells of them, so they are read. What may not be read is told as what nobody can see.
"""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from connectors.microsoft.contract import Operation, azure, graph
from connectors.microsoft.entra_tenant.delegations import PLACE, delegations_to_us, subscriptions
from connectors.microsoft.entra_tenant.role_holders import who_has
from connectors.microsoft.entra_tenant.rules import READING, WRITING
from connectors.microsoft.entra_tenant.visit import MOST_TOLD, Visit
from connectors.microsoft.entra_tenant.who import Account, may_sign_in
from connectors.microsoft.errors import GoneError, WayInRefusedError
from connectors.microsoft.permissions import in_words
from connectors.microsoft.session import Entity
from core.errors import GuardError, RefusedError
from core.model import Grant
from core.ports import Missing

_SWITCH: Final = next(one for one in graph().operations if one.name == "change_user")
_BY_GROUP: Final = "a group that may have roles"
"""Counts as a role that only the strongest are above: being in such a group, or owning it."""
_IN_AZURE: Final = tuple(one for one in azure().operations if one.actions and one.name in READING | WRITING.keys())


def missing_roles(visit: Visit) -> Iterator[Missing]:
    """Name the roles that we lack for what is ours there now. Nothing is told where we do not come in at all. Raises UnavailableError."""
    try:
        yield from _in_directory(visit)
    except WayInRefusedError:
        return
    if not visit.settings.ours.home_tenants:
        return
    try:
        for subscription in subscriptions(visit):
            yield from _on(visit, subscription)
    except WayInRefusedError as error:
        yield Missing("a way into Azure", (f"nothing can be seen or ended there ({error.what})",), error.todo)


def told_beforehand(visit: Visit, grants: Iterable[Grant]) -> Iterator[str]:
    """Say in words which roles we lack, if any of these grants may need one. Raises UnavailableError."""
    if any(grant.id.startswith(("user ", "delegation ")) for grant in grants):
        for one in missing_roles(visit):
            lacking = "is missing" if one.seen else "may be missing"
            yield f"{one.permission} {lacking}, without which Microsoft refuses: {'; '.join(one.without)}"


def _in_directory(visit: Visit) -> Iterator[Missing]:
    doing = f"{in_words(_SWITCH)}, while it has a directory role, or is in {_BY_GROUP}, or owns one"
    try:
        lacking = _above_us(visit)
    except (GuardError, WayInRefusedError):
        raise
    except RefusedError as error:
        yield Missing("a directory role in the client's tenant", (f"{doing} ({error.what})",), error.todo, seen=False)
        return
    if lacking:
        suffice = [roles for _account, roles in lacking]
        least = next(name for role, name in suffice[0].items() if all(role in roles for roles in suffice))
        yield Missing(
            f"the directory role {least} in the client's tenant",
            (f"{doing}: {_some([account.words for account, _roles in lacking])}",),
            f"have the client give that role to application {visit.own} (Entra admin center, Roles & admins); "
            "it is not needed once these accounts have left all such roles and groups",
        )


def _above_us(visit: Visit) -> list[tuple[Account, Mapping[str, str]]]:
    """List our accounts above which none of our own roles is, each with the roles that would be, by id, the least first."""
    given = _given(visit)
    enabled = [account for account in visit.accounts.values() if may_sign_in(account.said)]
    found = [(account, _SWITCH.roles_over(_roles_of(visit, account, given))) for account in enabled]
    wanted = {role for _account, roles in found for role in roles}
    own = {key for key, one in visit.principals.items() if (one.said.get("appId") or "").lower() == visit.own} if wanted else set()
    held = {role for role in wanted if own & who_has(visit, role)}
    return [(account, roles) for account, roles in found if roles and not held & roles.keys()]


def _given(visit: Visit) -> dict[str, set[str]]:
    """Read who has which role. One for a part of the tenant counts as none that the contract names, so the strongest has to be above it."""
    found = dict[str, set[str]]()
    for one in visit.tenant.pages("list_role_assignments"):
        role, scope = str(one["roleDefinitionId"]), one.get("directoryScopeId")
        found.setdefault(str(one["principalId"]), set()).add(role if scope == "/" else f"{role} at {scope}")
    return found


def _roles_of(visit: Visit, account: Account, given: Mapping[str, set[str]]) -> set[str]:
    of_groups = set[str]()
    for listing in ("list_user_memberships", "list_user_owned_objects"):
        for one in visit.tenant.pages(listing, {"user-id": account.id}):
            if str(one.get("@odata.type")).endswith(".group") and (one["id"] in given or _may_have_roles(visit, one["id"])):
                of_groups = {_BY_GROUP}
    return given.get(account.id, set()) | of_groups


def _may_have_roles(visit: Visit, group: str) -> bool:
    try:
        return bool(visit.tenant.get("get_group", {"group-id": group}, select="id,isAssignableToRole").get("isAssignableToRole"))
    except GoneError:
        return False


def _on(visit: Visit, subscription: str) -> Iterator[Missing]:
    where = f"subscription {subscription} of Azure"
    try:
        given = list(visit.azure.pages("list_own_permissions", {PLACE: subscription}))
        reading = [one for one in _IN_AZURE if not one.writes]
        seen = all(roles_allow(given, one) for one in reading)
        needed = reading if seen and not delegations_to_us(visit, subscription) else list(_IN_AZURE)
    except (GuardError, WayInRefusedError):
        raise
    except RefusedError as error:
        todo = error.todo or "correct azure.subscriptions in the engagement file, if there is no such subscription"
        yield Missing(f"a role on {where}", (*map(in_words, _IN_AZURE), error.what), todo, seen=False)
        return
    found = dict[str, list[str]]()
    for one in needed:
        if not roles_allow(given, one):
            found.setdefault(one.permissions("application")[0][0], []).append(in_words(one))
    for role, operations in found.items():
        yield Missing(
            f"the role {role} on {where}",
            tuple(operations),
            f"have an owner of it give that role, or one that allows as much, to application {visit.own} (Access control (IAM))",
        )


def roles_allow(given: Iterable[Entity], operation: Operation) -> bool:
    """Whether roles allow all actions of an operation: each in one of them, which does not leave it out itself; `*` is any text.

    Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions.
    """
    return all(
        any(_names(one["actions"], action) and not _names(one.get("notActions") or (), action) for one in given)
        for action in operation.actions
    )


def _names(patterns: Iterable[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), one.lower()) for one in patterns)


def _some(words: list[str]) -> str:
    more = [f"{len(words) - MOST_TOLD} more"] if len(words) > MOST_TOLD else []
    return ", ".join([*words[:MOST_TOLD], *more])
