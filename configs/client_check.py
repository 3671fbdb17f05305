"""A request for the client's own look, read back on the client's side: needs neither engagement file nor record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from configs.access_targets import AccessTargetConfig
from configs.located_yaml import LARGEST_FILE, UnreadableYamlError, read_yaml
from configs.relative_paths import with_absolute_paths
from core.client_check.asked import Asked
from core.errors import ConfigurationError
from core.model import Grant, Holder, Noun
from core.model.engagement import Principal, Slug
from core.ports import ClientsView, LooksForTheClient

_TARGET: TypeAdapter[Any] = TypeAdapter(AccessTargetConfig)


class Signer(Noun):
    """Somebody whose signature counts for the client."""

    principal: Principal
    name: str


class ProviderAsks(Noun):
    """Who asks: the domain is part of the signature's namespace."""

    name: str
    domain: str = Field(pattern=r"^[a-z0-9.-]+$")


class LookFor(Noun):
    """What is looked for of one holder."""

    holder: str
    grants: tuple[str, ...]


class System(Noun):
    """One system: the client's own way in, where to look, and for what."""

    way_in: Mapping[str, Any] = Field(alias="way-in")
    where: Mapping[str, Any]
    look_for: tuple[LookFor, ...] = Field(alias="look-for")


class Request(Noun):
    """A whole request."""

    format: Literal["offboard-client-check/v1"]
    engagement: Slug
    provider: ProviderAsks
    plan: str = Field(alias="plan-sha256", pattern=r"^[0-9a-f]{64}$")
    asked_at: str = Field(alias="asked-at")
    signers: tuple[Signer, ...] = Field(min_length=1)
    holders: tuple[Holder, ...]
    systems: tuple[System, ...] = Field(min_length=1)


class ToLookAt(NamedTuple):
    """One system that is ready to be looked at."""

    asked: Asked
    view: ClientsView


def read_request(path: Path) -> tuple[Request, tuple[ToLookAt, ...]]:
    """Read a request that the client filled in. No secret is read yet, and no system asked.

    Raises ConfigurationError with every mistake, none repeating what stands in the file.
    """
    try:
        with path.open("rb") as file:
            root, problems = read_yaml(file.read(LARGEST_FILE + 1))
    except OSError as error:
        raise ConfigurationError([f"{path}: this file cannot be read ({error.strerror}); check its name"]) from None
    except UnreadableYamlError as error:
        raise ConfigurationError([error.problem.line(str(path))]) from None
    if problems:
        raise ConfigurationError([problem.line(str(path)) for problem in problems])
    try:
        request = Request.model_validate(root.plain())
        systems = tuple(_ready(request, one, path.absolute().parent) for one in request.systems)
    except ValidationError as error:
        raise ConfigurationError(_mistakes(path, error)) from None
    return request, systems


def _ready(request: Request, system: System, folder: Path) -> ToLookAt:
    target = with_absolute_paths(_TARGET.validate_python({**system.where, **system.way_in}), folder)
    name: str = target.name
    if not isinstance(target, LooksForTheClient):
        raise ConfigurationError([f"{name}: this program cannot look at a system of this kind for you"])
    grants = [Grant(system=name, id=id_, holder=one.holder, privilege="") for one in system.look_for for id_ in one.grants]
    asked = Asked(name, request.plan, request.holders, target.to_be_looked_at(), tuple(sorted(grants, key=lambda one: one.subject)))
    return ToLookAt(asked, target.as_client())


def _mistakes(path: Path, error: ValidationError) -> list[str]:
    """Say where each mistake stands and what is wrong; what stands there could be a secret in the wrong place."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [f"{path}: {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}" for one in found]
