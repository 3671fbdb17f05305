"""Every shell example that can be run is run, on the demo's simulated client; what runs in Prefect do between is done by the same steps."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from doc_examples import PROJECT, Example, examples, run

from configs.open_exit import open_exit
from core.errors import GoodLeaverError
from core.evidence.bundle import write_bundle
from core.model import EntryKind
from core.planning import require_saved_plan
from core.steps import close, discover, export, hand_over, revoke
from core.steps.sessions import Sessions
from core.steps.tell import keys, send_closing_notice
from demo.acme import SLUG, Acme

DOCS = PROJECT / "docs"


def attach_keys(folder: Path) -> None:
    """Lay down the attachment of the first letter."""
    with open_exit(SLUG) as exit_:
        for name, content in keys(exit_).items():
            (folder / name).write_bytes(content)


def attach_checkpoint(folder: Path) -> None:
    """Lay down another attachment of the same letter."""
    with open_exit(SLUG) as exit_:
        (folder / "checkpoint").write_text(exit_.ledger.checkpoint().note, encoding="utf-8")


def export_and_pack(folder: Path) -> None:
    """Do what client-exit does, and lay down the attachment of the mail that it sends."""
    with open_exit(SLUG, holder="test") as exit_:
        plan = require_saved_plan(exit_)
        export.take_inventories(exit_, export.BEFORE)

        def one_after_the_other(subject: str, datasets: Sequence[str]) -> Mapping[str, GoodLeaverError]:
            for dataset in datasets:
                export.write_one(exit_, subject, dataset, lambda _: None)
            return {}

        export.export_data(exit_, plan, one_after_the_other)
        package = hand_over.hand_over(exit_, plan)
        passphrase = exit_.ledger.document(package.facts["vault-passphrase"])
    (folder / "vault-passphrase.txt.age").write_bytes(passphrase)


def cut_off(_: Path) -> None:
    """Do what cutoff does, then review-audit-trail."""
    with open_exit(SLUG, holder="test") as exit_:
        plan = require_saved_plan(exit_)
        for name in {grant.system for grant in plan.grants}:
            found = exit_.systems.target(name).client_control()
            exit_.record(EntryKind.CONTROL, subject=name, data={"proved": found.proved, "evidence": found.evidence})
        found = discover.find_grants(exit_, plan)
        assert revoke.give_up(exit_, plan, {}, lambda grants: revoke.revoke(exit_, grants, found.present)) == {}
        assert revoke.read_back(exit_, plan) == ()
        close.close(exit_, plan, Sessions())
        write_bundle(exit_.ledger, exit_.engagement, exit_.evidence_folder, key=exit_.key, now=exit_.now(), audience="the client")


def tell_the_end(_: Path) -> None:
    """Do what cutoff does last."""
    with open_exit(SLUG, holder="test") as exit_:
        send_closing_notice(exit_, require_saved_plan(exit_))


BEFORE: dict[str, Callable[[Path], None]] = {
    "Give out the keys at kick-off": attach_keys,
    "Have others vouch for the record": attach_checkpoint,
    "Open what you received": export_and_pack,
    "Verify the evidence": cut_off,
    "Destroy what the record keeps about a person": tell_the_end,
}
"""What has happened by the time a reader is at this heading of the how-to page."""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    world = Acme(tmp_path, large=1_000_000)
    monkeypatch.setenv("OFFBOARD_ENGAGEMENTS", str(world.engagements))
    monkeypatch.setenv("OFFBOARD_STATE", str(world.state))
    with world:
        world.write_engagement((datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0), timedelta(seconds=1))
        for drawn_and_signed in (f"plan {SLUG}", f"sign approval {SLUG} --as alice@northwind.example --key keys/alice --yes"):
            run(Example("", 0, f"offboard {drawn_and_signed}"), tmp_path)
        yield tmp_path


def test_the_how_to_page_works_as_it_is_written(acme: Path) -> None:
    reached: set[str] = set()
    for example in examples(DOCS / "how-to.md"):
        if example.heading in BEFORE.keys() - reached:
            BEFORE[example.heading](acme)
        reached.add(example.heading)
        run(example, acme)
    assert reached > BEFORE.keys()


def test_the_tutorial_works_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engagements = tmp_path / "configs" / "engagements"
    engagements.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    shutil.copy(DOCS / "example-engagement.yaml", tmp_path / "docs")
    monkeypatch.setenv("OFFBOARD_ENGAGEMENTS", str(engagements))
    monkeypatch.setenv("OFFBOARD_STATE", str(tmp_path / "state"))
    told = list(examples(DOCS / "tutorial.md"))
    for example in told:
        run(example, tmp_path)
    assert [example.status for example in told if example.command.startswith("offboard check")] == [2, 0]


def test_every_other_page_leaves_nothing_to_run() -> None:
    pages = [page for page in (*PROJECT.glob("*.md"), *DOCS.rglob("*.md")) if page.name not in {"how-to.md", "tutorial.md"}]
    assert pages
    assert [page for page in pages if list(examples(page))] == []


@pytest.mark.parametrize(
    ("shown", "status"), [(["two"], 0), (["one", "one"], 0), (["three", "one"], 0), ([], 1), (["o…e", "t…e"], 0), (["one."], 0)]
)
def test_an_example_that_shows_something_else_is_found(tmp_path: Path, shown: list[str], status: int) -> None:
    example = Example("", 1, "printf 'one\\nthree\\n'", shown, status)
    if shown == ["o…e", "t…e"]:
        run(example, tmp_path)
        return
    with pytest.raises(AssertionError, match="line 1"):
        run(example, tmp_path)
