"""A tenant that is busy, breaks off, keeps things to itself, or says wrong things."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.microsoft import Microsoft365, session
from connectors.microsoft.microsoft365 import reader
from connectors.microsoft.microsoft365.reading import SMALL
from core.errors import RefusedError, UnavailableError
from core.model import ItemKind
from core.ports import TellsPermissions
from tests.servers.entra_world import EntraWorld
from tests.servers.microsoft365_world import DANA, OMAR, Microsoft365World, as_it_was, files, item_at, quick_xor, whole


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft365World]:
    world = Microsoft365World(tmp_path_factory.mktemp("acme"))
    with world.server:
        yield world


@pytest.fixture
def world(running: Microsoft365World) -> Iterator[Microsoft365World]:
    with as_it_was(running):
        yield running


@pytest.mark.parametrize(("kind", "path"), [("429", "/users"), ("503", "/messages"), ("504", "/delta"), ("cut", "/auditLogs")])
def test_a_busy_service_is_asked_again_while_it_is_listed(world: Microsoft365World, kind: str, path: str) -> None:
    expected = list(world.source().inventory())
    world.fails({"kind": kind, "times": 2, "retry_after": 1, "path": path})
    assert list(world.source().inventory()) == expected


@pytest.mark.parametrize(
    ("kind", "path"), [("429", "$value"), ("503", "/content"), ("504", "/groups"), ("cut", "/signIns"), ("cut", "$value")]
)
def test_and_while_it_is_read(world: Microsoft365World, kind: str, path: str) -> None:
    source = world.source()
    there = files(source)
    expected = {read.item.path: whole(read) for read in source.read_all(there)}
    world.fails({"kind": kind, "times": 2, "retry_after": 1, "path": path})
    assert {read.item.path: whole(read) for read in source.read_all(there)} == expected


@pytest.mark.parametrize("path", ["/conditionalAccess", "/messages", "/delta", "/auditLogs"])
def test_a_service_that_stays_so_ends_the_listing(world: Microsoft365World, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE_SECONDS", 1.0)
    world.fails({"kind": "429", "times": 99, "retry_after": 30, "path": path})
    with pytest.raises(UnavailableError, match="busy"):
        list(world.source().inventory())


def test_a_page_that_leads_to_itself_ends_the_listing(world: Microsoft365World) -> None:
    world.server.control("controls", largest_page=2, repeat_pages=True)
    with pytest.raises(UnavailableError, match="same page"):
        list(world.source().inventory())


@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_of_any_size_hold_the_same(world: Microsoft365World, size: int) -> None:
    expected = list(world.source().inventory())
    world.server.control("controls", largest_page=size)
    assert list(world.source().inventory()) == expected


DOWNLOADS: list[tuple[str, list[dict[str, Any]]]] = [
    ("cut halfway, four times", [{"kind": "cut_halfway", "times": 4}]),
    ("cut halfway, and no ranges", [{"kind": "cut_halfway", "times": 1}, {"kind": "no_ranges", "times": 1}]),
    ("nothing arrives", [{"kind": "cut", "times": 3}]),
    ("the address has had its time", [{"kind": "expired", "times": 2}]),
    ("cut, and then the address has had its time", [{"kind": "cut_halfway", "times": 1}, {"kind": "expired", "times": 2}]),
    ("busy", [{"kind": "429", "times": 2, "retry_after": 1}, {"kind": "503", "times": 1}]),
]


@pytest.mark.parametrize("size", [3_000_001, 20 << 20])
@pytest.mark.parametrize(("what", "faults"), DOWNLOADS)
def test_a_download_goes_on_where_it_was_cut(world: Microsoft365World, what: str, faults: list[dict[str, Any]], size: int) -> None:
    held = world.put_file("x-rays.zip", size)
    source = world.source()
    item = item_at(source, "x-rays.zip")
    world.fails(*({"path": "/download/"} | fault for fault in faults))
    (read,) = list(_used(source.read_all([item])))
    assert hashlib.sha256(read).hexdigest() == hashlib.sha256(world.file_bytes(held)).hexdigest(), what


def _used(reads: Any) -> Iterator[bytes]:  # noqa: ANN401 - an iterator of ReadFile
    for read in reads:
        yield whole(read)


@pytest.mark.parametrize("kind", ["cut", "expired"])
def test_a_download_that_never_comes_is_given_up(world: Microsoft365World, kind: str) -> None:
    source = world.source()
    item = item_at(source, "appointments.xlsx")
    world.fails({"kind": kind, "times": 99, "path": "/download/"})
    with pytest.raises(UnavailableError, match="breaks off again and again"):
        list(source.read_all([item]))


def test_a_redirect_that_leads_nowhere_is_no_answer(world: Microsoft365World) -> None:
    source = world.source()
    item = item_at(source, "appointments.xlsx")
    world.fails({"kind": "no_location", "times": 99, "path": "/content"})
    with pytest.raises(UnavailableError, match="made no sense"):
        list(source.read_all([item]))


def test_a_download_that_moves_on_may_be_cut_as_often_as_it_likes(world: Microsoft365World) -> None:
    held = world.put_file("x-rays.zip", 9 << 20)
    source = world.source()
    world.fails({"kind": "cut_halfway", "times": 3 * reader.TRIES, "path": "/download/"})
    (read,) = list(_used(source.read_all([item_at(source, "x-rays.zip")])))
    assert read == world.file_bytes(held)


def test_a_file_that_is_replaced_while_it_is_read_ends_early_and_says_so(world: Microsoft365World) -> None:
    held = world.put_file("x-rays.zip", 20 << 20)
    source = world.source()
    item = item_at(source, "x-rays.zip")
    world.fails({"kind": "cut_halfway", "times": 1, "path": "/download/"})
    with source.open(item) as stream:
        size, mtime = stream.stat_now()  # type: ignore[attr-defined]  # streams of ports have it
        assert size == 20 << 20
        begun = stream.read(1000)
        world.object(f"items/{world.drive}", held["id"], changes={"_seed": "other", "cTag": '"c:other,2"'})
        rest = b"".join(iter(lambda: stream.read(1 << 20), b""))
        assert stream.stat_now() == (len(begun + rest), mtime)  # type: ignore[attr-defined]  # the same
    assert world.file_bytes(held).startswith(begun + rest)
    assert len(begun + rest) < size


@pytest.mark.parametrize("size", [1, 100_003, 9 << 20])
def test_bytes_that_make_another_sum_are_not_taken_for_the_file(world: Microsoft365World, size: int) -> None:
    world.put_file("spoilt.zip", size, file={"hashes": {"quickXorHash": quick_xor(b"other")}})
    source = world.source()
    item = item_at(source, "spoilt.zip")
    with source.open(item) as stream, pytest.raises(RefusedError, match="do not make the sum"):
        list(iter(lambda: stream.read(1 << 20), b""))
    if size < SMALL:
        assert isinstance(next(source.read_all([item])).content, RefusedError)


def test_bytes_that_make_their_sum_are_taken_also_where_a_download_was_cut(world: Microsoft365World) -> None:
    held = world.put_file("sound.zip", 100_003)
    content = world.file_bytes(held)
    world.object(f"items/{world.drive}", held["id"], changes={"file": {"hashes": {"quickXorHash": quick_xor(content)}}})
    source = world.source()
    world.fails({"kind": "cut_halfway", "times": 2, "path": "/download/"})
    assert next(source.read_all([item_at(source, "sound.zip")])).content == content


def test_what_our_application_may_not_see_is_told_in_its_place_and_all_else_is_exported(world: Microsoft365World) -> None:
    source = world.with_few_permissions()
    items = {item.path: item for item in source.inventory()}
    unseen = {path for path, item in items.items() if item.kind is ItemKind.OTHER}
    assert {"configuration/conditional-access-policies", "configuration/named-locations", "configuration/cross-tenant-partners"} <= unseen
    assert {f"drives/{DANA}", f"mailboxes/{DANA}"} <= unseen
    assert "have the client consent to Mail.ReadBasic.All or Mail.Read" in items[f"mailboxes/{DANA}"].target
    assert {"configuration/users.json", "configuration/groups.csv", "logs/sign-ins.jsonl"} <= items.keys()
    reads = {read.item.path: whole(read) for read in source.read_all([item for item in items.values() if item.kind is ItemKind.FILE])}
    told = reads.pop("NOT-EXPORTED.txt").decode()
    for path in unseen:
        assert f"- {path}: " in told
        assert not [one for one in reads if one.startswith((f"{path}.", f"{path}/"))]
    assert b"dana@acme-dental.example" in reads["configuration/users.csv"]


def test_what_is_missing_is_named_beforehand_and_is_what_is_not_exported_then(world: Microsoft365World) -> None:
    assert isinstance(world.source(), TellsPermissions)
    assert world.source().missing_permissions() == ()
    source = world.with_few_permissions()
    found = {one.permission.split(" ")[0]: one for one in source.missing_permissions()}
    assert {"Policy.Read.All", "Mail.Read", "Mail.ReadBasic.All", "Files.Read.All"} <= found.keys()
    assert "User.Read.All" not in found
    assert f"consent at {world.server.address}/{world.acme.id}/adminconsent?client_id=" in found["Mail.Read"].todo
    refused = " ".join(item.target for item in source.inventory() if item.kind is ItemKind.OTHER)
    for one in ("Policy.Read.All", "Mail.ReadBasic.All", "Files.Read.All"):
        assert one in refused
    unnamed = {one.permission for one in world.with_few_permissions(drives=[], mailboxes=[]).missing_permissions()}
    assert not [one for one in unnamed if one.startswith(("Mail.", "Files."))]


def test_until_when_our_certificate_is_valid_is_told(world: Microsoft365World) -> None:
    (told,) = world.source().expiries()
    assert "offboarding.pem" in told.what
    assert told.at > datetime.now(UTC)
    assert world.with_few_permissions().expiries() == ()


def test_another_process_tells_the_same(world: Microsoft365World) -> None:
    source = world.with_few_permissions()
    item = item_at(source, "NOT-EXPORTED.txt")
    with source.open(item) as here, world.with_few_permissions().open(item) as there:
        text = here.read()
        assert text == there.read()
    assert len(text) == item.size


def test_one_mailbox_that_is_kept_from_us_holds_up_no_other(world: Microsoft365World) -> None:
    world.fails({"kind": "403", "times": 99, "path": f"/users/{OMAR.replace('@', '%40')}/mailFolders"})
    source = world.source(mailboxes=[DANA, OMAR])
    items = {item.path: item for item in source.inventory()}
    assert items[f"mailboxes/{OMAR}"].kind is ItemKind.OTHER
    assert len([path for path in items if path.startswith(f"mailboxes/{DANA}/") and path.endswith(".eml")]) == 5


def test_a_folder_that_is_gone_while_it_is_listed_is_told(world: Microsoft365World) -> None:
    folders = {one["displayName"]: key for key, one in world.table("mailFolders").items() if one["_user"] == world.acme.dana["id"]}
    world.server.control("controls", largest_page=2)
    messages = f"/mailFolders/{folders['Inbox']}/messages"
    world.fails({"kind": "slow", "milliseconds": 0, "path": messages}, {"kind": "404", "path": messages})
    source = world.source()
    items = {item.path: item for item in source.inventory()}
    inbox = f"mailboxes/{DANA}/Inbox"
    assert items[inbox].kind is ItemKind.DIRECTORY
    assert "it was gone while it was listed" in items[inbox].aside
    assert len([path for path in items if path.startswith(f"{inbox}/") and path.endswith(".eml")]) == 2, "those of the first page"
    assert f"{inbox}/Insurers" in items, "what is below it is there all the same"
    told = whole(next(iter(source.read_all([items["NOT-EXPORTED.txt"]])))).decode()
    assert f"- {inbox}: it was gone while it was listed" in told


def test_members_of_a_group_that_is_gone_meanwhile_are_told(world: Microsoft365World) -> None:
    key, group = next(iter(world.table("groups").items()))
    world.fails({"kind": "404", "times": 1, "path": f"/groups/{key}/members"})
    source = world.source(drives=[], mailboxes=[])
    told = whole(next(iter(source.read_all([item_at(source, "NOT-EXPORTED.txt")])))).decode()
    assert f"- configuration, group members of {key} ({group['displayName']}): it was gone while they were listed" in told


def test_one_message_that_is_kept_from_us_is_said_with_it(world: Microsoft365World) -> None:
    source = world.source()
    mails = [item for item in files(source) if item.path.endswith(".eml")]
    world.fails({"kind": "403", "times": 99, "path": mails[2].version.split(" ")[0]})
    reads = [read.content for read in source.read_all(mails)]
    assert isinstance(reads.pop(2), RefusedError)
    assert all(isinstance(content, bytes) for content in reads)


def test_a_token_that_runs_out_is_replaced(world: Microsoft365World) -> None:
    source = world.source()
    mails = [item for item in files(source) if item.path.endswith(".eml")] * 5
    world.server.control("controls", token_seconds=60)
    contents = []
    for number, read in enumerate(source.read_all(mails)):
        contents.append(read.content)
        if number == 3:
            world.server.control("controls", clock_seconds=90)
    assert all(isinstance(content, bytes) for content in contents)


def test_who_is_not_let_in_any_more_ends_it_all(world: Microsoft365World) -> None:
    source = world.source()
    mails = [item for item in files(source) if item.path.endswith(".eml")]
    world.object("servicePrincipals", world.acme.offboarding["id"], changes={"accountEnabled": False})
    with pytest.raises(RefusedError, match="our application is disabled"):
        list(source.inventory())
    with pytest.raises(RefusedError, match="our application is disabled"):
        list(source.read_all(mails))


def test_where_nobody_answers_that_is_said(world: Microsoft365World) -> None:
    away = world.source(endpoints=dict.fromkeys(("login", "graph", "partner_center"), "https://127.0.0.1:1"))
    with pytest.raises(UnavailableError):
        list(away.inventory())


def test_a_listing_may_be_left_in_the_middle(world: Microsoft365World) -> None:
    for stop in (1, 2, 30):
        listing = world.source().inventory()
        for _ in range(stop):
            next(listing)
        listing.close()  # type: ignore[attr-defined]  # it is a generator


def test_a_great_many_users_are_listed(world: Microsoft365World) -> None:
    world.server.control("users", tenant=world.acme.id, made_up=3_000)
    try:
        source = world.source(drives=[], mailboxes=[])
        item = item_at(source, "configuration/users.json")
        (read,) = list(source.read_all([item]))
        assert whole(read).count(b"\n") == 2 + len(world.table("users"))
    finally:
        world.server.control("users", tenant=world.acme.id, made_up=0)


def test_a_small_tenant_without_anything_else_is_exported(tmp_path: Path) -> None:
    small = EntraWorld(tmp_path)
    with small.server:
        settings = {name: value for name, value in small.settings().items() if name not in ("ours", "client")}
        source = Microsoft365.model_validate(settings | {"kind": "microsoft365"})
        reads = {read.item.path: whole(read) for read in source.read_all(files(source))}
        tables = small.server.control("state", tenant=settings["tenant_id"])["tables"]
    assert {path.partition("/")[0] for path in reads} == {"NOT-EXPORTED.txt", "configuration", "logs"}
    assert tables["users"]
    for area, table in (("users", "users"), ("groups", "groups"), ("enterprise-applications", "servicePrincipals")):
        shown = {one["id"] for one in json.loads(reads[f"configuration/{area}.json"])}
        assert shown == set(tables.get(table, ())), area
        assert reads[f"configuration/{area}.csv"].count(b"\r\n") >= 1 + len(shown), area
