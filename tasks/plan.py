"""Draw the plan, and show it to the people who sign."""

from prefect.artifacts import create_markdown_artifact

from core.exit import Exit
from core.model import ExitPlan
from core.pages import plan_page
from core.planning import draw_plan, not_looked_at, saved_plan
from tasks.step import step


@step(name="Draw the plan, looking only")
def draw(exit_: Exit) -> ExitPlan:
    """Look at every system and save the plan. Changes nothing."""
    plan = draw_plan(exit_)
    show(exit_, plan)
    return plan


def plan_in_force(exit_: Exit, *, draw_new: bool) -> ExitPlan:
    """Find the plan that was saved; draw one only if there is none yet or a person asked for a new one."""
    saved = None if draw_new else saved_plan(exit_)
    plan: ExitPlan = saved or draw(exit_)
    return plan


def show(exit_: Exit, plan: ExitPlan) -> None:
    """Publish the plan as an artifact."""
    create_markdown_artifact(
        key=f"{plan.engagement}-plan",
        markdown=plan_page(exit_.engagement, plan, not_looked_at(exit_)),
        description=f"Plan {plan.digest[:12]}: what will be done",
    )
