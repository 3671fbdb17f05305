"""One bucket: where it is, how we prove who we are, and the guarded client that speaks to it."""

import ipaddress
import logging
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.session import Session
from botocore.utils import parse_timestamp
from pydantic import AfterValidator, Field, PrivateAttr

from connectors.s3_bucket.guard import READING, put_on_guard
from core.errors import RefusedError
from core.model import Noun
from core.secret import SecretReference

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 10
SILENCE_SECONDS = 60
CONNECTIONS = 16

for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)  # what they say at DEBUG holds keys, tokens and signatures


def _checked_endpoint(endpoint: str) -> str:
    address = urlsplit(endpoint)
    if address.scheme not in ("https", "http") or not address.hostname or address.query or address.username or address.path.strip("/"):
        raise ValueError("write an address as https://s3.example.com, without a path")
    if address.scheme == "http" and not _is_loopback(address.hostname):
        raise ValueError("write https: without it everybody on the way can read the client's data")
    return endpoint.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
"""The address of an S3 server; plain http on loopback alone."""


class Clients:
    """Holds what is no part of a connector's configuration: any two are equal; a copy, or a child process, starts without."""

    def __init__(self) -> None:
        self._client: S3Client | None = None
        self._process = 0

    def get(self, bucket: "S3Bucket") -> "S3Client":
        """Give the client of this process. botocore's clients may be used by several threads at once."""
        if self._client is None or self._process != os.getpid():
            self._client, self._process = bucket.new_client(), os.getpid()
        return self._client

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Clients)

    def __hash__(self) -> int:
        return hash(Clients)

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


class S3Bucket(Noun):
    """How to reach one bucket. Nothing of it is taken from the environment, from ~/.aws or from the machine we run on."""

    kind: Literal["s3_bucket"] = "s3_bucket"
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="the bucket's name")
    prefix: str = Field(default="", description="only keys that begin so")
    endpoint: Endpoint | None = Field(default=None, description="the server's address; AWS if not given")
    region: str = Field(min_length=1, pattern=r"^[A-Za-z0-9-]+$", description="the region where the bucket lies")
    access_key: SecretReference = Field(description="our access key: env:NAME or file:PATH")
    secret_key: SecretReference = Field(description="our secret key: env:NAME or file:PATH")
    session_token: SecretReference | None = Field(default=None, description="for temporary keys: env:NAME or file:PATH")
    ca: Path | None = Field(
        default=None, description="certificates, as PEM, that alone may vouch for the server; the public ones if not given"
    )
    _clients: Clients = PrivateAttr(default_factory=Clients)

    allowed: ClassVar[frozenset[str]] = READING

    @property
    def address(self) -> str:
        """How messages name it."""
        return f"the bucket {self.bucket} at {self.endpoint or f'AWS {self.region}'}"

    @property
    def client(self) -> "S3Client":
        """The client of this process. Raises RefusedError if a secret or the CA file cannot be read."""
        return self._clients.get(self)

    def credentials(self) -> tuple[str, str, str | None]:
        """Read access key, secret key and session token now; keep them no longer than needed. Raises RefusedError."""
        return self.access_key.reveal(), self.secret_key.reveal(), self.session_token.reveal() if self.session_token else None

    def new_client(self) -> "S3Client":
        """Make a guarded client. Raises as `client`."""
        access_key, secret_key, token = self.credentials()
        if self.ca and not self.ca.is_file():
            raise RefusedError(f"the certificates in {self.ca} cannot be read", untouched="every system", todo="correct the path")
        client = cast(
            "S3Client",
            _session().create_client(
                "s3",
                region_name=self.region,
                endpoint_url=self.endpoint or f"https://s3.{self.region}.amazonaws.com",
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                aws_session_token=token,
                verify=str(self.ca) if self.ca else True,
                config=_config(is_aws=self.endpoint is None),
            ),
        )
        put_on_guard(client, self.allowed)
        return client


def _session() -> Session:
    """Make a session in which every setting has the library's own default, whatever environment and files say."""
    session = Session()
    settings = session.get_component("config_store")
    defaults = {name: default for name, (_file, _environment, default, _conversion) in Session.SESSION_VARIABLES.items()}
    defaults |= {"config_file": os.devnull, "credentials_file": os.devnull, "s3": None, "proxies_config": None}
    for name, default in defaults.items():
        settings.set_config_provider(name, ConstantProvider(default))
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    return session


def _time(said: Any) -> datetime:  # noqa: ANN401 - text or a number
    """Read a time as the library does, but the form that listings have in a tenth of the time: it is most of what a listing costs."""
    try:
        read = datetime.fromisoformat(str(said))
    except ValueError:
        return parse_timestamp(said)
    return read if read.tzinfo else parse_timestamp(said)


def _config(*, is_aws: bool) -> Config:
    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SILENCE_SECONDS,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 4},
        proxies={},
        request_checksum_calculation="when_required",  # each call that writes brings its own
        response_checksum_validation="when_required",  # we check whole objects ourselves, however they are read
        s3={"addressing_style": "virtual" if is_aws else "path"},
    )
