"""The review of an exit: its evidence written for an audience, verified as a stranger would, and packed to leave, encrypted."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.errors import RefusedError
from core.evidence.answers import Answer, Holds, answer
from core.evidence.bundle import write_bundle
from core.evidence.confidential import SUFFIX, SealedBundle, seal_bundle
from core.evidence.redaction import Audience, shows
from core.evidence.summary import summarise
from core.evidence.verifier import verify_bundle
from core.exit import Exit
from core.gates import elected
from core.model import Noun, Party, Role
from core.pages import escape
from core.planning import saved_plan

_MARKS = {Holds.SHOWN: "", Holds.NOT_SHOWN: "**not on record:** ", Holds.NOT_YET: "*not yet:* ", Holds.NOT_ASKED: "*not asked:* "}


class Review(Noun):
    """What was written. `folder` stays with us; `sealed` is what may leave, None if nobody's key is known, and then nothing may."""

    folder: Path
    entries: int
    root: str
    checks: int
    withheld: int
    sealed: SealedBundle | None

    @property
    def sentence(self) -> str:
        """Say where everything is, and how it is checked."""
        kept = f"The evidence is in {self.folder}: {self.entries} entries, {self.checks} checks passed, root {self.root[:12]}. "
        part = f"{self.withheld} entries are withheld from this audience and stand in it as hashes. " if self.withheld else ""
        flag = " --redacted" if self.withheld else ""
        check = f"Anybody verifies it there, without us: sh verify.sh{flag} and python3 verify.py{flag}; README.txt says more. "
        if self.sealed is None:
            return f"{kept}{part}{check}Nothing may leave: no key of the audience is known to encrypt it to."
        leaves = f"What may leave is {self.sealed.path} (SHA-256 {self.sealed.sha256}); {self.sealed.how.name} says how to open it."
        return f"{kept}{part}{check}{leaves}"


def review(exit_: Exit, audience: Audience, recipients: Sequence[str] = ()) -> Review:
    """Write the bundle for an audience, verify it, and encrypt it to the audience's keys: the engagement's, or `recipients` for others.

    The client's own bundle goes to the engagement's evidence folder, others' beside it. Raises RefusedError, with nothing written, for
    others without a key, for `recipients` where the engagement's keys are the only ones, and for a successor whom the client has not
    elected; ConfigurationError for a key that age cannot take; RefusedError, with everything kept, if the bundle does not verify.
    """
    keys = _keys(exit_, audience, recipients)
    home = exit_.evidence_folder
    folder = home if audience is Audience.CLIENT else home.with_name(f"{home.name}-{audience.slug}")
    own = {one.principal for one in exit_.engagement.people if audience is Audience.SUCCESSOR and one.role is Role.SUCCESSOR}
    part = None if audience is Audience.CLIENT else partial(shows, audience, own=own)
    bundle = write_bundle(exit_.ledger, exit_.engagement, folder, key=exit_.key, now=exit_.now(), audience=audience, shows=part)
    report = verify_bundle(folder, None, redacted=part is not None)
    if not report.ok:
        failed = [f"{one.name}: {one.detail}" for one in report.checks if one.status not in {"OK", "WITHHELD"}]
        raise RefusedError(
            f"the bundle in {folder} does not verify: {'; '.join(failed)}", untouched="the ledger", todo="keep both, and ask"
        )
    lines = (folder / "data/ledger.jsonl").read_bytes().count(b"\n")
    return Review(
        folder=folder,
        entries=bundle.entries,
        root=bundle.root,
        checks=sum(one.status == "OK" for one in report.checks),
        withheld=bundle.entries - lines,
        sealed=seal_bundle(folder, home.with_name(f"evidence-{audience.slug}{SUFFIX}"), keys) if keys else None,
    )


def answers_page(exit_: Exit, sentence: str) -> str:
    """Write the fifteen answers for a person (Markdown), each sentence with the entries that it rests on."""
    checkpoint, entries = exit_.ledger.checkpoint(), exit_.ledger.entries()
    kept = {one.commitment: one.value for one in exit_.ledger.personal_data()}
    summary = summarise(
        entries, exit_.engagement, checkpoint, exit_.ledger.document, now=exit_.now(), audience=Audience.CLIENT, personal=kept
    )
    answers = answer(summary, entries[: checkpoint.size], exit_.engagement, exit_.ledger.document)
    head = [f"# Exit of {escape(exit_.engagement.client.name)}: the review", "", escape(sentence), ""]
    return "\n".join([*head, *(line for one in answers for line in _answer(one))])


def _answer(one: Answer) -> list[str]:
    said = [f"- {_MARKS[said.holds]}{escape(said.words)}{_entries(said.entries)}" for said in one.sentences]
    return [f"## {one.number}. {escape(one.question)}", "", *said, ""]


def _entries(numbers: Sequence[int]) -> str:
    return f" (entr{'y' if len(numbers) == 1 else 'ies'} {', '.join(map(str, numbers))})" if numbers else ""


def _keys(exit_: Exit, audience: Audience, recipients: Sequence[str]) -> tuple[str, ...]:
    if audience is Audience.INSURER:
        if not recipients:
            raise RefusedError(
                "no key is named to which this audience's evidence is encrypted",
                untouched="everything; nothing was written",
                todo="ask the receiver for an age or ssh-ed25519 public key, and give it",
            )
        return tuple(recipients)
    if recipients:
        raise RefusedError(
            f"keys are given, and what {audience} gets is encrypted to the keys in the engagement file alone",
            untouched="everything; nothing was written",
            todo="leave the keys out, or choose somebody else as the audience",
        )
    party = Party.CLIENT if audience is Audience.CLIENT else Party.SUCCESSOR
    plan = saved_plan(exit_)
    if party is Party.SUCCESSOR and not (plan and elected(exit_, plan)):
        raise RefusedError(
            "the client has not elected that the successor may receive anything",
            untouched="everything; nothing was written",
            todo="have the client sign its election, or give the client its own evidence to hand on",
        )
    return tuple(one.age for one in exit_.engagement.recipients if one.party is party)
