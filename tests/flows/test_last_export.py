"""The last export before the cutoff: a dataset that cannot be read holds it, until two executives waive just that; all others are read."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from core.archive.verify import verify_archive
from core.errors import GoodLeaverError
from core.evidence.verifier import verify_bundle
from core.model import Action, EntryKind
from core.steps import export
from demo.acme_bucket import BUCKET
from tests.flows.exit_world import ExitWorld
from tests.flows.killed_pass import KillPoint, Pass

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


def test_one_that_cannot_be_listed_any_more_can_be_waived_as_well(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    plan = world.plan()
    with world.opened("the last export") as exit_:

        def spread(subject: str, datasets: Sequence[str]) -> Mapping[str, GoodLeaverError]:
            for dataset in datasets:
                export.write_one(exit_, subject, dataset, lambda _progress: None)
            return {}

        export.export_delta(exit_, plan, spread)
    world.alter(lambda written: written["data_sources"][1].update(endpoint=NOBODY))

    state = world.cut()
    assert state.name == "Held"
    assert "waive 'last export of images': offboard sign waiver acme-dental" in state.message
    assert world.entries(EntryKind.INTENT, Action.REVOKE) == ()

    world.waive("last export of images")
    state = world.cut()
    assert state.name == "Closed", state.message
    (held,) = [one for one in world.entries(EntryKind.HELD) if one.subject == "last export of images"]
    assert held.data["why"].startswith("the last inventory goes on without images, which could not be listed: ")
    after = [one.subject for one in world.entries(EntryKind.INVENTORY) if one.data["when"] == export.AFTER]
    assert after == ["files-server"]


def test_what_is_on_record_as_left_out_stays_out_if_the_pass_was_killed_there(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff()
    plan, endpoint = world.plan(), world.acme.s3.endpoint
    world.alter(lambda written: written["data_sources"][1].update(endpoint=NOBODY))
    assert world.cut().name == "Held"
    world.waive("last export of images")
    point = KillPoint("held", None, "last export of images", 0, "after")
    assert Pass("cutoff", plan.digest, kill=point).was_killed()

    world.alter(lambda written: written["data_sources"][1].update(endpoint=endpoint))
    with one_more_picture(world):  # it could be read by now
        state = world.cut()
    assert state.name == "Closed", state.message
    [receipt] = [one for one in world.entries(EntryKind.RECEIPT, Action.EXPORT) if one.subject == plan.delta_subject]
    assert receipt.data["done"].startswith("1 file, ")  # one that changes all the time on the other system; the picture would be a second
    assert receipt.data["done"].endswith("; without images, which could not be read")


@contextmanager
def one_more_picture(world: ExitWorld) -> Iterator[None]:
    server = world.acme.s3
    client: Any = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=server.region,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    put = client.put_object(Bucket=BUCKET, Key="late.jpg", Body=b"late")
    try:
        yield
    finally:
        client.delete_object(Bucket=BUCKET, Key="late.jpg", VersionId=put["VersionId"])
