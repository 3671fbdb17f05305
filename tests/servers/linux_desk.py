"""A client with a whole Linux host, and the exit upon it."""

from typing import Any

from tests.servers.aws_desk import Desk


class LinuxDesk(Desk):
    """The client comes in as `admin`, by its own key."""

    system = "db1"

    def way_in(self, who: str) -> dict[str, Any]:
        """Leave what the request proposes, but for where the key is."""
        return {"private_key": f"file:{self.world.people.private(who)}"}
