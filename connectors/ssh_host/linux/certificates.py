"""What a certificate that the server refuses shows of the authority that signed it (PROTOCOL.certkeys of OpenSSH)."""

import base64
from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.linux.managed_host import ManagedHost
from core.model import Grant


class Certificate(NamedTuple):
    """A certificate as the server is asked about it: its type and wire form."""

    type: str
    blob: bytes


def asked(host: ManagedHost, account: str, line: str) -> tuple[Answer, str]:
    """Ask whether the server would let an account in by a certificate, without its private key. Raises as `SshHost.connect`."""
    kind, blob = line.split()[:2]
    return host.asked(account, Certificate(kind, base64.b64decode(blob)), None)


def is_valid(line: str, now: datetime) -> bool:
    """Whether a certificate holds at an instant, by its own times. One that cannot be read does not."""
    try:
        found = load_ssh_public_identity(line.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(found, SSHCertificate) and found.valid_after <= now.timestamp() < found.valid_before


def doubt(grant: Grant, ours: Collection[str]) -> str:
    """Say why a refusal of the certificate does not show that its authority is trusted no more; empty if it does.

    `ours` are the accounts that we close: the server may refuse whoever it is then.
    """
    if not is_valid(grant.undo.get("certificate", ""), datetime.now(UTC)):
        return "a certificate that is not valid now is refused whether or not its authority is trusted"
    if grant.undo["certificate-account"] in ours:
        return f"the certificate is for {grant.undo['certificate-account']}, an account of ours, which may refuse it because it is closed"
    return ""
