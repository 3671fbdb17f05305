"""`offboard sign …`: say in plain words what is about to be signed, sign it with one's own SSH key, put it on record."""

import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer
from rich.console import Console

import core.model
from cli.plan_words import plan_words
from cli.ssh_key import SshKey
from configs.open_exit import open_exit
from core.errors import ConfigurationError, RefusedError, SignatureError
from core.exit import Exit
from core.model import ExitPlan, Party, Person
from core.planning import require_saved_plan, saved_plan
from core.signatures import forms, sshsig
from core.signatures.plain_words import plain_words
from core.signatures.statements import Statement, namespace
from core.signed_statements import record_statement

app = typer.Typer(help="Sign with your own SSH key; every text says in plain words what it means.", no_args_is_help=True)
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)

Engagement = Annotated[str, typer.Argument(help="the engagement", show_default=False)]
As = Annotated[str, typer.Option("--as", help="who signs: the principal, as the engagement file names it", show_default=False)]
Key = Annotated[Path | None, typer.Option(help="your private SSH key; read once, kept nowhere")]
Write = Annotated[Path | None, typer.Option(help="only write the text to this file, to be signed with ssh-keygen -Y sign")]
Yes = Annotated[bool, typer.Option("--yes", help="sign without being asked")]
OnlyPlan = Annotated[str | None, typer.Option("--plan", metavar="DIGEST", help="sign for this plan alone: 12 or more digits of its digest")]
Reason = Annotated[str, typer.Option(help="why", show_default=False)]
Signed = Annotated[Path, typer.Argument(help="the signed text; its signature is beside it as TEXT.sig", show_default=False)]
_DIGEST = re.compile(r"[0-9A-Fa-f]{12,64}")


class Desk(NamedTuple):
    """What every text is made from, in the order in which `forms` takes it."""

    plan_digest: str
    person: Person
    engagement: core.model.Engagement
    now: datetime


def signs(say: Callable[..., Statement]) -> None:
    """Make a command of a function that makes a statement: its own options, and those that all these commands share."""

    def command(
        *,
        engagement: Engagement,
        principal: As,
        key: Key = None,
        write: Write = None,
        only_plan: OnlyPlan = None,
        yes: Yes = False,
        **said: Any,  # noqa: ANN401 - whatever options the function has
    ) -> None:
        file = write or key
        if file is None:
            raise SignatureError("no key was given", untouched="the record", todo="name your private key with --key, or use --write")
        with open_exit(engagement) as exit_:
            plan = _plan(exit_, only_plan)
            statement = say(Desk(plan.digest, _person(exit_, principal), exit_.engagement, exit_.now()), **said)
            if statement.many("plan-sha256"):
                out.print(plan_words(plan))
            out.print(plain_words(statement))
            space = namespace(statement.purpose, exit_.engagement.provider.domain)
            if write:
                _write(file, statement, space)
            else:
                _record(exit_, plan, statement.text, _signature(file, statement, space, yes=yes))

    own = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in inspect.signature(say).parameters.values()][1:]
    shared = [one for one in inspect.signature(command).parameters.values() if one.name != "said"]
    # Typer reads a command's options from here.
    command.__signature__ = inspect.Signature([*shared[:2], *own, *shared[2:]])  # type: ignore[attr-defined] # any callable may have one
    command.__annotations__ = {one.name: one.annotation for one in (*shared, *own)}
    app.command(say.__name__, help=say.__doc__)(command)


@signs
def approval(
    desk: Desk,
    days: Annotated[int, typer.Option(help="how long an approval counts, from now; taking it back does not run out")] = 45,
    rescind: Annotated[bool, typer.Option("--rescind", help="take the approval back (counts when two executives do)")] = False,
    irreversible: Annotated[bool, typer.Option("--irreversible", help="what the plan marks as irreversible, and nothing else")] = False,
) -> Statement:
    """As an executive: approve the plan in force."""
    scope = forms.IRREVERSIBLE if irreversible else forms.EVERYTHING
    return forms.approval_statement(*desk, timedelta(days=days), decision="rescind" if rescind else "approve", scope=scope)


@signs
def conversation(
    desk: Desk,
    with_whom: Annotated[str, typer.Option("--with", help="who was told", show_default=False)],
    channel: Annotated[Literal["in-person", "phone"], typer.Option(help="how", show_default=False)],
    held_at: Annotated[datetime | None, typer.Option(help="when, in UTC; now if left out")] = None,
) -> Statement:
    """As an executive: state that you told the client in person or by phone."""
    when = held_at.replace(tzinfo=UTC) if held_at else desk.now
    return forms.conversation_statement(*desk[1:], held_at=when, channel=channel, with_whom=with_whom)


@signs
def election(
    desk: Desk,
    deliver_to: Annotated[list[Party], typer.Option(help="who may receive the data; give it once for each", show_default=False)],
    copies: Annotated[Literal["return", "delete"], typer.Option(help="what becomes of the copies that we hold")] = "return",
    object_lock_days: Annotated[
        int | None, typer.Option(min=1, help="for how long nothing can be removed from your bucket", show_default="no lock")
    ] = None,
) -> Statement:
    """As the client: elect who may receive data and credentials."""
    return forms.election_statement(*desk, deliver_to=deliver_to, copies=copies, object_lock_days=object_lock_days)


@signs
def waiver(
    desk: Desk,
    subject: Annotated[str, typer.Option(help="what is waived, as the run's message names it", show_default=False)],
    reason: Reason,
) -> Statement:
    """As an executive: waive one condition (counts when two do)."""
    return forms.waiver_statement(*desk, subject=subject, reason=reason)


@signs
def reinstatement(
    desk: Desk,
    grant: Annotated[list[str], typer.Option(help="the grant to put back; give it once for each", show_default=False)],
    reason: Reason,
) -> Statement:
    """As an executive: order that revoked access be put back (counts when two do)."""
    return forms.reinstatement_statement(*desk, grants=grant, reason=reason)


@signs
def arming(
    desk: Desk,
    hours: Annotated[int, typer.Option(min=1, max=48, help="how long it counts, from now; it has to last until the cutoff")] = 48,
) -> Statement:
    """As an executive, a technician or the client: arm the cutoff (counts when one of each does)."""
    return forms.arming_statement(*desk, timedelta(hours=hours))


@signs
def control(
    desk: Desk,
    system: Annotated[list[str], typer.Option(help="where you were in control yourself; give it once for each", show_default=False)],
    how: Annotated[str, typer.Option(help="what you did there, such as: logged in as administrator", show_default=False)],
    acted_at: Annotated[datetime | None, typer.Option(help="when, in UTC; now if left out")] = None,
) -> Statement:
    """As the client: state that you are in control of your systems, by an act of your own."""
    when = acted_at.replace(tzinfo=UTC) if acted_at else desk.now
    return forms.control_statement(*desk[1:], systems=system, acted_at=when, how=how)


@signs
def readiness(
    desk: Desk,
    what: Annotated[str, typer.Option(help="of what, such as: backup, protection, monitoring", show_default=False)],
    state: Annotated[forms.Readiness, typer.Option(help="ready; or, by the client alone, the gap is accepted")] = "ready",
) -> Statement:
    """As the successor, or the client: state that all is in place from the cutoff on."""
    return forms.readiness_statement(*desk, state=state, what=what)


@app.command("text")
def text_(
    text: Annotated[Path, typer.Argument(help="the text, just as it was handed to you", show_default=False)],
    domain: Annotated[str, typer.Option(help="the provider's domain name: what follows the @ of the namespace", show_default=False)],
    key: Annotated[Path, typer.Option(help="your private SSH key; read once, kept nowhere", show_default=False)],
    yes: Yes = False,
) -> None:
    """Sign any text that was handed to you, such as a receipt that you filled in, and write TEXT.sig; needs no engagement."""
    statement = Statement.parse(_read(text))
    out.print(plain_words(statement))
    signature = _signature(key, statement, namespace(statement.purpose, domain), yes=yes)
    _put(Path(f"{text}.sig"), signature)
    out.print(f"{signature}\nWritten to {text}.sig. Give both files back, or paste both into the form record-{statement.kind}.")


@app.command("take-in")
def take_in(engagement: Engagement, text: Signed) -> None:
    """Take in any statement that was signed with ssh-keygen -Y sign, such as a recipient's receipt."""
    with open_exit(engagement) as exit_:
        _record(exit_, saved_plan(exit_), _read(text), sshsig.tidy(_read(Path(f"{text}.sig"))))


def _plan(exit_: Exit, digest: str | None) -> ExitPlan:
    """Find the plan in force; it has to be that one if a digest is given."""
    plan = require_saved_plan(exit_)
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise ConfigurationError([f"--plan {digest}: give the plan's digest, or at least its first 12 digits (0-9, a-f)"])
    if digest is not None and not plan.digest.startswith(digest.lower()):
        raise SignatureError(
            f"the plan in force is {plan.digest[:12]}, and not {digest[:12]}",
            untouched="the record; nothing was signed",
            todo=f"look at the plan in force first: offboard plan {plan.engagement}",
        )
    return plan


def _write(file: Path, statement: Statement, space: str) -> None:
    _put(file, statement.text, mode="w")
    out.print(f"\nWritten to {file}. Now run:\n  ssh-keygen -Y sign -n {space} -f YOUR_KEY {file}")
    out.print(f"  offboard sign take-in {statement.one('client')} {file}")


def _put(file: Path, text: str, mode: Literal["w", "x"] = "x") -> None:
    try:
        with file.open(mode, encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    except OSError as error:
        raise RefusedError(f"{file} cannot be written ({type(error).__name__})", untouched="the record") from None


def _record(exit_: Exit, plan: ExitPlan | None, text: str, signature: str) -> None:
    statement, person = record_statement(exit_, text, signature, plan)
    out.print(f"On record: {statement.kind}, signed by {person.name} ({person.principal}).")


def _person(exit_: Exit, principal: str) -> Person:
    person = exit_.engagement.person(principal)
    if person is None:
        known = ", ".join(one.principal for one in exit_.engagement.people)
        raise SignatureError(f"{principal} is not among the people of this engagement: {known}", untouched="the record")
    return person


def _signature(key: Path, statement: Statement, space: str, *, yes: bool) -> str:
    if not yes:
        typer.confirm("Sign this?", abort=True)
    return SshKey(key, untouched="the record", otherwise="use --write and ssh-keygen").sign(statement.text.encode(), space)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{path} cannot be read ({type(error).__name__})", untouched="the record", todo="name a file that is there"
        ) from None
