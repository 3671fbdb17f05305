"""What a tenant logs between export and cutoff, and forgets by then: who has to export it, and by when, is said until it is over."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.checklist import Progress, Row, checklist
from core.dates import local
from core.exit import Exit
from core.model import Action, EntryKind
from tests.flows.exit_world import ExitWorld
from tests.servers.microsoft365_world import Microsoft365World

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft365World]:
    made = Microsoft365World(tmp_path_factory.mktemp("tenant"))
    with made.server:
        yield made


def engage(world: ExitWorld, tenant: Microsoft365World, *, ahead: timedelta, **settings: int) -> None:
    """Have the tenant among the sources, and the cutoff so far ahead; everybody signs."""

    def change(written: dict[str, Any]) -> None:
        written["data_sources"] = [tenant.settings(drives=[], mailboxes=[], **settings)]

    world.engage(cutoff=datetime.now(UTC) + ahead, change=change)
    world.walk()


def sign_and_export(world: ExitWorld) -> Any:  # noqa: ANN401 - Prefect's state
    world.approve()
    world.elect()
    world.tell_the_client()
    world.acme.write_register(settled=True)
    return world.walk()


def rows(exit_: Exit, world: ExitWorld) -> list[Row]:
    return [one for one in checklist(exit_, world.plan()) if one.step == "Logs of m365 between the exports"]


def seen(world: ExitWorld, after: timedelta) -> list[Row]:
    """The rows as they are that long after the export was begun."""
    with world.opened() as exit_:
        return rows(exit_.at(exported(world) + after), world)


def exported(world: ExitWorld) -> datetime:
    subject = world.plan().archive_subject
    return next(one.at for one in world.entries(EntryKind.INTENT, Action.EXPORT) if one.subject == subject)


def test_what_a_tenant_forgets_is_told_with_its_date(world: ExitWorld, tenant: Microsoft365World) -> None:
    engage(world, tenant, ahead=30 * DAY)
    zone, until = world.plan().cutoff.zone, local(world.plan().cutoff.instant - 7 * DAY, world.plan().cutoff.zone)
    with world.opened() as exit_:
        (before,) = rows(exit_, world)
    assert before.progress == Progress.OPEN
    assert "kept there for 7 days: a person has to take the next export within 7 days of ours" in before.what
    assert before.what.endswith(f"the last not before {until}")

    state = sign_and_export(world)
    assert state.name == "Waiting for receipt", state.message
    due = local(exported(world) + 7 * DAY, zone)
    told = (
        f"Logs of m365: read up to {local(exported(world), zone)}, kept there for 7 days: a person has to take the next export by {due}, "
    )
    assert told in state.message
    assert told in world.keep_going().message
    (open_,) = seen(world, 7 * DAY)
    assert (open_.progress, f"by {due}" in open_.what) == (Progress.OPEN, True)
    (lost,) = seen(world, 7 * DAY + timedelta(seconds=1))
    assert lost.progress == Progress.UNKNOWN
    assert lost.what.endswith(f"what was logged between then and {until} is in no archive, but for what a person exported in between")


def test_nothing_is_lost_of_a_log_that_is_kept_until_the_cutoff(world: ExitWorld, tenant: Microsoft365World) -> None:
    engage(world, tenant, ahead=30 * DAY, logs_kept_days=30)
    state = sign_and_export(world)
    assert state.name == "Waiting for receipt", state.message
    assert "Logs of m365" not in state.message
    assert seen(world, timedelta()) == seen(world, 20 * DAY) == []


def test_a_source_without_logs_is_not_told(world: ExitWorld) -> None:
    world.engage(cutoff=datetime.now(UTC) + 30 * DAY)
    world.walk()
    with world.opened() as exit_:
        assert rows(exit_, world) == []
