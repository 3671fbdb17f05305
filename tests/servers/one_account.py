"""A whole Linux host where our own account is all that we have; it has a password besides."""

from typing import Any

from tests.servers.linux_world import AccountsWorld

PASSWORD = "a-password-of-ours-too"


class OneAccountWorld(AccountsWorld):
    """Our own account is all that we have there; it has a password besides."""

    ours = ("connector",)

    def make(self) -> None:
        lines, server = self.people.lines, self.server
        server.account("northlight", lines["connector"], password=PASSWORD)
        server.write("/etc/sudoers.d/northlight", b"northlight ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)
        server.account("admin", lines["client"], password="known-to-the-client-alone")
        server.write("/etc/sudoers.d/admin", b"admin ALL=(ALL) NOPASSWD: ALL\n", mode=0o440)

    def fields(self) -> dict[str, Any]:
        accounts = ({"name": "northlight", "holder": "connector"},)
        return {"user": "northlight", "root": "sudo", "client_admins": ("admin",), "accounts": accounts}
