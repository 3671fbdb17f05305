"""What one is about to sign, said to an executive."""

from collections.abc import Callable, Sequence
from typing import Final

from core.errors import SignatureError
from core.signatures.fields import problem
from core.signatures.purposes import Purpose
from core.signatures.statements import Statement

_SCOPE: Final = {
    "export": "the client's data is copied out and encrypted to the recipients that the plan names",
    "hand-over": "documentation and credentials are handed over to those recipients",
    "revoke": "our access to the client's systems ends at the cutoff that the plan names",
    "irreversible": "what the plan marks as irreversible is done too, at the same cutoff: nothing that we do puts it back",
}


def plain_words(statement: Statement) -> str:
    """Say in plain sentences, one a line, what signing this text means.

    Raises SignatureError if a field is missing, unknown or of another form: what cannot be said must not be signed.
    """
    wrong = problem(statement.purpose, statement.fields)
    if wrong:
        raise SignatureError(f"this text is not fit to be signed: {wrong}", untouched="everything", todo="ask for a new text")
    lines = [f"You sign as {statement.one('principal')}. This is about the client {statement.one('client')} and no other."]
    lines += _WORDS[statement.purpose](statement)
    lines.append(f"The text was made at {_instant(statement.one('made-at'))} and is for this one use (nonce {statement.one('nonce')}).")
    return "\n".join(lines) + "\n"


def _approval(statement: Statement) -> list[str]:
    plan = statement.one("plan-sha256")
    if statement.one("decision") == "rescind":
        return [
            f"You take back your approval of the exit plan with the SHA-256 sum {plan}.",
            "One rescission alone has no effect: a second executive has to sign one too. It does not run out.",
            "Once there are two, nothing new is begun under that plan, unless it is approved anew.",
            "Giving up access is finished if it has begun by then. What was done is not undone.",
        ]
    return [
        f"You approve the exit plan with the SHA-256 sum {plan}, exactly as it is shown. A plan with another sum is another plan.",
        *(f"You agree that {_SCOPE[part]}." for part in statement.one("scope").split(",")),
        "Nothing of the client's is deleted.",
        f"Your approval counts from {_instant(statement.one('not-before'))} until {_instant(statement.one('not-after'))}.",
    ]


def _conversation(statement: Statement) -> list[str]:
    how = "in person" if statement.one("channel") == "in-person" else "by phone"
    return [f"You state that at {_instant(statement.one('held-at'))} you told {statement.one('with')}, {how}, that the engagement ends."]


def _election(statement: Statement) -> list[str]:
    copies = {
        "return": "The provider gives its copies of your data back to you and keeps none, unless a law requires it.",
        "delete": "The provider deletes its copies of your data once you proved that your archive opens. Your systems stay as they are.",
    }
    parties = " and ".join(
        {"client": "you, the client", "successor": "the provider that takes over"}[each] for each in statement.many("deliver-to")
    )
    return [
        f"You choose, under the exit plan with the SHA-256 sum {statement.one('plan-sha256')}:",
        f"Data and credentials are delivered to {parties}.",
        copies[statement.one("copies")],
        *(f"For {days} days nobody, you included, can remove what is put into your bucket." for days in statement.many("object-lock-days")),
    ]


def _acknowledgement(statement: Statement) -> list[str]:
    archive = [
        f"You state that you opened the archive with the manifest sum {manifest} and found {statement.one('archive-code')} in it."
        for manifest in statement.many("archive-manifest-sha256")
    ]
    package = [
        f"You state that you opened the handover package with the SHA-256 sum {package}, found the code {statement.one('package-code')} "
        f"in its vault, and counted {statement.one('credentials')} credentials."
        for package in statement.many("package-sha256")
    ]
    result = {
        "accepted": "You accept what you received.",
        "accepted-with-exceptions": "You accept what you received, except for:",
        "refused": "You refuse what you received.",
    }
    return [*archive, *package, result[statement.one("result")], *_list(statement.many("exception"))]


def _waiver(statement: Statement) -> list[str]:
    return [
        f"You waive this condition of the exit plan with the SHA-256 sum {statement.one('plan-sha256')}: {statement.one('subject')}.",
        f"Your reason, which the client can read in the record: {statement.one('reason')}",
        "One waiver alone has no effect: a second executive has to sign one too.",
    ]


def _reinstatement(statement: Statement) -> list[str]:
    return [
        "You order that our access to the client's systems is put back as it was before it was revoked. It concerns:",
        *_list(statement.many("grant")),
        f"It was revoked under the exit plan with the SHA-256 sum {statement.one('plan-sha256')}.",
        f"Your reason, which the client can read in the record: {statement.one('reason')}",
    ]


def _arming(statement: Statement) -> list[str]:
    return [
        f"You arm the cutoff of the exit plan with the SHA-256 sum {statement.one('plan-sha256')}.",
        "At the instant that the plan names our access to the client's systems ends by itself, unless a condition of it does not hold.",
        "It takes one executive and one technician of the provider, and the client; who of them does not sign keeps it from running.",
        f"It counts from {_instant(statement.one('not-before'))} until {_instant(statement.one('not-after'))}, and ends by itself then.",
    ]


def _control(statement: Statement) -> list[str]:
    return [
        f"You state that at {_instant(statement.one('acted-at'))} you yourself were in control, without us, of these systems of yours:",
        *_list(statement.many("system")),
        f"How: {statement.one('how')}",
        "Our access to them is given up on your word. If you cannot get in, do not sign.",
    ]


def _readiness(statement: Statement) -> list[str]:
    said = {
        "ready": "You state that this is in place from then on, without us:",
        "gap-accepted": "You accept that this is not in place from then on, and that the client bears what follows from it:",
    }
    return [
        f"Our access ends at the cutoff of the exit plan with the SHA-256 sum {statement.one('plan-sha256')}.",
        said[statement.one("state")],
        *_list(statement.many("what")),
    ]


def _look(statement: Statement) -> list[str]:
    system, plan = statement.one("system"), statement.one("plan-sha256")
    found, unclear, beyond = (statement.many(key) for key in ("still-there", "could-not-see", "beyond-the-plan"))
    more = [f"{count} more are not listed, since the text would be too long." for count in statement.many("unlisted")]
    left_out = statement.many("not-looked-at")
    return [
        f"You state that at {_instant(statement.one('looked-at'))} you yourself, by a way in of your own, looked at {system}.",
        f"You looked for {statement.one('looked-for')} of our ways in under the exit plan with the SHA-256 sum {plan}.",
        f"The list of these has the SHA-256 sum {statement.one('looked-for-sha256')}; the whole request {statement.one('asked-sha256')}.",
        *(["You found these still there:", *_list(found)] if found else ["You found none of them there."]),
        *(["Of these you could not see whether they are there or not:", *_list(unclear)] if unclear else []),
        *(["You found these of ours besides:", *_list(beyond)] if beyond else []),
        *more,
        *(["You did not look at:", *_list(left_out)] if left_out else []),
        "The exit may be closed on your word.",
    ]


def _list(values: Sequence[str]) -> list[str]:
    return [f"- {value}" for value in values]


def _instant(value: str) -> str:
    return value.replace("T", " ").removesuffix("Z") + " UTC"


_WORDS: Final[dict[Purpose, Callable[[Statement], list[str]]]] = {
    Purpose.APPROVAL: _approval,
    Purpose.CONVERSATION: _conversation,
    Purpose.ELECTION: _election,
    Purpose.ACKNOWLEDGEMENT: _acknowledgement,
    Purpose.WAIVER: _waiver,
    Purpose.REINSTATEMENT: _reinstatement,
    Purpose.ARMING: _arming,
    Purpose.CONTROL: _control,
    Purpose.READINESS: _readiness,
    Purpose.LOOK: _look,
}
