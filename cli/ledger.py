"""`offboard ledger …`: the log in the forms that others' tools verify, and the replacement of its key; what is kept about persons."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from configs.open_exit import open_exit
from core.errors import ConfigurationError
from core.exit import Exit
from core.ledger.personal import COMMITMENT
from core.ledger.proof import SUFFIX, tlog_proofs
from core.ledger.tiles import write_tiles
from core.secret import REFERENCE, SecretReference
from core.steps import forget as forgetting

app = typer.Typer(help="Prove an entry, export the log, replace its key, destroy personal data.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)

Engagement = Annotated[str, typer.Argument(help="the engagement", show_default=False)]


@app.command()
def proof(
    engagement: Engagement,
    entry: Annotated[int, typer.Argument(help="the entry's number", min=0, show_default=False)],
    folder: Annotated[Path, typer.Option(help="where to write the two files")] = Path(),
) -> None:
    """Prove that one entry stands in the ledger, without showing the others: its line, and a C2SP tlog-proof."""
    with open_exit(engagement) as exit_:
        ledger = exit_.ledger
        checkpoint = ledger.checkpoint()
        if entry >= checkpoint.size:
            raise ConfigurationError([f"the ledger of {engagement} has {checkpoint.size} entries, and no entry {entry}"])
        text = tlog_proofs(ledger.leaves(), checkpoint, [entry])[entry]
        line, proved = folder / f"{entry}.json", folder / f"{entry}{SUFFIX}"
        _write(line, ledger.line(entry))
        _write(proved, text.encode())
        out.print(f"{line} is entry {entry}, without a line end; {proved} proves it in the tree of {checkpoint.size} entries.")
        out.print(f"Whoever verifies it needs the log's key, from outside: {ledger.vkey}")


@app.command()
def tiles(
    engagement: Engagement,
    folder: Annotated[Path, typer.Argument(help="a new folder, or one with an earlier export of the same log", show_default=False)],
) -> None:
    """Write the whole log as C2SP tlog-tiles, which monitors of transparency logs read. It holds everything that the entries hold."""
    with open_exit(engagement) as exit_:
        checkpoint = exit_.ledger.checkpoint()
        try:
            write_tiles(exit_.ledger.lines(), checkpoint, folder)
        except OSError as error:
            raise ConfigurationError([f"{folder} cannot be written ({type(error).__name__})"]) from None
        out.print(
            f"{checkpoint.size} entries are in {folder}. Whoever verifies them needs the log's key, from outside: {exit_.ledger.vkey}"
        )


@app.command()
def rotate(
    engagement: Engagement,
    reason: Annotated[str, typer.Option(help="why; it stands in the ledger", show_default=False)],
    new_key: Annotated[str | None, typer.Option(help="where the new key is, env:NAME or file:PATH, if it is not to be made here")] = None,
) -> None:
    """Replace the log's key: the old one signs the tree as it stands and names the new one."""
    if new_key is not None and not REFERENCE.match(new_key):
        raise ConfigurationError(["--new-key: write where the key is, env:NAME or file:PATH, never the key itself"])
    with open_exit(engagement, holder="offboard ledger rotate") as exit_:
        new = exit_.key.make_successor(SecretReference(new_key) if new_key is not None else None)
        fence = exit_.lease.fence if exit_.lease else None
        entry = exit_.ledger.rotate(new, at=exit_.now(), reason=reason, fence=fence)
        exit_.key.give_way()
        out.print(f"Entry {entry.number} replaces the log's key. Give everybody who verifies the new one, by another way than a bundle:")
        for since, vkey in exit_.ledger.key_history():
            out.print(f"checkpoints of {since} entries and more: {vkey}")


@app.command()
def personal(engagement: Engagement) -> None:
    """List what is kept about persons beside the ledger, whose entries hold salted hashes of it."""
    with open_exit(engagement) as exit_:
        kept = exit_.ledger.personal_data()
        for one in kept:
            out.print(f"{one.value}\n  {one.commitment}\n  {_where(exit_, one.commitment)}")
        for commitment in forgetting.unfinished(exit_):
            out.print(f"{commitment}: begun to be destroyed, not finished: offboard ledger forget {engagement} {commitment} --reason TEXT")
        if not kept:
            out.print("Nothing about persons is kept beside the ledger.")


@app.command()
def forget(
    engagement: Engagement,
    what: Annotated[str, typer.Argument(metavar="COMMITMENT-OR-VALUE", help="as `personal` lists it", show_default=False)],
    reason: Annotated[str, typer.Option(help="why; it stands in the ledger", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="destroy it without being asked")] = False,
) -> None:
    """Destroy one value about a person, with its salt. It is our own record; nothing of the client's is touched."""
    with open_exit(engagement) as exit_:
        commitment = _commitment(exit_, what)
        out.print(f"{exit_.ledger.opened(commitment)}: {_where(exit_, commitment)}.")
    out.print("Salt and value are destroyed in our own record. The entries stay, with a hash that nobody can open any more.")
    if not yes:
        typer.confirm("Destroy this?", abort=True)
    with open_exit(engagement, holder="offboard ledger forget") as exit_:
        receipt = forgetting.forget(exit_, commitment, reason)
        exit_.ledger.checkpoint()
    out.print(f"On record: {receipt.done}.\nNothing of the client's was touched. Bundles that were written before still hold the value:")
    out.print("write the evidence anew, remove the older folders, and ask those who have a copy. So do backups of the ledger's database.")


def _commitment(exit_: Exit, what: str) -> str:
    found = (
        what if COMMITMENT.fullmatch(what) else next((one.commitment for one in exit_.ledger.personal_data() if one.value == what), None)
    )
    if found is None:
        slug = exit_.engagement.slug
        raise ConfigurationError(
            [f"this value is not kept beside the ledger; offboard ledger personal {slug} lists what is, and what was begun"]
        )
    return found


def _where(exit_: Exit, commitment: str) -> str:
    entries = forgetting.named_in(exit_, commitment)
    if not entries:
        return "in no entry yet"
    first = entries[0]
    what = " ".join(filter(None, [first.kind, first.action, first.subject]))
    return f"in {len(entries)} entr{'y' if len(entries) == 1 else 'ies'}, first in {first.number} of {first.at:%Y-%m-%d}: {what}"


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise ConfigurationError([f"{path} cannot be written ({type(error).__name__})"]) from None
