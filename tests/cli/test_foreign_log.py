"""`offboard evidence foreign`: what somebody else's log says goes on record, or is refused line by line."""

import json
from pathlib import Path

import pytest

from core.model import EntryKind
from demo.acme import SLUG
from tests.flows.exit_world import ExitWorld

SPAN = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-12-02T00:00:00Z")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "auditd.jsonl"
    path.write_text(json.dumps({"action": "removed", "at": "2026-11-03T09:00:00Z", "path": "srv/files/a", "who": "carol"}) + "\n")
    return path


def test_a_log_goes_on_record_with_what_is_said_of_it(world: ExitWorld, log: Path) -> None:
    told = ("--source", "auditd, kept by Dana", "--gap", "2026-11-08T02:00:00Z/2026-11-08T02:20:00Z", "--ours", "ops")
    done = world.offboard("evidence", "foreign", SLUG, "files-server", str(log), *told, *SPAN)
    assert done.returncode == 0, done.stderr
    entry = world.entries(kind=EntryKind.INVENTORY)[-1]
    assert f"Entry {entry.number}: 1 lines of auditd, kept by Dana about files-server are on record." in done.stdout
    assert {key: entry.data[key] for key in ("when", "source", "from", "to", "gaps", "ours", "items")} == {
        "when": "foreign",
        "source": "auditd, kept by Dana",
        "from": SPAN[1],
        "to": SPAN[3],
        "gaps": [["2026-11-08T02:00:00Z", "2026-11-08T02:20:00Z"]],
        "ours": ["ops"],
        "items": 1,
    }


@pytest.mark.parametrize(
    ("dataset", "span", "body", "status", "said"),
    [
        ("files-server", SPAN, "no json\n", 2, "line 1: the line"),
        ("files-server", (SPAN[0], SPAN[3], SPAN[2], SPAN[1]), "", 2, "the earlier one first"),
        ("files-server", ("--from", "yesterday", "--to", SPAN[3]), "", 2, "write instants such as"),
        ("no-such-place", SPAN, "", 1, "no data source no-such-place"),
    ],
)
def test_what_cannot_be_taken_in_leaves_the_record_alone(
    world: ExitWorld, log: Path, dataset: str, span: tuple[str, ...], body: str, status: int, said: str
) -> None:
    log.write_text(body)
    done = world.offboard("evidence", "foreign", SLUG, dataset, str(log), "--source", "auditd", *span)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not world.entries(kind=EntryKind.INVENTORY)
