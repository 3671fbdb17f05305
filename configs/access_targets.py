"""The systems that let us in, by themselves: the client's own look needs no other, and runs where the others cannot be loaded."""

from typing import Annotated

from pydantic import Field

from connectors.aws_account import AwsAccount
from connectors.microsoft import EntraTenant
from connectors.ssh_host import LinuxHost, SshAccess

AccessTargetConfig = Annotated[AwsAccount | EntraTenant | LinuxHost | SshAccess, Field(discriminator="kind")]
