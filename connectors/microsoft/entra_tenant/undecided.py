"""What nobody here looks at, and what is seen and only people can judge: both are told, and neither is a grant."""

from collections.abc import Iterator
from typing import Final

from connectors.microsoft.entra_tenant.people import read_user
from connectors.microsoft.entra_tenant.visit import GLOBAL_ADMINISTRATOR, MOST_TOLD, Visit
from connectors.microsoft.errors import GoneError

PRIVILEGED: Final = {
    GLOBAL_ADMINISTRATOR: "Global Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
    "7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2": "Hybrid Identity Administrator",
    "8329153b-31d0-4727-b945-745eb3bc5f31": "Domain Name Administrator",
    "e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8": "Partner Tier2 Support",
}
"""Roles by which one can come to rule a tenant, the same ids in each.

Source: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference.
"""

NEVER_LOOKED_AT: Final = (
    "Exchange: forwarding, full access to mailboxes, connectors, transport and journal rules, alert recipients",
    "Intune, Defender and Purview: their own roles, scripts on machines, alert recipients",
    "Azure: roles of ours on subscriptions and resources, their owners, delegations of single resource groups, access to Key Vault",
    "Microsoft 365 Lighthouse",
    "Power Platform: flows, connections and apps that our accounts own",
    "PIM for Groups: places in groups, and their ownership, that our people may take for a time",
    "administrative units' and applications' own roles, access packages, and groups that our people are in without a role",
    "accounts of the client's whose password or second factor we know, sessions of theirs that we hold",
    "accounts in the client's own directory on its premises, and what synchronises them but by its role and its sign-ins",
    "vendors' applications, backup and protection that we resell: they are their vendors'",
    "whose identity provider signs people in to a federated domain; authorities whose certificates people may sign in with",
    "applications of ours as owners of groups and applications, and as members of groups with roles",
    "conditional access: filters by attributes, of applications and of devices",
    "sign-ins of applications without a person, which Graph v1.0 does not show",
)


def tell_privileged(visit: Visit) -> None:
    """Tell who has, or may take, a role by which one comes to rule the tenant, and is neither ours nor the client's by the engagement file.

    What the file forgot would stay open otherwise. Of a group its members are told; of more than the first ones their ids alone.
    """
    roles = dict[str, set[str]]()
    for one in (*visit.tenant.pages("list_role_assignments"), *visit.eligible):
        if one.get("roleDefinitionId") in PRIVILEGED:
            roles.setdefault(str(one["principalId"]), set()).add(PRIVILEGED[one["roleDefinitionId"]])
    found = list[str]()
    for key in sorted(roles):
        people = _people_of(visit, key, resolve=len(found) < MOST_TOLD)
        found += [f"{words} is ({', '.join(sorted(roles[key]))})" for who, words in people if not _is_known(visit, who)]
    visit.tell("whose {}: name it in the engagement file, under ours if it is ours, under client.people if it is the client's", found)


def _is_known(visit: Visit, key: str) -> bool:
    """Whether the engagement file, or its home tenant, says whose it is."""
    return key in visit.settings.client.everybody or key in visit.accounts or key in visit.principals


def _people_of(visit: Visit, key: str, *, resolve: bool) -> Iterator[tuple[str, str]]:
    """Give the id and a name of who has a role: an account, an application, or the members of a group."""
    if not resolve or _is_known(visit, key):
        yield key, key
    elif user := read_user(visit, key, select="id,displayName,userPrincipalName"):
        yield key, f"{user.get('userPrincipalName')} {key}"
    else:
        yield from _application(visit, key) or _members(visit, key) or [(key, key)]


def _application(visit: Visit, key: str) -> list[tuple[str, str]]:
    try:
        said = visit.tenant.get("get_service_principal", {"servicePrincipal-id": key}, select="id,appId,displayName")
    except GoneError:
        return []
    return [(key, f"application {said.get('displayName')} {key}")]


def _members(visit: Visit, key: str) -> list[tuple[str, str]]:
    try:
        members = list(visit.tenant.pages("list_group_members_of_members", {"group-id": key}))
    except GoneError:
        return []
    people = [one for one in members if not str(one.get("@odata.type")).endswith(".group")]
    return [(one["id"], f"{one.get('userPrincipalName') or one.get('displayName')} {one['id']} by group {key}") for one in people]


def tell_federated_domains(visit: Visit) -> None:
    """Tell the domains whose people another identity provider signs in: whoever runs it comes in as anybody of theirs.

    Source: https://learn.microsoft.com/graph/api/resources/domain.
    """
    with visit.noting("domains"):
        found = [str(one["id"]) for one in visit.tenant.pages("list_domains") if one.get("authenticationType") == "Federated"]
        visit.tell(
            "whose identity provider signs people in to the domain {}: whoever runs it can come in as anybody of that domain. "
            "If that is us, have the client move the domain to its own, or to Microsoft's",
            sorted(found),
        )
