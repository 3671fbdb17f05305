"""One engagement file: an engagement and the connectors to the systems that it is about.

Everything that is wrong in a file is told at once, each mistake with its line and column.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, WithJsonSchema, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from configs.access_targets import AccessTargetConfig
from configs.connectors import (
    ArchiveStoreConfig,
    CredentialSourceConfig,
    DataSourceConfig,
    DocumentSourceConfig,
    NotifierConfig,
    ObligationSourceConfig,
    TimeStamperConfig,
)
from configs.cross_checks import cross_check, zone_or_utc
from configs.findings import Finding
from configs.located_yaml import LARGEST_FILE, Node, Problem, UnreadableYamlError, read_yaml
from configs.relative_paths import with_absolute_paths
from configs.settings import Settings
from configs.wording import in_plain_words, locate, unfit_texts
from core.dates import resolve_local
from core.errors import ConfigurationError
from core.model import CutoffDate, Engagement

LocalCutoff = Annotated[
    CutoffDate,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?$",
            "description": "when our access ends: local time in the client's time zone, e.g. 2026-12-31T17:00",
        }
    ),
]


class EngagementFile(Engagement):
    """An engagement with its connectors. A section that is empty says so with `[]`: nothing is forgotten in silence.

    `cutoff` may be given as text, local time in the client's zone. Raises pydantic's ValidationError, with every mistake
    at its field.
    """

    cutoff: LocalCutoff
    data_sources: tuple[DataSourceConfig, ...] = Field(min_length=1, description="where the client's data is read for the archive")
    access_targets: tuple[AccessTargetConfig, ...] = Field(description="the systems where we give up our access")
    credential_sources: tuple[CredentialSourceConfig, ...] = Field(description="the vaults with the client's credentials")
    document_sources: tuple[DocumentSourceConfig, ...] = Field(description="where documents for the handover package are read")
    obligation_sources: tuple[ObligationSourceConfig, ...] = Field(description="where is written down what is still owed")
    archive_store: ArchiveStoreConfig = Field(description="where the archive goes")
    delta_store: ArchiveStoreConfig = Field(description="where the archive of late changes goes, shortly before the cutoff")
    handover_store: ArchiveStoreConfig = Field(description="where the handover package goes")
    evidence_folder: Path = Field(description="the folder where evidence bundles are written")
    notifier: NotifierConfig = Field(description="how messages leave")
    time_stamper: TimeStamperConfig | None = Field(
        default=None, description="who states when archives and checkpoints of the record existed; nobody if not given"
    )
    checkpoint_store: ArchiveStoreConfig | None = Field(
        default=None,
        description="where copies of the record's checkpoints go that nobody can remove (S3 Object Lock); nowhere if not given",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - whatever YAML said
        """Check fields and what holds between them, and raise all that is wrong together."""
        if not isinstance(data, Mapping):
            return handler(data)
        findings = cross_check(data)
        details: list[InitErrorDetails] = []
        try:
            made = handler({**data, **_resolved_cutoff(data, findings)})
        except ValidationError as error:
            details = [_detail(one["type"], one["msg"], one["loc"], one.get("ctx")) for one in error.errors()]
        details += [_detail("cross_check", finding.text, finding.path, None) for finding in findings]
        if details:
            raise ValidationError.from_exception_data(cls.__name__, details, hide_input=True)
        return made


def load(path: Path) -> EngagementFile:
    """Read one engagement file. Relative paths in it count from the folder that it is in.

    Raises ConfigurationError with every mistake, sorted by position.
    """
    root, problems = _read(path)
    problems += unfit_texts(root)
    unfit = {problem.path for problem in problems}
    try:
        engagement = EngagementFile.model_validate(root.plain())
    except ValidationError as error:
        told = (in_plain_words(one, root, json_schema()) for one in error.errors(include_url=False, include_input=False))
        problems += [problem for problem in told if problem.path not in unfit]
    if problems:
        raise ConfigurationError([problem.line(str(path)) for problem in sorted(dict.fromkeys(problems), key=lambda one: one.position)])
    return with_absolute_paths(engagement, path.absolute().parent)


def slugs(settings: Settings) -> tuple[str, ...]:
    """Name the engagements that have a file, sorted; none is opened."""
    return tuple(sorted(file.stem for file in settings.engagements.glob("*.yaml")))


def find(settings: Settings, slug: str) -> EngagementFile:
    """Load the engagement of that name.

    Raises ConfigurationError if there is none, with the nearest name; if the file is named otherwise than its client's
    slug; and for every mistake in the file.
    """
    known = slugs(settings)
    if slug not in known:
        near = difflib.get_close_matches(slug, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none yet'}"
        if slug in {file.stem for file in settings.engagements.glob("*.yml")}:
            hint = f"rename {slug}.yml to {slug}.yaml"
        problem = (
            f"{settings.engagements}: there is no file for the engagement {slug!r}, which would be named after the client's slug; {hint}"
        )
        raise ConfigurationError([problem], todo="choose one of these, or write the file; README.md in configs/engagements says how")
    path = settings.engagements / f"{slug}.yaml"
    engagement = load(path)
    if engagement.slug != slug:
        _, position = locate(_read(path)[0], ("client", "slug"))
        text = f"the file is named {path.name}, so write {slug} here, or rename the file to {engagement.slug}.yaml"
        raise ConfigurationError([Problem(position, ("client", "slug"), text).line(str(path))])
    return engagement


@cache
def json_schema() -> dict[str, Any]:
    """Describe an engagement file as JSON Schema (draft 2020-12)."""
    return EngagementFile.model_json_schema()


def _read(path: Path) -> tuple[Node, list[Problem]]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigurationError([f"{path}: this file cannot be read ({error.strerror}); check its name and its permissions"]) from error
    try:
        return read_yaml(content)
    except UnreadableYamlError as error:
        raise ConfigurationError([error.problem.line(str(path))]) from error


def _resolved_cutoff(data: Mapping[str, Any], findings: list[Finding]) -> dict[str, CutoffDate]:
    """Turn a cutoff in text into an instant. Where that failed already, UTC stands in: the finding tells."""
    text = data.get("cutoff")
    if not isinstance(text, str):
        return {}
    if any(finding.path == ("cutoff",) for finding in findings):
        text, zone = "2000-01-01T00:00", "UTC"
    else:
        zone = zone_or_utc(data)
    return {"cutoff": resolve_local(text, zone)}


def _detail(kind: str, message: str, path: tuple[str | int, ...], context: dict[str, Any] | None) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, message, context), loc=path, input=None)
