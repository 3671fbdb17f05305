"""Who has a directory role, for the whole tenant."""

from collections.abc import Iterator

from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.errors import GoneError


def who_has(visit: Visit, role: str) -> frozenset[str]:
    """List who has a role for the whole tenant, by object id: accounts, applications and groups, and the members of these groups."""
    found = set[str]()
    for one in visit.tenant.pages("list_role_assignments", filter=f"roleDefinitionId eq '{role}'"):
        if one.get("directoryScopeId") == "/":
            found |= {str(one["principalId"]), *_members(visit, str(one["principalId"]))}
    return frozenset(found)


def _members(visit: Visit, group: str) -> Iterator[str]:
    try:
        yield from (one["id"] for one in visit.tenant.pages("list_group_members_of_members", {"group-id": group}))
    except GoneError:
        return  # it is no group
