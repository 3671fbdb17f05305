"""`offboard evidence …`: write the record for an audience, bring somebody else's log, hand out the page, try what a forger would."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.foreign_log import foreign
from configs.open_exit import open_exit
from core.errors import RefusedError
from core.evidence.page.render import render_viewer
from core.evidence.redaction import Audience
from core.evidence.tamper_test import VERIFIERS, Tried, tamper_test
from core.review import review

app = typer.Typer(help="Write the record for an audience, and try what a forger would.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)

NAMES = {one.slug: one for one in Audience}
MOST_CHECKS = 8
"""Named in one cell of the table."""

app.command()(foreign)


@app.command()
def write(
    engagement: Annotated[str, typer.Argument(help="the engagement", show_default=False)],
    audience: Annotated[str, typer.Option("--for", help="client, successor, or insurer for anybody else", metavar="AUDIENCE")] = "client",
    to: Annotated[list[str] | None, typer.Option(help="for others: a public key, age1… or ssh-ed25519 …; once for each")] = None,
) -> None:
    """Write the evidence bundle, verify it, and encrypt it to its audience. The folder stays with us."""
    if audience not in NAMES:
        raise typer.BadParameter(f"write one of {', '.join(NAMES)}", param_hint="--for")
    with open_exit(engagement) as exit_:
        out.print(review(exit_, NAMES[audience], to or ()).sentence)


@app.command()
def page(file: Annotated[Path, typer.Argument(help="where to; a file that is there is never overwritten", show_default=False)]) -> None:
    """Write the review page without any exit in it, to be published outside of bundles, and print its SHA-256."""
    body = render_viewer().encode()
    try:
        with file.open("xb") as new:
            new.write(body)
    except OSError as error:
        raise RefusedError(
            f"{file} cannot be written ({type(error).__name__})",
            untouched="whatever was there",
            todo="name a file that is not there yet, in a folder that is",
        ) from error
    out.print(f"{file}: SHA-256 {hashlib.sha256(body).hexdigest()}")
    out.print(
        "It holds no data, and is the same wherever this version writes it. Publish both where nobody who makes bundles can change them."
    )


@app.command("tamper-test")
def tamper(
    bundle: Annotated[Path, typer.Argument(help="the folder of an evidence bundle, if not this one; it is copied, not touched")] = Path(),
) -> None:
    """Attack copies of a bundle as a forger would, and show which verifier finds what. Exit status 1 if one goes unseen."""
    table = Table("attack", *VERIFIERS, title=f"Attacks on {bundle.resolve()}")
    tried, terminal = [], Console(emoji=False)
    with terminal.status("Attacking copies of the bundle, which takes a minute …"):
        for one in tamper_test(bundle):
            tried.append(one)
            table.add_row(one.attack, *_cells(one))
    terminal.print(table)
    unseen = [one.attack for one in tried if not one.as_it_should]
    if unseen:
        raise RefusedError(
            f"not as it should be: {'; '.join(unseen)}", untouched="the bundle", todo="do not rely on these verifiers, and ask"
        )
    out.print("Each attack was found by each verifier that can find it, and the bundle as it is raises no alarm.")
    out.print("What the log's key did sign, only `offboard verify` draws anew. The review page checks in a browser, and is not tried here.")


def _cells(one: Tried) -> list[str]:
    if one.found is None:
        return ["nothing of this in the bundle"] * len(VERIFIERS)
    return [_named(one.found[name]) for name in VERIFIERS]


def _named(checks: tuple[str, ...]) -> str:
    more = len(checks) - MOST_CHECKS
    return ", ".join([*checks[:MOST_CHECKS], *([f"and {more} more"] if more > 0 else [])]) or "no alarm"
