"""What the client's tenant wrote down of us: its directory log, in which nobody can write or delete.

Entra shows an entry some minutes after what it is about, and keeps it for 7 days, or 30 with a licence for it
(https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention).
"""

from collections.abc import Iterator
from datetime import datetime

from connectors.microsoft.entra_tenant.visit import Visit
from connectors.microsoft.session import Entity
from core.ports import ForeignLog

SOURCE = "the directory log of Microsoft Entra (auditLogs/directoryAudits) by our applications and accounts"


def what_we_did(visit: Visit, since: datetime) -> ForeignLog:
    """Read what it says of each application and account of ours, and of nobody else. Raises as ports do."""
    found = dict[str, Entity]()
    for who in _ours(visit):
        for one in visit.tenant.pages("list_audits", filter=f"activityDateTime ge {since:%Y-%m-%dT%H:%M:%SZ} and {who}"):
            found[str(one.get("id"))] = one
    return ForeignLog(SOURCE, tuple(sorted(found.values(), key=lambda one: (str(one.get("activityDateTime")), str(one.get("id"))))))


def _ours(visit: Visit) -> Iterator[str]:
    """Name each of ours as the log's filter does."""
    for one in visit.principals.values():
        yield f"initiatedBy/app/appId eq '{one.said['appId']}'"
    for key in visit.accounts:
        yield f"initiatedBy/user/id eq '{key}'"
