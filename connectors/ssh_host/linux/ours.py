"""What is ours on a host, as the engagement file names it: what cannot be told from a key."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from connectors.ssh_host.host import PublicLine
from connectors.ssh_host.linux.commands import ACCOUNT, UNIT
from core.model import Noun

AccountName = Annotated[str, StringConstraints(pattern=f"^(?:{ACCOUNT.pattern})$")]
UnitName = Annotated[str, StringConstraints(pattern=f"^(?:{UNIT.pattern})$")]
HolderName = Annotated[str, Field(description="one of the holders of this engagement, by name")]


def _certificate(line: str) -> str:
    if line and re.match(r"\S+-cert-v01@openssh\.com [A-Za-z0-9+/]+={0,2}(\s|$)", line) is None:
        raise ValueError("write the one line of a file KEY-cert.pub")
    return " ".join(line.split()[:2])


CertificateLine = Annotated[str, AfterValidator(_certificate)]


class OurAccount(Noun):
    """An account that is ours alone."""

    name: AccountName
    holder: HolderName
    used_by_us_alone: bool = Field(
        default=False, description="nothing of the client's runs under it, so that what was left running holds nothing"
    )


class OurAuthority(Noun):
    """A certificate authority of ours.

    With a certificate that it signed, the server can be asked from outside whether it still lets such certificates in; the private key that
    belongs to the certificate is not needed.
    """

    key: PublicLine
    holder: HolderName
    certificate: CertificateLine = Field(default="", description="one live certificate by it, as in KEY-cert.pub")
    account: AccountName | None = Field(default=None, description="whom that certificate lets in")


class OurAgent(Noun):
    """A service of ours that runs on the host, by the name of its systemd unit."""

    unit: UnitName
    holder: HolderName
