"""The commands about engagements."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from cli import archive, client_check, evidence, ledger, services, sign
from cli.checklist_table import checklist_table
from cli.cosign import cosign
from cli.rehearsal_tables import rehearsal_tables
from configs.engagement_file import EngagementFile, find, slugs
from configs.open_exit import open_exit, utc_now
from configs.settings import Settings
from core import permissions
from core import rehearsal as rehearsing
from core.archive.names import shown
from core.checklist import checklist
from core.errors import ConfigurationError
from core.evidence.verifier import verify_bundle
from core.pages import plan_page
from core.planning import draw_plan, not_looked_at, require_saved_plan, saved_plan
from core.ports import TellsPermissions

app = typer.Typer(help="Walk a managed IT service provider out of a client decently.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(archive.app, name="archive", help="Make, verify and open encrypted archives; works alone, without any engagement.")
app.add_typer(sign.app, name="sign")
app.add_typer(ledger.app, name="ledger")
app.add_typer(evidence.app, name="evidence")
app.add_typer(client_check.app, name="client-check")
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)

app.command()(cosign)

BUNDLE_FILES = ("bagit.txt", "manifest-sha256.txt", "data/ledger.jsonl")
Engagement = Annotated[str, typer.Argument(help="the engagement: the name of its file without .yaml", show_default=False)]


@app.command()
def check(
    engagement: Annotated[str | None, typer.Argument(help="one engagement; all of them if left out")] = None,
    ask: Annotated[bool, typer.Option("--ask", help="sign in to the systems too, and name each permission that is missing there")] = False,
) -> None:
    """Read engagement files and name every mistake as file:line:column. Asks no system, unless told to. Changes none.

    Exit status: 0 in order, 1 something is missing on a system, 2 mistakes.
    """
    settings = Settings.from_environment()
    problems: list[str] = []
    whole = True
    names = [engagement] if engagement else slugs(settings)
    if not names:
        missing = "there is no engagement file yet; copy docs/example-engagement.yaml to CLIENT.yaml there, and change every line"
        raise ConfigurationError([f"{settings.engagements}: {missing}"])
    for slug in names:
        try:
            found = find(settings, slug)
            out.print(f"{slug}: in order ({found.client.name}, cutoff {found.cutoff.instant.isoformat()})")
            whole = _ask(found) and whole if ask else whole
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    if not whole:
        raise typer.Exit(1)


@app.command()
def plan(
    engagement: Engagement,
    new: Annotated[bool, typer.Option("--new", help="draw a new plan; signatures for the one in force no longer count")] = False,
) -> None:
    """Show the plan in force, drawing it first if there is none. Looks only; changes no system."""
    with open_exit(engagement, holder="offboard plan") as exit_:
        drawn = (None if new else saved_plan(exit_)) or draw_plan(exit_)
        out.print(Markdown(plan_page(exit_.engagement, drawn, not_looked_at(exit_))))


@app.command()
def status(engagement: Engagement) -> None:
    """Show the checklist."""
    with open_exit(engagement) as exit_:
        out.print(checklist_table(f"Exit of {exit_.engagement.client.name}", checklist(exit_, saved_plan(exit_))))


@app.command()
def rehearse(engagement: Engagement) -> None:
    """Rehearse the cutoff: discovery, guard, interlocks, end state. Writes and records nothing. Exit status: 0 it would run, 1 held."""
    with open_exit(engagement) as exit_:
        rehearsal = rehearsing.rehearse(exit_, require_saved_plan(exit_))
        for table in rehearsal_tables(rehearsal):
            out.print(table)
        out.print(rehearsal.sentence)
    if not rehearsal.ready:
        raise typer.Exit(1)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="the folder of an evidence bundle", show_default=False)],
    keys: Annotated[Path | None, typer.Option(help="the keys that you were given at the start, from outside the bundle")] = None,
    redacted: Annotated[bool, typer.Option("--redacted", help="you were promised no more than a bundle that withholds entries")] = False,
) -> None:
    """Verify an evidence bundle offline. Exit status: 0 holds, 1 does not hold, 2 incomplete."""
    _require_bundle(bundle)
    report = verify_bundle(bundle, _read(keys) if keys else None, redacted=redacted)
    for line in report.lines():
        out.print(line)
    raise typer.Exit(report.exit_status)


@app.command()
def deploy() -> None:
    """Register the deployments of prefect.yaml, so that the forms list today's engagement files."""
    services.Services(Settings.from_environment().state / "prefect").deploy()
    out.print("The deployments are registered.")


@app.command()
def up() -> None:
    """Start the embedded Prefect server, a worker and the deployments; Ctrl-C stops them all."""
    services.up(Settings.from_environment().state / "prefect", out)


def _ask(found: EngagementFile) -> bool:
    """Ask the systems of one engagement what we lack there, print it, and tell whether that is nothing."""
    systems: dict[str, object] = {one.name: one for one in found.access_targets}
    systems |= {f"{one.name} (data)": one for one in found.data_sources}
    systems |= {f"{one.name} (documents)": one for one in found.document_sources if isinstance(one, TellsPermissions)}
    asked = permissions.ask(systems, found, utc_now())
    for one in asked:
        for line in one.lines:
            out.print(shown(f"  {one.system}: {line}"))
    return all(one.whole for one in asked)


def _require_bundle(folder: Path) -> None:
    """Tell a mistyped folder from a bundle that fails: a bundle has at least one of these, whatever was taken out of it."""
    if not folder.is_dir():
        raise ConfigurationError([f"{folder} is no folder: name the folder of an evidence bundle"])
    if not any((folder / name).exists() for name in BUNDLE_FILES):
        raise ConfigurationError([f"{folder} is no evidence bundle: it has none of {', '.join(BUNDLE_FILES)}"])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} cannot be read ({type(error).__name__}): name the file with the keys"]) from None
