"""What every task has in common."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from core.errors import UnavailableError

P = ParamSpec("P")
R = TypeVar("R")


def step(*, name: str, task_run_name: str | None = None) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a step of the checklist: never cached, tried again only if a system did not answer."""
    return task(
        name=name,
        task_run_name=task_run_name,
        cache_policy=NO_CACHE,  # a remembered "revoked" would lie about a grant that is active again
        persist_result=False,
        retries=2,
        retry_delay_seconds=[2.0, 10.0],
        retry_condition_fn=worth_a_retry,
    )


def worth_a_retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Only what did not answer is tried again; what was refused needs a person. A failed run's state carries its exception as data."""
    return isinstance(state.data, UnavailableError)
