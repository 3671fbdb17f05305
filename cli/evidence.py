"""`offboard evidence …`: write the record for an audience, bring somebody else's log, try what a forger would."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.foreign_log import foreign
from configs.open_exit import open_exit
from core.errors import RefusedError
from core.evidence.redaction import Audience
from core.evidence.tamper_test import Tried, tamper_test
from core.review import review

app = typer.Typer(help="Write the record for an audience, and try what a forger would.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)

NAMES = {one.slug: one for one in Audience}
VERIFIERS = ("offboard verify", "verify.py", "verify.sh")

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


@app.command("tamper-test")
def tamper(
    bundle: Annotated[Path, typer.Argument(help="the folder of an evidence bundle; it is copied, not touched")] = Path(),
) -> None:
    """Attack copies of a bundle as a forger would, and show which verifier finds what. Exit status 1 if one goes unseen."""
    table = Table("attack", *VERIFIERS, title=f"Attacks on {bundle}")
    tried = []
    for one in tamper_test(bundle):
        tried.append(one)
        table.add_row(one.attack, *_cells(one))
    Console(emoji=False).print(table)
    unseen = [one.attack for one in tried if not one.as_it_should]
    if unseen:
        raise RefusedError(
            f"not as it should be: {'; '.join(unseen)}", untouched="the bundle", todo="do not rely on these verifiers, and ask"
        )
    out.print("Each attack was found by each verifier that looks for it, and the bundle as it is raises no alarm.")


def _cells(one: Tried) -> list[str]:
    if one.found is None:
        return ["nothing of this in the bundle"] * len(VERIFIERS)
    return [", ".join(one.found[name]) or "no alarm" for name in VERIFIERS]
