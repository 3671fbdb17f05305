"""The texts that people are handed to sign, and how to sign them with nothing but OpenSSH."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from string import Template
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from core.errors import RefusedError
from core.exit import Exit
from core.handover.receipt import acknowledgement_text
from core.model import Action, Engagement, EntryKind, ExitPlan, Noun, Party, Person
from core.pages import escape
from core.planning import require_saved_plan
from core.signatures import forms
from core.signatures.forms import Readiness
from core.signatures.plain_words import plain_words
from core.signatures.purposes import Purpose, namespace
from core.signatures.signers import require_role
from core.signatures.statements import Statement, write_instant
from core.signed_statements import require_effect

UNNAMED = "(nothing was named)"
"""Stands for a subject or grant that was left out, so that the refusal lists those that there are."""

Words = Annotated[str, StringConstraints(max_length=2_000)]


class Kind(StrEnum):
    """What people sign, as they call it: a `Purpose`, but for the approval that is taken back."""

    APPROVAL = "approval"
    RESCISSION = "rescission"
    CONVERSATION = "conversation"
    ELECTION = "election"
    ACKNOWLEDGEMENT = "acknowledgement"
    WAIVER = "waiver"
    REINSTATEMENT = "reinstatement"
    ARMING = "arming"
    CONTROL = "control"
    READINESS = "readiness"
    LOOK = "look"


class Draft(Noun):
    """What is to be stated and by whom. Each kind of statement reads the fields that are its own; titles are for forms."""

    person: str = Field(title="Who will sign", description="The principal in the engagement file, alice@msp.example say.", max_length=120)
    kind: Kind = Field(title="What is to be signed", description="Fill in below what belongs to it; the rest is not used.")
    days: int = Field(default=45, ge=1, le=3650, title="Approval: for how many days it counts")
    irreversible: bool = Field(
        default=False,
        title="Approval: of what is irreversible",
        description="On: for what the plan marks as irreversible, and for nothing else. It takes a signature of its own.",
    )
    told: Words = Field(default="", title="Conversation: who was told")
    channel: Literal["in-person", "phone"] = Field(default="phone", title="Conversation: how")
    held_at: AwareDatetime | None = Field(default=None, title="Conversation: when", description="Now, if left out.")
    deliver_to: tuple[Party, ...] = Field(default=(Party.CLIENT,), title="Election: who receives data and credentials")
    copies: Literal["return", "delete"] = Field(default="return", title="Election: what becomes of the copies that we hold")
    object_lock_days: int = Field(
        default=0, ge=0, le=36_500, title="Election: for how many days nothing can be removed from the bucket", description="0: no lock."
    )
    subject: Words = Field(default="", title="Waiver: what is waived", description="Exactly as the message of the waiting run names it.")
    grants: tuple[Words, ...] = Field(default=(), title="Reinstatement: which grants", description="Exactly as the plan names them.")
    reason: Words = Field(default="", title="Waiver, reinstatement: why", description="The client can read it in the record.")
    hours: int = Field(default=48, ge=1, le=48, title="Arming: for how many hours", description="It has to last until the cutoff.")
    systems: tuple[Words, ...] = Field(default=(), title="Control: on which systems", description="Exactly as the waiting run names them.")
    acted_at: AwareDatetime | None = Field(default=None, title="Control: when the client acted there", description="Now, if left out.")
    how: Words = Field(default="", title="Control: how", description="Logged in as administrator by our own key, say.")
    state: Readiness = Field(default="ready", title="Readiness", description="A gap can be accepted by the client alone.")
    what: Words = Field(default="", title="Readiness: of what", description="Backup, protection and monitoring, say.")


class Drafted(Noun):
    """A text that is ready to be handed out, whose it is, and the namespace to sign it under. `blanks` are still to be filled in."""

    kind: Kind
    person: Person
    text: str
    words: str
    namespace: str
    blanks: bool = False


def draft(exit_: Exit, wanted: Draft) -> Drafted:
    """Make a text for one person to sign. Nothing is recorded.

    Raises HeldError without a plan, SignatureError for what cannot be said or would have no effect, RefusedError for a person who is
    not of this engagement and for an acknowledgement while nothing is handed over.
    """
    plan, engagement = require_saved_plan(exit_), exit_.engagement
    person = engagement.person(wanted.person.strip())
    if person is None:
        known = f"name one of {', '.join(one.principal for one in engagement.people)}"
        raise RefusedError(f"{wanted.person} is not among the people of this engagement", untouched="the record", todo=known)
    if wanted.kind == Kind.LOOK:
        raise RefusedError(
            "the text of a look is made by the program that looks",
            untouched="the record",
            todo=f"make the request: offboard client-check request {engagement.slug} --out REQUEST.yaml; whoever looks by it gets the text",
        )
    purpose = Purpose.APPROVAL if wanted.kind == Kind.RESCISSION else Purpose(wanted.kind)
    require_role(person, purpose, engagement, exit_.now())
    drafted = partial(Drafted, kind=wanted.kind, person=person, namespace=namespace(purpose, engagement.provider.domain))
    if wanted.kind == Kind.ACKNOWLEDGEMENT:
        return drafted(text=_receipt(exit_, plan, person), words=_RECEIPT_WORDS, blanks=True)
    _require_filled_in(wanted)
    statement = _MADE[wanted.kind](wanted, plan.digest, person, engagement, exit_.now())
    require_effect(exit_, statement, plan)
    named = _for_good(plan) if wanted.kind == Kind.APPROVAL and wanted.irreversible else ""
    return drafted(text=statement.text, words=plain_words(statement) + named)


def draft_page(drafted: Drafted) -> str:
    """Show what signing the text means, the text, and the exact commands to sign it (Markdown)."""
    return _PAGE.substitute(
        what=drafted.kind.capitalize(),
        name=escape(drafted.person.name),
        means="\n".join(f"- {escape(line)}" for line in drafted.words.splitlines()),
        kind=drafted.kind,
        text=drafted.text,
        fill_in="Replace each `<…>` in the file by what it asks for, before you sign.\n\n" if drafted.blanks else "",
        namespace=drafted.namespace,
        pin=" Only one that asks for its PIN or a fingerprint counts for you." if drafted.person.verify_required else "",
    )


def _for_good(plan: ExitPlan) -> str:
    """Name what nothing puts back: nobody signs for that by a sum alone."""
    named = (f"Nothing puts this back: {one.holder}: {one.privilege} ({one.subject})." for one in plan.grants if one.irreversible)
    return "".join(f"{line}\n" for line in named)


def _require_filled_in(wanted: Draft) -> None:
    titles = [str(Draft.model_fields[name].title) for name in _NEEDED.get(wanted.kind, ()) if not "".join(getattr(wanted, name)).strip()]
    if titles:
        raise RefusedError(f"the form is not filled in: {'; '.join(titles)}", untouched="the record", todo="fill it in and start again")


def _receipt(exit_: Exit, plan: ExitPlan, person: Person) -> str:
    packed = exit_.last(EntryKind.RECEIPT, action=Action.HAND_OVER, subject=plan.package_subject)
    if packed is None:
        raise RefusedError("nothing is handed over yet", untouched="the record", todo="wait for `Waiting for receipt`, then ask again")
    nonce = secrets.token_hex(16)
    return acknowledgement_text(packed.data["facts"], principal=person.principal, nonce=nonce, made_at=write_instant(exit_.now()))


def _approval(wanted: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    scope = forms.IRREVERSIBLE if wanted.irreversible else forms.EVERYTHING
    return forms.approval_statement(digest, person, engagement, now, timedelta(days=wanted.days), scope=scope)


def _rescission(_: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    return forms.approval_statement(digest, person, engagement, now, timedelta(), decision="rescind")


def _conversation(wanted: Draft, _: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    when, whom = wanted.held_at or now, wanted.told
    return forms.conversation_statement(person, engagement, now, held_at=when, channel=wanted.channel, with_whom=whom)


def _election(wanted: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    days = wanted.object_lock_days or None
    return forms.election_statement(
        digest, person, engagement, now, deliver_to=wanted.deliver_to, copies=wanted.copies, object_lock_days=days
    )


def _waiver(wanted: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    return forms.waiver_statement(digest, person, engagement, now, subject=wanted.subject.strip() or UNNAMED, reason=wanted.reason)


def _reinstatement(wanted: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    return forms.reinstatement_statement(digest, person, engagement, now, grants=wanted.grants or (UNNAMED,), reason=wanted.reason)


def _arming(wanted: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    return forms.arming_statement(digest, person, engagement, now, timedelta(hours=wanted.hours))


def _control(wanted: Draft, _: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    when, systems = wanted.acted_at or now, wanted.systems or (UNNAMED,)
    return forms.control_statement(person, engagement, now, systems=systems, acted_at=when, how=wanted.how)


def _readiness(wanted: Draft, digest: str, person: Person, engagement: Engagement, now: datetime) -> Statement:
    return forms.readiness_statement(digest, person, engagement, now, state=wanted.state, what=wanted.what)


_PAGE = Template("""\
# $what, to be signed by $name

**What signing it means**

$means

## 1. Save the text as it is

```sh
cat > $kind.txt <<'END'
${text}END
```

On Windows save it as plain UTF-8 with LF line ends; Git Bash takes the command as it is.

$fill_in\
## 2. Sign it with your own SSH key

```sh
ssh-keygen -Y sign -n $namespace -f ~/.ssh/id_ed25519 $kind.txt
```

Name your own private key after `-f`. A hardware key has to be touched.$pin

## 3. Give it back

Start `record-$kind`, and paste the text and all of `$kind.txt.sig` into its form. Nothing is on record before that.
""")
_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    Kind.CONVERSATION: ("told",),
    Kind.ELECTION: ("deliver_to",),
    Kind.WAIVER: ("reason",),
    Kind.REINSTATEMENT: ("reason",),
    Kind.CONTROL: ("how",),
    Kind.READINESS: ("what",),
}
_RECEIPT_WORDS = (
    "You state that you opened archive and package; the two codes, which are found only inside, show it.\n"
    "You accept what you received. If something is missing, write `result: accepted-with-exceptions` instead, and a line "
    "`exception: …` for each matter; or `result: refused`.\n"
)
_MADE: Mapping[Kind, Callable[[Draft, str, Person, Engagement, datetime], Statement]] = {
    Kind.APPROVAL: _approval,
    Kind.RESCISSION: _rescission,
    Kind.CONVERSATION: _conversation,
    Kind.ELECTION: _election,
    Kind.WAIVER: _waiver,
    Kind.REINSTATEMENT: _reinstatement,
    Kind.ARMING: _arming,
    Kind.CONTROL: _control,
    Kind.READINESS: _readiness,
}
