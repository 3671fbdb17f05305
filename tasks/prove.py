"""Prove it: the evidence bundle, and what it says."""

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact

from configs.open_exit import open_exit
from core.checklist import checklist
from core.evidence.redaction import Audience
from core.pages import checklist_page
from core.planning import saved_plan
from core.review import answers_page, review
from tasks.step import step


@step(name="Write and verify the evidence bundle")
def write_evidence(engagement: str, audience: Audience, recipients: Sequence[str]) -> str:
    """Write the bundle from the ledger, verify it as a stranger would, pack it for its audience, and publish what it says and where it is.

    Returns where it is in a sentence.
    """
    with open_exit(engagement) as exit_:
        sentence = review(exit_, audience, recipients).sentence
        plan = saved_plan(exit_)
        page = checklist_page(exit_.engagement, plan, checklist(exit_, plan), sentence)
        create_markdown_artifact(
            key=f"{engagement}-audit-trail", markdown=page, description="What was done, and how each thing was verified"
        )
        create_markdown_artifact(
            key=f"{engagement}-review", markdown=answers_page(exit_, sentence), description="The fifteen questions of a review, answered"
        )
        return sentence
