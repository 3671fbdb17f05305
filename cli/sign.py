"""`offboard sign …`: say in plain words what is about to be signed, sign it with one's own SSH key, put it on record."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from cli.plan_words import plan_words
from cli.ssh_key import SshKey
from configs.open_exit import open_exit
from core.errors import ConfigurationError, RefusedError, SignatureError
from core.exit import Exit
from core.model import ExitPlan, Party, Person
from core.planning import require_saved_plan, saved_plan
from core.signatures import forms
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
MakeStatement = Callable[[Exit, ExitPlan, Person], Statement]
_DIGEST = re.compile(r"[0-9A-Fa-f]{12,64}")


@app.command()
def approval(
    engagement: Engagement,
    principal: As,
    key: Key = None,
    write: Write = None,
    only_plan: OnlyPlan = None,
    days: Annotated[int, typer.Option(help="how long an approval counts, from now; taking it back does not run out")] = 45,
    rescind: Annotated[bool, typer.Option("--rescind", help="take the approval back (counts when two executives do)")] = False,
    yes: Yes = False,
) -> None:
    """As an executive: approve the plan in force."""

    def make(exit_: Exit, plan: ExitPlan, person: Person) -> Statement:
        decision: Literal["approve", "rescind"] = "rescind" if rescind else "approve"
        return forms.approval_statement(plan.digest, person, exit_.engagement, exit_.now(), timedelta(days=days), decision=decision)

    _sign(engagement, principal, make, key=key, write=write, yes=yes, only_plan=only_plan)


@app.command()
def conversation(
    engagement: Engagement,
    principal: As,
    with_whom: Annotated[str, typer.Option("--with", help="who was told", show_default=False)],
    channel: Annotated[Literal["in-person", "phone"], typer.Option(help="how", show_default=False)],
    held_at: Annotated[datetime | None, typer.Option(help="when, in UTC; now if left out")] = None,
    key: Key = None,
    write: Write = None,
    yes: Yes = False,
) -> None:
    """As an executive: state that you told the client in person or by phone."""

    def make(exit_: Exit, _plan: ExitPlan, person: Person) -> Statement:
        when = held_at.replace(tzinfo=UTC) if held_at else exit_.now()
        return forms.conversation_statement(person, exit_.engagement, exit_.now(), held_at=when, channel=channel, with_whom=with_whom)

    _sign(engagement, principal, make, key=key, write=write, yes=yes)


@app.command()
def election(
    engagement: Engagement,
    principal: As,
    deliver_to: Annotated[list[Party], typer.Option(help="who may receive the data; give it once for each", show_default=False)],
    copies: Annotated[Literal["return", "delete"], typer.Option(help="what becomes of the copies that we hold")] = "return",
    object_lock_days: Annotated[
        int | None, typer.Option(min=1, help="for how long nothing can be removed from your bucket", show_default="no lock")
    ] = None,
    key: Key = None,
    write: Write = None,
    only_plan: OnlyPlan = None,
    yes: Yes = False,
) -> None:
    """As the client: elect who may receive data and credentials."""

    def make(exit_: Exit, plan: ExitPlan, person: Person) -> Statement:
        return forms.election_statement(
            plan.digest, person, exit_.engagement, exit_.now(), deliver_to=deliver_to, copies=copies, object_lock_days=object_lock_days
        )

    _sign(engagement, principal, make, key=key, write=write, yes=yes, only_plan=only_plan)


@app.command()
def waiver(
    engagement: Engagement,
    principal: As,
    subject: Annotated[str, typer.Option(help="what is waived, as the run's message names it", show_default=False)],
    reason: Reason,
    key: Key = None,
    write: Write = None,
    only_plan: OnlyPlan = None,
    yes: Yes = False,
) -> None:
    """As an executive: waive one condition (counts when two do)."""

    def make(exit_: Exit, plan: ExitPlan, person: Person) -> Statement:
        return forms.waiver_statement(plan.digest, person, exit_.engagement, exit_.now(), subject=subject, reason=reason)

    _sign(engagement, principal, make, key=key, write=write, yes=yes, only_plan=only_plan)


@app.command()
def reinstatement(
    engagement: Engagement,
    principal: As,
    grant: Annotated[list[str], typer.Option(help="the grant to put back; give it once for each", show_default=False)],
    reason: Reason,
    key: Key = None,
    write: Write = None,
    only_plan: OnlyPlan = None,
    yes: Yes = False,
) -> None:
    """As an executive: order that revoked access be put back (counts when two do)."""

    def make(exit_: Exit, plan: ExitPlan, person: Person) -> Statement:
        return forms.reinstatement_statement(plan.digest, person, exit_.engagement, exit_.now(), grants=grant, reason=reason)

    _sign(engagement, principal, make, key=key, write=write, yes=yes, only_plan=only_plan)


@app.command("take-in")
def take_in(
    engagement: Engagement,
    text: Annotated[Path, typer.Argument(help="the signed text; its signature is beside it as TEXT.sig", show_default=False)],
) -> None:
    """Take in any statement that was signed with ssh-keygen -Y sign, such as a recipient's receipt."""
    with open_exit(engagement) as exit_:
        _record(exit_, saved_plan(exit_), _read(text), _read(Path(f"{text}.sig")))


def _sign(
    engagement: str,
    principal: str,
    make: MakeStatement,
    *,
    key: Path | None,
    write: Path | None,
    yes: bool,
    only_plan: str | None = None,
) -> None:
    file = write or key
    if file is None:
        raise SignatureError("no key was given", untouched="the record", todo="name your private key with --key, or use --write")
    with open_exit(engagement) as exit_:
        plan = require_saved_plan(exit_)
        if only_plan is not None:
            _require_plan(plan, only_plan)
        statement = make(exit_, plan, _person(exit_, principal))
        space = namespace(statement.purpose, exit_.engagement.provider.domain)
        if statement.many("plan-sha256"):
            out.print(plan_words(plan))
        out.print(plain_words(statement))
        if write:
            _write(file, statement, space)
            return
        if not yes:
            typer.confirm("Sign this?", abort=True)
        _record(exit_, plan, statement.text, _signature(file, statement.text.encode(), space))


def _require_plan(plan: ExitPlan, digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise ConfigurationError([f"--plan {digest}: give the plan's digest, or at least its first 12 digits (0-9, a-f)"])
    if not plan.digest.startswith(digest.lower()):
        raise SignatureError(
            f"the plan in force is {plan.digest[:12]}, and not {digest[:12]}",
            untouched="the record; nothing was signed",
            todo=f"look at the plan in force first: offboard plan {plan.engagement}",
        )


def _write(file: Path, statement: Statement, space: str) -> None:
    try:
        file.write_text(statement.text, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{file} cannot be written ({type(error).__name__})", untouched="the record") from None
    out.print(f"\nWritten to {file}. Now run:\n  ssh-keygen -Y sign -n {space} -f YOUR_KEY {file}")
    out.print(f"  offboard sign take-in {statement.one('client')} {file}")


def _record(exit_: Exit, plan: ExitPlan | None, text: str, signature: str) -> None:
    statement, person = record_statement(exit_, text, signature, plan)
    out.print(f"On record: {statement.purpose}, signed by {person.name} ({person.principal}).")


def _person(exit_: Exit, principal: str) -> Person:
    person = exit_.engagement.person(principal)
    if person is None:
        known = ", ".join(one.principal for one in exit_.engagement.people)
        raise SignatureError(f"{principal} is not among the people of this engagement: {known}", untouched="the record")
    return person


def _signature(key: Path, message: bytes, space: str) -> str:
    return SshKey(key, untouched="the record", otherwise="use --write and ssh-keygen").sign(message, space)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{path} cannot be read ({type(error).__name__})", untouched="the record", todo="name a file that is there"
        ) from None
