"""`offboard cosign`: sign a checkpoint that one was sent; take such a signature in."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.ssh_key import SshKey
from configs.open_exit import open_exit
from core.anchors.cosignature import cosigning_words, record_cosignature
from core.errors import ConfigurationError, RefusedError
from core.ledger.note import read_checkpoint, verify_checkpoint
from core.model import Checkpoint
from core.signatures.purposes import Purpose, namespace

NOTHING = "everything; nothing was signed"
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def cosign(
    file: Annotated[Path, typer.Argument(help="the checkpoint that came with a letter; with --record, its signature", show_default=False)],
    key: Annotated[Path | None, typer.Option(help="your private SSH key; read once, kept nowhere")] = None,
    keys: Annotated[Path | None, typer.Option(help="exit-keys.txt, as it came with the first letter: whose log it is")] = None,
    record: Annotated[str | None, typer.Option(metavar="ENGAGEMENT", help="as the provider: put this signature on record")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="sign without being asked")] = False,
) -> None:
    """Sign a checkpoint of an exit's record, so that nobody can alter it any more unseen; needs no engagement."""
    if (key is None) == (record is None):
        raise ConfigurationError(["give --key to sign a checkpoint, or --record to put its signature on record"])
    if record is not None:
        with open_exit(record) as exit_:
            out.print(record_cosignature(exit_, _read(file)))
    elif key is not None:
        _sign(file, key, keys, yes=yes)


def _sign(file: Path, key: Path, keys: Path | None, *, yes: bool) -> None:
    note = _read(file)
    checkpoint = _known(note, keys) if keys else read_checkpoint(note)
    out.print(cosigning_words(checkpoint))
    if not keys:
        out.print("\nWhose checkpoint it is was not checked: give exit-keys.txt, as it came with the first letter, by --keys.")
    if not yes:
        typer.confirm("Sign this?", abort=True)
    space = namespace(Purpose.CHECKPOINT, checkpoint.origin.split("/", maxsplit=1)[0])
    signature = SshKey(key, untouched=NOTHING, otherwise=f"use ssh-keygen -Y sign -n {space}").sign(note.encode(), space)
    signed = Path(f"{file}.sig")
    try:
        with signed.open("x", encoding="ascii", newline="\n") as opened:
            opened.write(signature)
    except OSError as error:
        raise RefusedError(f"{signed} cannot be written ({type(error).__name__})", untouched="whatever lies there") from None
    out.print(f"{signature}\nWritten to {signed}. Keep the checkpoint, and send the signature back.")


def _known(note: str, keys: Path) -> Checkpoint:
    """Read a checkpoint that a key of the log signed which the file names. Raises LedgerError, ConfigurationError."""
    origin = read_checkpoint(note).origin
    for line in _read(keys).splitlines():
        if line.startswith(f"{origin}+"):
            return verify_checkpoint(note, line.strip())
    raise ConfigurationError(
        [f"{keys} names no key of the log {origin}: it belongs to another exit, or is not the file that came with a letter"]
    )


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"{path} cannot be read ({type(error).__name__})", untouched=NOTHING, todo="name a file that is there") from None
