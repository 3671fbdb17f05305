"""What people have signed: taken in once, checked again each time it is relied on."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from core.errors import SignatureError
from core.exit import Exit
from core.model import EntryKind, ExitPlan, LedgerEntry, Person, Role
from core.planning import in_force_since
from core.signatures import sshsig
from core.signatures.forms import EVERYTHING, IRREVERSIBLE, Scope
from core.signatures.statements import LONGEST_TEXT, Purpose, Statement, check, namespace
from core.statement_subjects import require_known_subject

TWO = 2


class OnRecordError(SignatureError):
    """The very same statement is on record already: to record it again is needless, and harmless."""


def record_statement(exit_: Exit, text: str, signature: str, plan: ExitPlan | None) -> tuple[Statement, Person]:
    """Check a signed statement and put it on record. Raises SignatureError, and then nothing is recorded.

    A statement about a plan has to name the one in force; nobody signs the same thing twice. Raises OnRecordError for the very text
    that is on record.
    """
    if max(len(text), len(signature)) > LONGEST_TEXT:
        raise SignatureError("the statement is too long", untouched="the record", todo=f"keep it below {LONGEST_TEXT} characters")
    statement, person = check(text, signature, exit_.engagement, exit_.now())
    _require_new_nonce(exit_, statement)
    require_effect(exit_, statement, plan)
    _require_news(exit_, statement, person, plan)
    exit_.record(
        EntryKind.STATEMENT,
        subject=statement.purpose,
        data={
            "principal": person.principal,
            "key": sshsig.verify(signature, text.encode(), namespace(statement.purpose, exit_.engagement.provider.domain)),
            "text-sha256": hashlib.sha256(text.encode()).hexdigest(),
            "text": text,
            "signature": signature,
        },
    )
    exit_.ledger.checkpoint()
    return statement, person


def require_effect(exit_: Exit, statement: Statement, plan: ExitPlan | None) -> None:
    """Refuse what would go on record without any effect: for a plan that is not in force, or about something that is not there.

    Raises SignatureError.
    """
    _require_plan_in_force(statement, plan)
    require_known_subject(exit_, statement, plan)


def statements(
    exit_: Exit, purpose: Purpose, plan: ExitPlan | None, *, at: datetime, since: int = -1
) -> tuple[tuple[Statement, Person], ...]:
    """Find the statements of one purpose that hold at an instant: signature, signer, time, and plan all checked anew.

    Those recorded up to entry number `since` do not count, nor those about a plan that were recorded before it came into force.
    The signer's key has to have counted when the statement was recorded; one that the engagement names no more, not even as revoked,
    counts for nothing: nobody can tell any more whose it was.
    """
    return tuple((statement, person) for _, statement, person in statement_entries(exit_, purpose, plan, at=at, since=since))


def statement_entries(
    exit_: Exit, purpose: Purpose, plan: ExitPlan | None, *, at: datetime, since: int = -1
) -> tuple[tuple[LedgerEntry, Statement, Person], ...]:
    """Find statements as `statements` does, each with the entry in which it stands."""
    in_force = in_force_since(exit_)
    found: list[tuple[LedgerEntry, Statement, Person]] = []
    nonces = set[tuple[str, str]]()
    for entry in exit_.ledger.entries(kind=EntryKind.STATEMENT, subject=purpose):
        if entry.number <= since:
            continue
        try:
            text, signature = entry.data["text"], entry.data["signature"]
            statement, person = check(text, signature, exit_.engagement, at, purpose=purpose, taken_in=entry.at)
            _require_plan_in_force(statement, plan)
        except SignatureError:
            continue  # expired, or for an earlier plan: it stays on record and counts no more
        if (person.principal, statement.one("nonce")) in nonces:
            continue  # two passes at once took in the same one
        nonces.add((person.principal, statement.one("nonce")))
        if entry.number > in_force or not statement.many("plan-sha256"):
            found.append((entry, statement, person))
    return tuple(found)


def waived(exit_: Exit, plan: ExitPlan, subject: str) -> tuple[Person, ...]:
    """Name the executives who have waived one thing under the plan in force; nobody unless there are two."""
    people = _signers(statements(exit_, Purpose.WAIVER, plan, at=exit_.now()), "subject", subject)
    return people if len(people) >= TWO else ()


def armers(exit_: Exit, plan: ExitPlan) -> dict[Role, Person]:
    """Name who has armed the cutoff of this plan, as it counts now, one for each role. A person has one role, and a key one person."""
    return {person.role: person for _, person in statements(exit_, Purpose.ARMING, plan, at=exit_.now())}


def approvers(exit_: Exit, plan: ExitPlan, scope: Sequence[Scope] = EVERYTHING) -> tuple[Person, ...]:
    """Name the distinct executives whose approval of this plan holds now. Two who rescind take all approvals before them away.

    What the plan marks as irreversible has approvals of its own, by the `scope` IRREVERSIBLE.
    """
    approved: dict[str, Person] = {}
    rescinded: set[str] = set()
    for statement, person in statements(exit_, Purpose.APPROVAL, plan, at=exit_.now()):
        if statement.one("decision") == "approve":
            if set(scope) - set(statement.one("scope").split(",")):
                continue  # an approval of a part does not set the whole going
            approved[person.principal] = person
            continue
        rescinded.add(person.principal)
        if len(rescinded) >= TWO:
            approved, rescinded = {}, set()
    return tuple(approved[principal] for principal in sorted(approved))


def _signers(signed: Iterable[tuple[Statement, Person]], key: str, value: str) -> tuple[Person, ...]:
    people = {person.principal: person for statement, person in signed if statement.one(key) == value}
    return tuple(people[principal] for principal in sorted(people))


def _require_plan_in_force(statement: Statement, plan: ExitPlan | None) -> None:
    named = statement.many("plan-sha256")
    if named and (plan is None or named != (plan.digest,)):
        in_force = plan.digest[:12] if plan else "not drawn yet"
        raise SignatureError(
            f"the signed {statement.purpose} is for plan {named[0][:12]}, and the plan in force is {in_force}",
            untouched="the record",
            todo="look at the plan in force and sign that one",
        )


def _require_new_nonce(exit_: Exit, statement: Statement) -> None:
    """Refuse a statement that was seen before, and another one by the same person with the nonce of one that was.

    Several recipients fill in the one receipt template of a package, each for themselves.
    """
    for entry in exit_.ledger.entries(kind=EntryKind.STATEMENT):
        if entry.data["text"] == statement.text:
            raise OnRecordError(
                f"this very statement is on record already, as entry {entry.number}",
                untouched="the record",
                todo="nothing, or make and sign a new one",
            )
        earlier = Statement.parse(entry.data["text"])
        if all(earlier.one(key) == statement.one(key) for key in ("nonce", "principal")):
            raise SignatureError(
                f"its nonce was used before, in entry {entry.number}", untouched="the record", todo="make a new text and sign that one"
            )


def _require_news(exit_: Exit, statement: Statement, person: Person, plan: ExitPlan | None) -> None:
    """Refuse a second statement of the same person on the same matter while the first holds."""
    if statement.purpose == Purpose.APPROVAL and plan:
        scope = IRREVERSIBLE if statement.one("scope") == "irreversible" else EVERYTHING
        again = statement.one("decision") == "approve" and person.principal in {one.principal for one in approvers(exit_, plan, scope)}
    else:
        held = statements(exit_, statement.purpose, plan, at=exit_.now())
        own = [earlier for earlier, signer in held if signer.principal == person.principal and _about(earlier) == _about(statement)]
        again = bool(own) and _matter(own[-1]) == _matter(statement)
    if again:
        raise SignatureError(
            f"{person.name} has already signed this {statement.purpose}; a second signature by the same person does not count",
            untouched="the record",
            todo="ask another person whose signature counts",
        )


def _about(statement: Statement) -> tuple[str, ...]:
    """Say which question a statement answers: the newest answer counts."""
    return (*statement.many("subject"), *statement.many("grant"), *statement.many("system"))


def _matter(statement: Statement) -> set[tuple[str, str]]:
    passing = {"nonce", "made-at", "not-before", "reason"}
    if statement.purpose is not Purpose.ARMING:  # to arm for longer is news: it ends by itself
        passing.add("not-after")
    return {field for field in statement.fields if field[0] not in passing}
