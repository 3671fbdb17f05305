"""When something was last used, as AWS tells it: what was used lately may be what a workload of the client's runs by.

Source: IAM API Reference, AccessKeyLastUsed, RoleLastUsed (the last 400 days; by whom it does not say), User (PasswordLastUsed).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

LATELY: Final = timedelta(days=7)


def was_lately(when: datetime | None) -> bool:
    """Tell whether something was used within LATELY."""
    return when is not None and datetime.now(UTC) - when < LATELY


def day(when: datetime) -> str:
    """Give the day, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d}"


def role_last_used(role: Mapping[str, Any]) -> str:
    """Say when and where a role was last used; empty if AWS knows of no use."""
    used = role.get("RoleLastUsed") or {}
    return f"{day(used['LastUsedDate'])} in {used.get('Region', 'a region that AWS does not name')}" if used.get("LastUsedDate") else ""
