"""A Unix host reached by SSH: its files, read only, what a command of it writes, and our ways in: key lines, or all that is ours."""

from connectors.ssh_host.access import SshAccess
from connectors.ssh_host.command import SshCommand
from connectors.ssh_host.files import SshFiles
from connectors.ssh_host.linux import LinuxHost

__all__ = ["LinuxHost", "SshAccess", "SshCommand", "SshFiles"]
