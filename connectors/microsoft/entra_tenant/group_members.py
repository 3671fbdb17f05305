"""Whether a group that the engagement file calls ours holds our people alone, however they come to be in it."""

from typing import Final

from connectors.microsoft.entra_tenant.visit import MOST_TOLD, Visit
from connectors.microsoft.errors import GoneError
from core.errors import RefusedError

_HIDDEN: Final = "HiddenMembership"
"""Graph lists nobody in such a group without Member.Read.Hidden (learn.microsoft.com/graph/api/group-list-members)."""
_NO_PERSON: Final = (".group", ".device", ".orgContact", ".servicePrincipal")
"""Members that no exception for a group's people is about; of a group its own members are listed besides."""


def strangers_in(visit: Visit, group: str) -> list[str]:
    """Name everybody in a group, or in a group of it, who is none of our accounts; nobody if there is no such group any more.

    Raises RefusedError where its members cannot be seen, and as ports do.
    """
    places = {"group-id": group}
    try:
        if visit.tenant.get("get_group", places, select="id,visibility").get("visibility") == _HIDDEN:
            raise RefusedError(
                f"group {group} hides its members",
                untouched="it, and what makes an exception for it",
                todo="see with the client who is in it; if only our people are, have the client take it out of its exceptions",
            )
        members = list(visit.tenant.pages("list_group_members_of_members", places))
    except GoneError:
        return []
    people = [one for one in members if not str(one.get("@odata.type")).endswith(_NO_PERSON) and one["id"] not in visit.accounts]
    return sorted(f"{one.get('userPrincipalName') or one.get('displayName') or 'somebody'} {one['id']}" for one in people)


def require_ours_alone(visit: Visit, group: str, policy: str) -> None:
    """Raise RefusedError, naming them, if others are in a group: a policy that leaves it out no more would stop them as well."""
    if found := strangers_in(visit, group):
        more = f" and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
        raise RefusedError(
            f"group {group} is not ours alone, and {policy} would stop others who are in it: {', '.join(found[:MOST_TOLD])}{more}",
            untouched=policy,
            todo="have the client give them a group of their own there, or take ours out; who of them is ours, name under ours.users",
        )
