"""The last export before the cutoff: a dataset that cannot be read holds it, until two executives waive just that; all others are read."""

from core.archive.verify import verify_archive
from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind
from core.steps import export
from tests.flows.exit_world import ExitWorld

NOBODY = "http://127.0.0.1:1"


def test_one_that_cannot_be_read_is_named_and_can_be_waived(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    world.alter(lambda written: written["data_sources"][1].update(endpoint=NOBODY))
    plan = world.plan()

    state = world.cut()
    assert state.name == "Held"
    for words in (
        "the last export before the cutoff could not read images: ",
        "Left untouched: our access;",
        "waive 'last export of images': offboard sign waiver acme-dental --subject 'last export of images'",
    ):
        assert words in state.message
    assert world.authorized_keys.read_bytes() == world.first_key_lines
    assert world.entries(EntryKind.INTENT, Action.REVOKE) == ()
    with world.opened() as exit_:
        assert export.is_done(exit_, plan.delta_subject, "files-server")
        assert not export.is_done(exit_, plan.delta_subject, "images")

    world.waive("last export of images")
    state = world.cut()
    assert state.name == "Closed", state.message
    assert "not looked at: 6 kinds of things, see the plan" in state.message
    [receipt] = [one for one in world.entries(EntryKind.RECEIPT, Action.EXPORT) if one.subject == plan.delta_subject]
    assert receipt.data["done"].endswith("; without images, which could not be read")
    after = [one.subject for one in world.entries(EntryKind.INVENTORY) if one.data["when"] == export.AFTER]
    assert after == ["files-server"]
    with world.opened() as exit_:
        assert verify_archive(exit_.systems.delta_store).ok
    assert world.review().is_completed()
    assert verify_bundle(world.folder / "evidence", None).exit_status == 0
