"""What people have signed: taken in once, checked again each time it is relied on."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from core.errors import SignatureError
from core.exit import Exit
from core.model import EntryKind, ExitPlan, Person
from core.signatures.statements import Purpose, Statement, check


def record_statement(exit_: Exit, text: str, signature: str, plan: ExitPlan | None) -> tuple[Statement, Person]:
    """Check a signed statement and put it on record. Raises SignatureError, and then nothing is recorded.

    A statement about a plan has to name the one in force; nobody signs the same thing twice.
    """
    statement, person = check(text, signature, exit_.engagement, exit_.now())
    _require_plan_in_force(statement, plan)
    for earlier, signer in statements(exit_, statement.purpose, plan, at=exit_.now()):
        if signer.principal == person.principal and _same_matter(earlier, statement):
            raise SignatureError(
                f"{person.name} has already signed this {statement.purpose}; a second signature by the same person does not count",
                untouched="the record",
                todo="ask another person whose signature counts",
            )
    exit_.record(
        EntryKind.STATEMENT,
        subject=statement.purpose,
        data={
            "principal": person.principal,
            "key": person.keys[0],
            "text-sha256": hashlib.sha256(text.encode()).hexdigest(),
            "text": text,
            "signature": signature,
        },
    )
    return statement, person


def statements(exit_: Exit, purpose: Purpose, plan: ExitPlan | None, *, at: datetime) -> tuple[tuple[Statement, Person], ...]:
    """Find the statements of one purpose that hold at an instant: signature, signer, time, and plan all checked anew."""
    found: list[tuple[Statement, Person]] = []
    for entry in exit_.ledger.entries(kind=EntryKind.STATEMENT, subject=purpose):
        try:
            statement, person = check(entry.data["text"], entry.data["signature"], exit_.engagement, at, purpose=purpose)
            _require_plan_in_force(statement, plan)
        except SignatureError:
            continue  # expired, or for an earlier plan: it stays on record and counts no more
        found.append((statement, person))
    return tuple(found)


def waived(exit_: Exit, plan: ExitPlan, subject: str) -> bool:
    """Whether two executives have waived one thing under the plan in force."""
    return len(_signers(statements(exit_, Purpose.WAIVER, plan, at=exit_.now()), "subject", subject)) >= 2  # noqa: PLR2004 - the rule of two


def approvers(exit_: Exit, plan: ExitPlan) -> tuple[Person, ...]:
    """Name the distinct executives whose approval of this plan holds now; a later `rescind` by two takes all away."""
    signed = statements(exit_, Purpose.APPROVAL, plan, at=exit_.now())
    approved, rescinded = _signers(signed, "decision", "approve"), _signers(signed, "decision", "rescind")
    return () if len(rescinded) >= 2 else approved  # noqa: PLR2004 - the rule of two


def _signers(signed: Iterable[tuple[Statement, Person]], key: str, value: str) -> tuple[Person, ...]:
    people = {person.principal: person for statement, person in signed if statement.one(key) == value}
    return tuple(people[principal] for principal in sorted(people))


def _require_plan_in_force(statement: Statement, plan: ExitPlan | None) -> None:
    named = statement.many("plan-sha256")
    if named and (plan is None or named != (plan.digest,)):
        raise SignatureError(
            f"the signed {statement.purpose} is for plan {named[0][:12]}, and the plan in force is {plan.digest[:12] if plan else 'not drawn yet'}",
            untouched="the record",
            todo="look at the plan in force and sign that one",
        )


def _same_matter(one: Statement, other: Statement) -> bool:
    passing = {"nonce", "made-at", "not-before", "not-after", "held-at", "reason"}
    return {field for field in one.fields if field[0] not in passing} == {field for field in other.fields if field[0] not in passing}
