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
    Field(description="an id of 36 characters, as 9a4be1c4-0d0b-4b6a-a3a9-8a1c5be0de12 is one; no name, no domain and no address"),
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
        if self.by_a_person and (self.private_key or self.client_secret):
            raise ValueError("device_code is for an application without any credential: a person signs in; leave the others out")
        if not self.by_a_person and (self.private_key is None) == (self.client_secret is None):
            raise ValueError("name either private_key with certificate, or client_secret, and not both")
        return self

    @property
    def by_a_person(self) -> bool:
        """Whether the application has no credential of its own, and a person signs in."""
        return False


class Access(Credential):
    """How we come in; or the client's administrator, who may sign in with a code instead, where a person is there to enter it."""

    device_code: bool = Field(
        default=False,
        description="sign in with a code that is entered in a browser: for the client's own look alone, since no run has anybody to do so",
    )

    @property
    def by_a_person(self) -> bool:
        """Whether a person signs in."""
        return self.device_code


class Tenancy(Noun):
    """Fields that say which tenant it is and how to reach it."""

    tenant_id: Guid
    cloud: CloudName = "global"
    endpoints: Endpoints | None = Field(default=None, description="simulated services on this very machine")
    ca_file: Path | None = Field(default=None, description="path of certificates (PEM) to trust instead of the usual ones")
    proxy: str | None = Field(
        default=None, pattern=r"^https?://[^/@\s]+$", description="through which everything goes, as http://proxy:3128"
    )
    access: Access

    @property
    def services(self) -> Cloud:
        """Where Microsoft's services are."""
        return services(self.cloud, self.endpoints)
