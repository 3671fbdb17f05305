"""What nobody here looks at, and what is seen and only people can judge: both are told, and neither is a grant."""

from typing import Final

from connectors.microsoft.entra_tenant.visit import Visit

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
