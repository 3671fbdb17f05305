"""What the plan did not look at is told wherever grants are: on the plan, in the checklist and in the rehearsal; people sign without it."""

import json

from connectors.ssh_host.access import NOT_LOOKED_AT
from core.checklist import Progress, checklist
from core.model import EntryKind
from core.pages import plan_page
from core.planning import not_looked_at, require_saved_plan
from core.rehearsal import rehearsal_page, rehearse
from tests.flows.exit_world import ExitWorld

SUDO = "who may use sudo or doas"


def test_it_is_told_on_plan_checklist_and_rehearsal(world: ExitWorld) -> None:
    drawn = world.plan_for_a_past_cutoff()
    with world.opened() as exit_:
        plan = require_saved_plan(exit_)
        assert not_looked_at(exit_) == {"files-server": NOT_LOOKED_AT}
        page = plan_page(exit_.engagement, plan, not_looked_at(exit_))
        access, left_out = page.index("## Access that we give up"), page.index("## Not looked at")
        assert access < left_out < page.index("## Data that we export")
        assert "### files-server\n" in page
        assert f"\n- {SUDO}\n" in page
        assert "|---" not in page  # a wide table is cut off at the side
        many = plan.model_copy(update={"grants": plan.grants * 6})
        assert "\n- **12.** " in plan_page(exit_.engagement, many, {})
        [row] = [one for one in checklist(exit_, plan) if one.step == "Not looked at on files-server"]
        assert row.progress == Progress.UNKNOWN
        assert SUDO in row.what
        assert f"- not looked at: {SUDO}" in rehearsal_page(rehearse(exit_, plan), "Acme")
        [entry] = exit_.ledger.entries(kind=EntryKind.PLAN)
        noted = json.loads(exit_.ledger.document(entry.data["not-looked-at-document"]))
        assert noted == {"files-server": list(NOT_LOOKED_AT)}
    assert SUDO.encode() not in drawn.canonical  # the digest is over what we will do
    done = world.offboard("plan", "acme-dental")
    assert done.returncode == 0, done.stderr
    assert SUDO in " ".join(done.stdout.split())
