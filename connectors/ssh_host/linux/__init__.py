"""A whole Linux host: every way in that is ours, given up reversibly behind a way back that the host keeps for the client."""

from connectors.ssh_host.linux.host import LinuxHost

__all__ = ["LinuxHost"]
