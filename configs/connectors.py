"""The systems of the outside world that we can speak to: one union per port is the registry.

A new connector is a file (or folder) in connectors/ and a name in its port's union, here or in `access_targets`. They are named here and
not in that package, so that who needs one of them, as `offboard archive` the folder, does not load all.
"""

from typing import Annotated

from pydantic import Field

from connectors.folder import FolderDocuments, FolderFiles, FolderStore
from connectors.keepass_vault import KeepassVault
from connectors.microsoft import Microsoft365, Microsoft365Documents
from connectors.register_file import RegisterFile
from connectors.s3_bucket import S3Files, S3Store
from connectors.smtp import Smtp
from connectors.ssh_host import SshCommand, SshFiles
from connectors.time_stamp import Rfc3161

DataSourceConfig = Annotated[FolderFiles | Microsoft365 | S3Files | SshCommand | SshFiles, Field(discriminator="kind")]
CredentialSourceConfig = KeepassVault
DocumentSourceConfig = Annotated[FolderDocuments | Microsoft365Documents, Field(discriminator="kind")]
ObligationSourceConfig = RegisterFile
ArchiveStoreConfig = Annotated[FolderStore | S3Store, Field(discriminator="kind")]
NotifierConfig = Smtp
TimeStamperConfig = Rfc3161
