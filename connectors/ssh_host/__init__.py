"""A Unix host reached by SSH: its files, read only, what a command of it writes, and the key lines by which we come in."""

from connectors.ssh_host.access import SshAccess
from connectors.ssh_host.command import SshCommand
from connectors.ssh_host.files import SshFiles

__all__ = ["SshAccess", "SshCommand", "SshFiles"]
