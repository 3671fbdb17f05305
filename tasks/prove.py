"""Prove it: the evidence bundle, and what it says."""

from prefect.artifacts import create_markdown_artifact

from configs.open_exit import open_exit
from core.checklist import checklist
from core.errors import RefusedError
from core.evidence.bundle import write_bundle
from core.evidence.verifier import verify_bundle
from core.pages import checklist_page
from core.planning import saved_plan
from tasks.step import step


@step(name="Write and verify the evidence bundle")
def write_evidence(engagement: str, audience: str) -> str:
    """Write the bundle from the ledger, verify it as a stranger would, and publish where it is. Returns that in a sentence."""
    with open_exit(engagement) as exit_:
        folder = exit_.evidence_folder
        bundle = write_bundle(exit_.ledger, exit_.engagement, folder, key=exit_.key, now=exit_.now(), audience=audience)
        report = verify_bundle(folder, None)
        failed = [f"{one.name}: {one.detail}" for one in report.checks if one.status != "OK"]
        if failed:
            raise RefusedError(
                f"the bundle in {folder} does not verify: {'; '.join(failed)}", untouched="the ledger", todo="keep both, and ask"
            )
        sentence = (
            f"The evidence bundle is in {folder}: {bundle.entries} entries, {len(report.checks)} checks passed, root {bundle.root[:12]}. "
            f"Anybody verifies it there, without us: ./verify.sh and python3 verify.py . ; report.html is in data/."
        )
        plan = saved_plan(exit_)
        page = checklist_page(exit_.engagement, plan, checklist(exit_, plan), sentence)
        create_markdown_artifact(
            key=f"{engagement}-audit-trail", markdown=page, description="What was done, and how each thing was verified"
        )
        return sentence
