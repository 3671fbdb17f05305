"""The systems of the outside world that we can speak to: one union per port is the registry.

A new connector is a file (or folder) here and a name in its port's union.
"""

from typing import Annotated

from pydantic import Field

from connectors.folder import FolderDocuments, FolderFiles, FolderStore
from connectors.keepass_vault import KeepassVault
from connectors.register_file import RegisterFile
from connectors.smtp import Smtp
from connectors.ssh_host import SshAccess, SshFiles

DataSourceConfig = Annotated[FolderFiles | SshFiles, Field(discriminator="kind")]
AccessTargetConfig = SshAccess
CredentialSourceConfig = KeepassVault
DocumentSourceConfig = FolderDocuments
ObligationSourceConfig = RegisterFile
ArchiveStoreConfig = FolderStore
NotifierConfig = Smtp

__all__ = [
    "AccessTargetConfig",
    "ArchiveStoreConfig",
    "CredentialSourceConfig",
    "DataSourceConfig",
    "DocumentSourceConfig",
    "FolderFiles",
    "FolderStore",
    "NotifierConfig",
    "ObligationSourceConfig",
]
