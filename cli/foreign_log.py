"""`offboard evidence foreign …`: put somebody else's log of a dataset on record, so that it may say who made a difference."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from configs.open_exit import open_exit
from core.errors import ConfigurationError
from core.evidence.foreign import Span, record_foreign

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def foreign(
    engagement: Annotated[str, typer.Argument(help="the engagement", show_default=False)],
    dataset: Annotated[str, typer.Argument(help="the data source, as the engagement file names it", show_default=False)],
    file: Annotated[Path, typer.Argument(help="the log as JSON lines, each with action, at, path and who", show_default=False)],
    source: Annotated[str, typer.Option(help="what log it is, and who had it kept", show_default=False)],
    begins: Annotated[str, typer.Option("--from", help="since when it recorded, e.g. 2026-11-01T00:00:00Z", show_default=False)],
    ends: Annotated[str, typer.Option("--to", help="until when it recorded", show_default=False)],
    gap: Annotated[list[str] | None, typer.Option(help="a stretch at which it did not record, as FROM/TO; may be repeated")] = None,
    ours: Annotated[list[str] | None, typer.Option(help="how that log writes one of us; may be repeated")] = None,
) -> None:
    """Put a log of the client's, its cloud's or a host's own on record: the certificate then says who made a difference."""
    span = _span(begins, ends)
    gaps = [_span(*one.partition("/")[::2]) for one in gap or ()]
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{file}: it cannot be read ({type(error).__name__})"]) from error
    with open_exit(engagement) as exit_:
        entry = record_foreign(exit_, dataset, body, source=source, span=span, gaps=gaps, ours=ours or ())
    out.print(f"Entry {entry.number}: {entry.data['items']} lines of {entry.data['source']} about {dataset} are on record.")


def _span(begins: str, ends: str) -> Span:
    try:
        return Span.model_validate({"begins": begins, "ends": ends})
    except ValidationError as error:
        raise ConfigurationError([f"{begins} to {ends}: write instants such as 2026-12-31T22:30:00Z, the earlier one first"]) from error
