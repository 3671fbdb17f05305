"""No false alarm: a thousand honest exits at random pass every check, whole and in part."""

import random

import pytest
from honest import Honest, InMemory
from made_up_exit import ORIGIN, People, new_key

from core.evidence.bundle import bundle_files
from core.evidence.verifier import OwnLibraries
from core.evidence.verify import CHECKS, RULES, Bag, attempt, rule
from core.evidence.verify_checks import Checks
from core.ledger.note import LogKey
from core.model import Engagement, EntryKind, Person, Role

LEDGERS, AT_ONCE = 1_000, 125


@pytest.fixture(scope="module")
def quick(people: People, engagement: Engagement) -> tuple[Engagement, People]:
    """Two executives whose keys are of the quick sort, and the client."""
    pem, key = new_key()
    dora = Person(principal="dora@msp.example", name="Dora", role=Role.EXECUTIVE, keys=(key,))
    pem_of_carol, key_of_carol = new_key()
    carol = people["carol"].model_copy(update={"keys": (key_of_carol,)})
    chosen = (people["alice"], dora, carol)
    private = people.private | {dora.principal: pem, carol.principal: pem_of_carol}
    return engagement.model_copy(update={"people": chosen}), People(chosen, private)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[LogKey]:
    folder = tmp_path_factory.mktemp("keys")
    return [LogKey.load_or_create(folder / f"{number}.pem", ORIGIN) for number in range(3)]


def alarms(bag: Bag, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    checks = Checks(bag, "", OwnLibraries())
    return [one for one in (attempt(name, getattr(checks, name)) for name in names) if one[0] != "OK"]


@pytest.mark.parametrize("batch", range(LEDGERS // AT_ONCE))
def test_an_honest_exit_raises_no_alarm(quick: tuple[Engagement, People], keys: list[LogKey], batch: int) -> None:
    kinds = set()
    for seed in range(batch * AT_ONCE, (batch + 1) * AT_ONCE):
        story, some = Honest(seed, *quick, keys).walk(), random.Random(seed)  # noqa: S311 - made-up histories
        record = story.record()
        if seed % 4 == 0:
            shown = bundle_files(record, lambda entry: entry.kind is EntryKind.ROTATION or some.random() < 0.7)  # noqa: B023 - called at once
            assert alarms(InMemory(shown), CHECKS) == [], seed
        everything = bundle_files(record, lambda _: True)
        whole = {name: body for name, body in everything.items() if not name.startswith(("data/leaves", "data/proofs"))}
        whole["data/engagement.json"] = quick[0].model_dump_json().encode()
        whole |= {"data/plan.json": record.document(story.plan.digest)} if story.plan.digest in story.documents else {}
        checks = Checks(InMemory(whole), "", OwnLibraries())
        told = [attempt(name, lambda name=name: rule(checks, name)) for name in RULES]  # type: ignore[misc] # noqa: B023 - called at once
        assert [one for one in told if one[0] != "OK"] == [], seed
        assert alarms(InMemory(whole), ("checkpoint", "rotations", "tree", "numbers", "anchors", "documents")) == [], seed
        kinds |= {entry["kind"] for entry in checks.bag.entries}
    assert {"anchor", "rotation", "closed", "held", "failed"} <= kinds


def test_a_dishonest_one_does(quick: tuple[Engagement, People], keys: list[LogKey]) -> None:
    story = Honest(1, *quick, keys)
    story.draw()
    story.deliver()
    checks = Checks(InMemory(bundle_files(story.record(), lambda _: True)), "", OwnLibraries())
    assert attempt("approvals", lambda: rule(checks, "approvals"))[0] == "FAIL"
