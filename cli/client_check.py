"""`offboard client-check …`: what only the client can see once our access is gone. We make a request; the client looks by itself."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.ssh_key import SshKey
from configs.client_check import Request, ToLookAt, read_request
from core.client_check.looking import Look, look, look_statement
from core.errors import ConfigurationError, GoodLeaverError, RefusedError
from core.ports import LooksForTheClient
from core.signatures.plain_words import plain_words
from core.signatures.purposes import Purpose, namespace

app = typer.Typer(help="The client's own look: is our access really gone?", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
table_out = Console(highlight=False, markup=False, emoji=False)

Systems = Annotated[list[str] | None, typer.Option("--system", help="only this system; give it once for each", show_default="all of them")]


@app.command()
def request(
    engagement: Annotated[str, typer.Argument(help="the engagement", show_default=False)],
    file: Annotated[Path, typer.Option("--out", help="the file to write; it must not exist yet", show_default=False)],
    system: Systems = None,
) -> None:
    """On our side: write the request that the client fills in. Records nothing, and asks no system."""
    from configs.open_exit import open_exit  # noqa: PLC0415 - the client has none of what our record needs
    from core.client_check.request import request_text  # noqa: PLC0415 - the same
    from core.planning import require_saved_plan  # noqa: PLC0415 - the same
    from core.statement_subjects import systems_of  # noqa: PLC0415 - the same

    with open_exit(engagement) as exit_:
        plan = require_saved_plan(exit_)
        known = systems_of(plan)
        _require_known(system, known)
        able = [one for one in known if isinstance(exit_.systems.target(one), LooksForTheClient)]
        text = request_text(exit_, plan, system or able or known)  # none of them: it says why, of the first
    _write(file, text)
    if not system and (by_hand := [one for one in known if one not in able]):
        out.print(f"Not in it, as nobody can look there with this program: {', '.join(by_hand)}. Ask the client to look by hand.")
    out.print(f"Written to {file}. Send it to the client: it holds no secret.")


@app.command("look")
def look_(
    file: Annotated[Path, typer.Argument(metavar="REQUEST", help="the request, with your own access filled in", show_default=False)],
    folder: Annotated[Path, typer.Option("--out", help="the folder for the texts to sign", show_default=False)],
    system: Systems = None,
    principal: Annotated[
        str | None, typer.Option("--as", help="who signs, as the request names it", show_default="the only one that it names")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="your private SSH key, to sign at once; read once, kept nowhere")] = None,
) -> None:
    """On the client's side: look, and write what was found as texts to sign. Changes nothing, and sends nothing to us.

    Exit status: 0 nothing of ours was found, and all was seen; 1 something was, or could not be seen.
    """
    asked, systems = read_request(file)
    _require_known(system, [one.asked.system for one in systems])
    who = _signer(asked, principal)
    signer = SshKey(key, untouched="everything", otherwise="leave --key out and use ssh-keygen") if key else None
    folder.mkdir(parents=True, exist_ok=True)
    clean, space = True, namespace(Purpose.LOOK, asked.provider.domain)
    for one in systems:
        if system and one.asked.system not in system:
            continue
        found = _look(one)
        clean = clean and found is not None and not (found.still_there or found.could_not_see or found.beyond)
        if found:
            _hand_out(asked, found, who, folder, space, signer)
    raise typer.Exit(0 if clean else 1)


def _look(one: ToLookAt) -> Look | None:
    """Look at one system; one that cannot be entered is told, and holds no other."""
    try:
        return look(one.asked, one.view, datetime.now(UTC))
    except GoodLeaverError as error:
        out.print(f"{one.asked.system} could not be looked at, and there is no text to sign about it. {error}\n")
        return None


def _hand_out(asked: Request, found: Look, who: str, folder: Path, space: str, signer: SshKey | None) -> None:
    statement = look_statement(found, client=asked.engagement, principal=who, now=datetime.now(UTC))
    moment = found.looked_at.strftime("%Y%m%dT%H%M%SZ")
    name = "".join(each if each.isalnum() or each in "-_" else "-" for each in found.asked.system)
    text = folder / f"look-{name}-{moment}.txt"
    table_out.print(_table(found))
    _write(text, statement.text)
    out.print(plain_words(statement))
    if signer is None:
        out.print(f"Written to {text}. If that is so, sign it with your own SSH key, and send us both files:")
        out.print(f"  ssh-keygen -Y sign -n {space} -f ~/.ssh/id_ed25519 {text}\n")
        return
    typer.confirm("Sign this?", abort=True)
    _write(Path(f"{text}.sig"), signer.sign(statement.text.encode(), space))
    out.print(f"Signed. Send us both files: {text} and {text}.sig\n")


def _table(found: Look) -> Table:
    table = Table(title=f"{found.asked.system}: {len(found.asked.grants)} ways in of the provider's were looked for")
    for column in ("what", "whose", "seen"):
        table.add_column(column, overflow="fold")
    rows = [
        *((one, "STILL THERE") for one in found.still_there),
        *((one, "STILL THERE, and not in the plan") for one in found.beyond),
        *((one, f"could not be seen: {why}") for one, why in found.could_not_see),
    ]
    seen = {one.subject for one, _ in rows}
    rows += [(one, "gone") for one in found.asked.grants if one.subject not in seen]
    for grant, words in rows:
        table.add_row(grant.id, grant.holder, words)
    return table


def _signer(asked: Request, principal: str | None) -> str:
    known = [one.principal for one in asked.signers]
    if principal is None and len(known) == 1:
        return known[0]
    if principal not in known:
        raise ConfigurationError([f"--as: name who signs, one of {', '.join(known)}"])
    return principal


def _require_known(wanted: list[str] | None, known: "list[str] | tuple[str, ...]") -> None:
    strange = [one for one in wanted or () if one not in known]
    if strange:
        raise ConfigurationError([f"--system {strange[0]}: there is no such system; there are: {', '.join(known) or 'none'}"])


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except OSError as error:
        raise RefusedError(
            f"{file} cannot be written ({type(error).__name__})", untouched="everything", todo="name a file that is not there yet"
        ) from None
