"""The fifteen questions that a review of an exit asks, answered from the entries of the ledger alone.

Each sentence names the entries that it rests on. Where the ledger has nothing about a part of a question, a sentence says that instead.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile

from core.evidence.answers_access import day_zero, each_grant, in_control, outside, since_the_cutoff, trouble
from core.evidence.answers_data import credentials, differences, exported, received, retained
from core.evidence.answers_people import decided, money, obligations, told
from core.evidence.said import Answer, Holds, Record, Said
from core.evidence.sentences import opened
from core.evidence.summary import Summary
from core.model import Engagement, EntryKind, ExitPlan, LedgerEntry

__all__ = ["QUESTIONS", "Answer", "Holds", "Said", "answer"]

QUESTIONS: tuple[tuple[str, Callable[[Record, Summary], tuple[Said, ...]]], ...] = (
    ("Who decided, when and on what evidence, and who approved which exact plan?", decided),
    ("How and by whom was the client told, and when did notice start and end?", told),
    ("Which obligations were open, and how was each closed or waived, and by whom?", obligations),
    ("What was owed either way, and did a debt ever delay data or credentials?", money),
    ("What was exported, how complete is it, and does it still have the same sums?", exported),
    ("Who received which copy, when and over which channel, and did they open it?", received),
    ("Which credentials were handed over, and when did the new owner replace each?", credentials),
    ("What access did we hold on the first day, and how was it found?", day_zero),
    ("For each access: when was it removed, by whom, and how do we know?", each_grant),
    ("Was anything removed, altered or shut down that belongs to the client?", differences),
    ("Was the client ever without an administrator, backup or protection?", in_control),
    ("What happened after the cutoff?", since_the_cutoff),
    ("What failed, was repeated, undone or given back, and who authorised it?", trouble),
    ("What data of the client's do we still hold, on what basis and until when?", retained),
    ("Can an outsider verify that this record is complete, unaltered and dated?", outside),
)
"""Each question with what answers it, in the order of their numbers, which start at 1."""


def answer(
    summary: Summary, entries: Sequence[LedgerEntry], engagement: Engagement, document: Callable[[str], bytes]
) -> tuple[Answer, ...]:
    """Answer all fifteen questions. `summary` is that of the same entries; `document` gives a stored plan, and raises what it raises."""
    entries = opened(entries, summary.personal)
    drawn = [one for one in entries if one.kind == EntryKind.PLAN]
    plans = [ExitPlan.model_validate_json(document(one.data["document"])) for one in (drawn[0], drawn[-1])] if drawn else []
    run = list(takewhile(lambda one: one.data["plan-sha256"] == summary.plan, reversed(drawn)))
    record = Record(
        engagement=engagement,
        entries=entries,
        plan=plans[-1] if plans else None,
        first=plans[0] if plans else None,
        since=run[-1].number if run else -1,
    )
    return tuple(
        Answer(number=number, question=question, sentences=say(record, summary)) for number, (question, say) in enumerate(QUESTIONS, 1)
    )
