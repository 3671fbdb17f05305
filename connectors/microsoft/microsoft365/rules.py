"""What an export may ask of a tenant: operations that only look; mail and files of those alone whom the engagement names."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from connectors.microsoft.contract import Operation
from connectors.microsoft.guard import Errand

CONFIGURATION: Final = frozenset(
    {
        *("list_organization", "list_domains", "list_verification_records", "list_service_records", "list_licences", "list_users"),
        *(
            "list_groups",
            "list_group_members",
            "list_group_owners",
            "list_role_definitions",
            "list_role_assignments",
            "list_eligible_roles",
        ),
        *("list_policies", "list_named_locations", "list_applications", "list_application_owners", "list_federated_credentials"),
        *("list_service_principals", "list_service_principal_owners", "list_app_role_assigned_to", "list_permission_grants"),
        *("list_managed_devices", "list_device_configurations", "list_compliance_policies"),
        *("list_partners", "list_relationships", "list_access_assignments", "list_audits", "list_sign_ins", "get_user"),
    }
)
MAIL: Final = frozenset({"list_mail_folders", "list_child_folders", "list_messages", "read_message"})
FILES: Final = frozenset({"list_items", "list_items_since", "get_item", "read_item"})
READING: Final = CONFIGURATION | MAIL | FILES | {"list_user_drives"}
"""All that is ever asked."""


class Rules:
    """Judges requests. `drives` are the drives, by id, that the service named as those of the users in question."""

    def __init__(self, *, mailboxes: Iterable[str], owners: Iterable[str]) -> None:
        self._mailboxes, self._owners = frozenset(mailboxes), frozenset(owners)
        self.drives = set[str]()

    def may_send(self, operation: Operation, places: Mapping[str, str], body: Any, _errand: Errand | None) -> bool:  # noqa: ANN401 - JSON
        """Whether an operation, about these places, may leave this machine."""
        if operation.name not in READING or body is not None:
            return False
        if operation.name in MAIL:
            return places["user-id"] in self._mailboxes
        if operation.name == "list_user_drives":
            return places["user-id"] in self._owners
        return operation.name not in FILES or places["drive-id"] in self.drives
