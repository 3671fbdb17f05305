"""What the engagement file says of a tenant at Microsoft: which it is, where, and how we come in."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from connectors.microsoft.addresses import Cloud, CloudName, Endpoints, services
from core.model import Noun
from core.secret import SecretReference

Guid = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", to_lower=True),
]


class Credential(Noun):
    """What an application signs in with: a certificate, or a secret."""

    client_id: Guid = Field(description="the application's appId, not its object id")
    private_key: SecretReference | None = Field(default=None, description="the certificate's private key (PEM): env:NAME or file:PATH")
    certificate: Path | None = Field(default=None, description="path of the certificate (PEM); its thumbprint is computed")
    client_secret: SecretReference | None = Field(default=None, description="a secret instead: env:NAME or file:PATH")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.private_key is None) != (self.certificate is None):
            raise ValueError("private_key and certificate belong together: name both")
        if (self.private_key is None) == (self.client_secret is None):
            raise ValueError("name either private_key with certificate, or client_secret, and not both")
        return self


class Tenancy(Noun):
    """Fields that say which tenant it is and how to reach it."""

    tenant_id: Guid
    cloud: CloudName = "global"
    endpoints: Endpoints | None = Field(default=None, description="simulated services on this very machine")
    ca_file: Path | None = Field(default=None, description="path of certificates (PEM) to trust instead of the usual ones")
    proxy: str | None = Field(
        default=None, pattern=r"^https?://[^/@\s]+$", description="through which everything goes, as http://proxy:3128"
    )
    access: Credential

    @property
    def services(self) -> Cloud:
        """Where Microsoft's services are."""
        return services(self.cloud, self.endpoints)
