"""Read a letter to the client once more before it is sent: it has to be complete, and decent."""

import re

from core.dates import local
from core.letters.write import NO_RECOMMENDATION
from core.model import Engagement

BLAME = (
    # name-calling and judgements of people
    "idiot", "idiotic", "stupid", "dumb", "moron", "fool", "foolish", "incompetent", "incompetence", "ignorant", "lazy",
    "liar", "lying", "crook", "cheat", "clueless", "unreasonable", "impossible people", "difficult people", "toxic", "childish",
    # judgements of the work together
    "nightmare", "hopeless", "pathetic", "ridiculous", "disgrace", "disgraceful", "disgusting", "shameful", "waste of time",
    "fed up", "sick of", "had enough",
    # blame and threats
    "your fault", "you failed", "you are to blame", "you people", "you never", "you always", "or else", "you will regret",
    # taking it back: nothing is being reconsidered
    "reconsider", "second chance", "change our mind",
)  # fmt: skip
"""Words that have no place in a letter to a client, whatever happened. Whole words, any letter case."""


def review_letter(body: str, engagement: Engagement) -> tuple[str, ...]:
    """Check a confirmation letter's completeness and tone; returns every problem in words, nothing if it may leave.

    Line breaks do not matter. Looked for: the cutoff as a date in the client's zone, the specific reason, every step of
    the transition, whom to ask, thanks; and none of BLAME, nor a recommendation where the reason forbids one.
    """
    text = _flat(body)
    promised = {
        "the cutoff": local(engagement.cutoff.instant, engagement.cutoff.zone),
        "the specific reason": engagement.decision.specifics,
        "whom to ask": engagement.provider.address,
    }
    problems = [f"{what} is missing: {value}" for what, value in promised.items() if _flat(value) not in text]
    problems += [f"a step of the transition is missing: {step}" for step in engagement.transition.what_we_do if _flat(step) not in text]
    if not re.search(r"\bthank(s| you)\b", text):
        problems.append("there is no word of thanks")
    problems += [f"the words {word!r} have no place in this letter" for word in BLAME if re.search(rf"\b{re.escape(word)}\b", text)]
    if engagement.decision.reason in NO_RECOMMENDATION:
        named = [one for one in engagement.transition.recommended_providers if _flat(one) in text]
        problems += [f"{one} is recommended, although the reason is {engagement.decision.reason}" for one in named]
    return tuple(problems)


def _flat(text: str) -> str:
    return " ".join(text.split()).casefold()
