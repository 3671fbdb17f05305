"""The cutoff: at the instant, our access ends."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from core.client_check.second_look import systems_closed_by_others
from core.exit import Exit
from core.steps.close import closed_sentence
from core.steps.in_force import LATEST_START, require_plan_in_force
from core.steps.kept import connections_kept
from core.steps.sessions import Sessions
from core.steps.swept import ended_sentence
from flows.export_dataset import export_dataset
from flows.sweep import look_from_outside
from tasks.anchor import anchor_record
from tasks.cutoff import (
    close,
    find_grants,
    give_up,
    open_sessions,
    read_back,
    require_interlocks,
    wait_for_cutoff,
    wait_for_second_check,
)
from tasks.export import read_a_last_time
from tasks.outcome import conclude
from tasks.tell import ask_the_client_to_look, send_closing_notice


@flow(name="cutoff", persist_result=False)
def cutoff(engagement: str, plan_digest: str) -> State[Any]:
    """Give up our access at the signed instant. A run for a plan that is not in force any more does nothing.

    Args:
        engagement: Filled in by client-exit, which schedules this run. There is no need to start it by hand.
        plan_digest: The whole SHA-256 of the signed plan. With any other nothing is done.

    """
    return conclude(
        engagement,
        lambda exit_: give_up_access(exit_, plan_digest),
        before=lambda exit_: wait_for_cutoff(exit_, plan_digest),
        patience=LATEST_START,  # an export that is still at work may take its time
    )


def give_up_access(exit_: Exit, plan_digest: str) -> str:
    """Check everything, read a last time, take our access away, on all systems at once, try it, try it again later, close."""
    plan = require_plan_in_force(exit_, plan_digest)
    if not closed_sentence(exit_, plan):
        require_interlocks(exit_, plan, find_grants(exit_, plan))
        read_a_last_time(exit_, plan, export_dataset)
        anchor_record(exit_, "before revocation")
        with Sessions() as sessions:
            with connections_kept(exit_) as there:
                found = find_grants(there, plan)
                aside = require_interlocks(there, plan, found)  # reading may have taken hours
                open_sessions(there, plan, found, aside, sessions)
                trouble = give_up(there, plan, found, aside)
            anchor_record(exit_, "after revocation")
            if closed := set(systems_closed_by_others(exit_, plan)) - trouble.keys():
                ask_the_client_to_look(exit_, plan, closed)  # before anybody is held by what only it can see
            read_back(exit_, plan, trouble, sessions)
            wait_for_second_check(exit_, plan, ask_the_client_to_look(exit_, plan))
            close(exit_, plan, sessions)
        anchor_record(exit_, "closed")
    look_from_outside(exit_, plan)
    send_closing_notice(exit_, plan)
    return ended_sentence(exit_, plan)
