"""What may be asked of a tenant: operations that only look; mail, files and folders of those alone whom the engagement names."""

from collections.abc import Iterable, Mapping
from typing import Final

from connectors.microsoft.contract import Operation, graph
from connectors.microsoft.guard import Errand
from core.canonical import Json

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
BATCHED: Final = frozenset(
    {
        *("list_verification_records", "list_service_records", "list_group_members", "list_group_owners", "list_application_owners"),
        *("list_federated_credentials", "list_service_principal_owners", "list_app_role_assigned_to", "list_access_assignments"),
    }
)
"""What is asked of each of many things, and so of up to twenty in one request."""
PARTS: Final = 20
"""How many requests one may hold (learn.microsoft.com/graph/json-batching)."""
READING: Final = CONFIGURATION | MAIL | FILES | {"list_user_drives"}
"""All that an export ever asks."""
DOCUMENTS: Final = frozenset({"get_user", "list_user_drives", "list_children", "get_item", "read_item"})
"""All that reading one folder of documents ever asks."""


class Rules:
    """Judges requests. `drives` are the drives, by id, that the service named as those of the users in question."""

    def __init__(self, *, mailboxes: Iterable[str], owners: Iterable[str]) -> None:
        self._mailboxes, self.owners = frozenset(mailboxes), tuple(owners)
        self.drives = set[str]()

    def may_send(self, operation: Operation, places: Mapping[str, str], body: Json, _errand: Errand | None) -> bool:
        """Whether an operation, about these places, may leave this machine."""
        if operation.name == "batch":
            return self._may_batch(body)
        if operation.name not in READING or body is not None:
            return False
        if operation.name in MAIL:
            return places["user-id"] in self._mailboxes
        if operation.name == "list_user_drives":
            return places["user-id"] in self.owners
        return operation.name not in FILES or places["drive-id"] in self.drives

    def _may_batch(self, body: Json) -> bool:
        """Judge each part as if it were sent by itself; only bare GETs of lists that are asked for in this way pass."""
        some = body.get("requests") if isinstance(body, dict) and set(body) == {"requests"} else None
        return isinstance(some, list) and 0 < len(some) <= PARTS and all(self._may_be_part(one) for one in some)

    def _may_be_part(self, one: Json) -> bool:
        if not isinstance(one, dict) or set(one) != {"id", "method", "url"} or one["method"] != "GET" or not isinstance(one["url"], str):
            return False
        found = graph().find("GET", one["url"]) if one["url"].startswith("/") and not one["url"].startswith("//") else None
        return found is not None and found[0].name in BATCHED and self.may_send(*found, None, None)


class FolderRules(Rules):
    """Judges requests about one folder. `items` are those of it, and on the way to it, by their drives' ids and their own."""

    def __init__(self, owner: str) -> None:
        super().__init__(mailboxes=(), owners=(owner,))
        self.items = set[tuple[str, str]]()

    def may_send(self, operation: Operation, places: Mapping[str, str], body: Json, _errand: Errand | None) -> bool:
        """Whether an operation may leave this machine: of a drive, only what leads to the folder, and what is in it."""
        if operation.name not in DOCUMENTS or body is not None:
            return False
        if "user-id" in places:
            return places["user-id"] in self.owners
        drive, item = places["drive-id"], places["driveItem-id"]
        is_top = item == "root" and operation.name == "list_children"
        return drive in self.drives and (is_top or (drive, item) in self.items)
