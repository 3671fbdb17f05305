"""Hand out texts to sign, and take in what was signed."""

from prefect.artifacts import create_markdown_artifact

from core.drafts import Draft, Kind, draft, draft_page
from core.errors import SignatureError
from core.exit import Exit
from core.planning import require_saved_plan, saved_plan
from core.signatures.sshsig import tidy
from core.signatures.statements import Statement
from core.signed_statements import OnRecordError, record_statement
from tasks.plan import show
from tasks.step import step


@step(name="Make the text to sign")
def hand_out(exit_: Exit, wanted: Draft) -> str:
    """Publish a text, what signing it means, and how; and the plan beside it. Records nothing. Returns where it is."""
    drafted = draft(exit_, wanted)
    show(exit_, require_saved_plan(exit_))
    create_markdown_artifact(
        key=f"{exit_.engagement.slug}-text-to-sign",
        markdown=draft_page(drafted),
        description=f"{drafted.kind.capitalize()}, to be signed by {drafted.person.name}: what it means, the text, and how to sign it",
    )
    return (
        f"The {drafted.kind} for {drafted.person.name} ({drafted.person.principal}) to sign is on this run's tab Artifacts, "
        f"and the plan beside it. Nothing is on record yet: start record-{drafted.kind} with the text and its signature."
    )


@step(name="Check and record")
def take_in(exit_: Exit, kind: Kind, text: str, signature: str) -> str:
    """Put one signed statement on record, if it counts and is of that kind. Returns what is on record; again is harmless."""
    text, signature = tidy(text), tidy(signature)
    said = Statement.parse(text)
    if said.kind != kind:
        raise SignatureError(f"this text is of another kind: {said.kind}", untouched="the record", todo=f"start record-{said.kind} with it")
    try:
        _, person = record_statement(exit_, text, signature, saved_plan(exit_))
    except OnRecordError as known:
        return f"{known.what}. Nothing was added."
    return f"On record: {kind}, signed by {person.name} ({person.principal}). The next pass of client-exit or keep-going goes on with it."
