"""A tenant as a source of data: what comes out is what the simulator holds, and stock tools open it."""

import csv
import hashlib
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.folder import FolderStore
from connectors.microsoft import Microsoft365
from connectors.microsoft.microsoft365 import reading
from connectors.microsoft.microsoft365.areas import AREAS
from connectors.microsoft.microsoft365.names import message_name
from core.archive.against import compare_with_source
from core.archive.inventory import NewOrChanged, take_inventory
from core.archive.summary import VolumeLimits
from core.archive.verify import verify_archive
from core.archive.writer import write_archive
from core.errors import RefusedError, UnavailableError
from core.model import UNKNOWN_SIZE, InventoryItem, ItemKind
from core.ports import DataSource
from tests.contracts.data_source import ReadAllContract
from tests.servers.microsoft365_world import DANA, OMAR, Microsoft365World, as_it_was, files, item_at, whole

JSON = Any
TABLES = {
    "organization": "organization",
    "domains": "domains",
    "licences": "subscribedSkus",
    "users": "users",
    "groups": "groups",
    "roles": "roleDefinitions",
    "role-assignments": "roleAssignments",
    "eligible-roles": "roleEligibilitySchedules",
    "conditional-access-policies": "conditionalAccessPolicies",
    "named-locations": "namedLocations",
    "applications": "applications",
    "enterprise-applications": "servicePrincipals",
    "application-permissions": "appRoleAssignments",
    "consents": "oauth2PermissionGrants",
    "cross-tenant-partners": "crossTenantPartners",
    "devices": "managedDevices",
    "device-configurations": "deviceConfigurations",
    "device-compliance-policies": "deviceCompliancePolicies",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft365World]:
    world = Microsoft365World(tmp_path_factory.mktemp("acme"))
    with world.server:
        yield world


@pytest.fixture
def world(running: Microsoft365World) -> Iterator[Microsoft365World]:
    with as_it_was(running):
        yield running


class TestDataSource(ReadAllContract):
    """The promises of every data source; a tenant holds no tree."""

    @pytest.fixture
    def source(self, world: Microsoft365World) -> DataSource:
        return world.source()

    def files(self, source: DataSource) -> list[InventoryItem]:
        """Take some of each kind: each is read hundreds of times here, and all of them in the tests below."""
        return super().files(source)[::4]


def exported(source: Microsoft365) -> dict[str, bytes]:
    return {read.item.path: whole(read) for read in source.read_all(files(source))}


def without_secrets(value: JSON) -> JSON:
    """What of an object may be in an export, said in another way than the connector says it."""
    if isinstance(value, list):
        return [without_secrets(one) for one in value]
    if not isinstance(value, dict):
        return value
    hidden = {"hint", "key"} if "keyId" in value else set()
    return {name: without_secrets(one) for name, one in value.items() if not name.startswith("_") and name not in hidden}


@pytest.mark.parametrize("area", sorted(TABLES))
def test_the_configuration_is_that_of_the_tenant(world: Microsoft365World, area: str) -> None:
    source = world.source(drives=[], mailboxes=[])
    pair = [item for item in files(source) if item.path.startswith(f"configuration/{area}.")]
    table, entries = (whole(read) for read in source.read_all(pair))
    shown = json.loads(entries)
    held = world.table(TABLES[area])
    key = "tenantId" if area == "cross-tenant-partners" else "id"
    assert [one[key] for one in shown] == sorted(held) or area == "application-permissions"
    for one in shown:
        for name, value in without_secrets(held[one[key]]).items():
            if name not in ("signInActivity", "homeTenantId"):
                assert one[name] == value, (area, name)
    assert entries.count(b"\n") == len(shown) + 2, "one object a line"
    assert table.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert len(rows) == len(shown)
    assert list(rows[0]) == list(next(one.columns for one in AREAS if one.name == area))


def test_members_owners_records_and_licences_are_there_by_name(world: Microsoft365World) -> None:
    found = exported(world.source())
    links = world.server.control("state", tenant=world.acme.id)["links"]
    groups = set(world.table("groups"))
    held = {(key.split("/")[1], key.split("/")[0][:-1], one) for key, ids in links.items() for one in ids if key.split("/")[1] in groups}
    shown = {(one["groupId"], one["relation"], one["id"]) for one in json.loads(found["configuration/group-members.json"])}
    assert shown == held
    assert shown
    owners = {(one["applicationId"], one["id"]) for one in json.loads(found["configuration/application-owners.json"])}
    applications = set(world.table("applications"))
    assert owners == {(key.split("/")[1], one) for key, ids in links.items() for one in ids if key.split("/")[1] in applications}
    assert (world.acme.portal["id"], world.acme.dana["id"]) in owners
    records = {(one["domainId"], one["purpose"], one["recordType"]) for one in json.loads(found["configuration/domain-records.json"])}
    assert records == {(name, *kind) for name in world.acme.domains for kind in (("verification", "Txt"), ("service", "Mx"))}
    users = {one["id"]: one for one in json.loads(found["configuration/users.json"])}
    assert users[world.acme.dana["id"]]["licences"] == ["SPB"]
    assert "Global Administrator,dana@acme-dental.example" in found["configuration/role-assignments.csv"].decode()
    contacts = {(one["kind"], one["contact"]) for one in json.loads(found["configuration/contacts.json"])}
    assert ("technical", "noc@northwind.example") in contacts
    last = {one["id"]: one["signInActivity"] for one in json.loads(found["configuration/last-sign-ins.json"])}
    assert last[world.acme.omar["id"]] == world.acme.omar["signInActivity"]


def test_no_secret_of_an_application_is_in_it(world: Microsoft365World) -> None:
    everything = b"".join(exported(world.source()).values())
    for path in (world.folder / "keys").iterdir():
        lines = path.read_text().splitlines()
        text = lines[1] if "BEGIN" in lines[0] else lines[0]
        assert text.encode() not in everything
    portal = world.object("applications", world.acme.portal["id"])
    assert portal["passwordCredentials"][0]["hint"]
    assert b'"hint"' not in everything
    assert portal["passwordCredentials"][0]["keyId"].encode() in everything


def test_logs_are_told_entry_by_entry_with_their_count_and_their_span(world: Microsoft365World) -> None:
    held = {one["id"]: one for one in (world.object("signIns", world.acme.key("sign-in", str(number))) for number in range(3))}
    world.server.control("controls", largest_page=2)
    reads = {read.item.path: (whole(read), read) for read in world.source().read_all(files(world.source()))}
    text, read = reads["logs/sign-ins.jsonl"]
    shown = [json.loads(line) for line in text.splitlines()]
    assert {one["id"] for one in shown} == set(held)
    for one in shown:
        assert {name: one[name] for name in held[one["id"]]} == held[one["id"]]
    instants = sorted(one["createdDateTime"] for one in held.values())
    assert read.details == {"Log": "sign-ins", "Entries": "3", "Oldest": instants[0], "Newest": instants[-1]}
    assert (read.item.size, read.size) == (UNKNOWN_SIZE, UNKNOWN_SIZE)
    assert len(list(csv.DictReader(io.StringIO(reads["logs/sign-ins.csv"][0].decode("utf-8-sig"))))) == 3


def test_drives_and_mailboxes_hold_what_the_simulator_holds(world: Microsoft365World) -> None:
    world.put_file("large.bin", 20 << 20)
    found = exported(world.source(mailboxes=[DANA, OMAR]))
    drive = {path.rpartition("/")[2]: content for path, content in found.items() if path.startswith(f"drives/{DANA}/OneDrive/")}
    held = {one["name"]: world.file_bytes(one) for one in world.table(f"items/{world.drive}").values() if "file" in one}
    assert {name: hashlib.sha256(one).hexdigest() for name, one in drive.items()} == {
        name: hashlib.sha256(one).hexdigest() for name, one in held.items()
    }
    assert "large.bin" in drive
    mails = {path: content for path, content in found.items() if path.startswith("mailboxes/")}
    expected = {
        f"mailboxes/{DANA if one['_user'] == world.acme.dana['id'] else OMAR}/Inbox/{message_name(key)}": one["_mime"].encode()
        for key, one in world.table("messages").items()
    }
    assert mails == expected


def test_a_large_message_is_read_whole(world: Microsoft365World) -> None:
    key, mail = next((key, one) for key, one in world.table("messages").items() if one["_user"] == world.acme.dana["id"])
    text = mail["_mime"] + "0123456789abcdef\n" * 500_000
    world.object("messages", key, changes={"_mime": text})
    source = world.source()
    mails = [item for item in files(source) if item.path.endswith(".eml")]
    contents = {read.item.path.rpartition("/")[2]: read.content for read in source.read_all(mails)}
    assert contents[message_name(key)] == text.encode()
    assert len(contents) == 5


def test_a_message_that_a_page_brings_again_is_listed_once(world: Microsoft365World) -> None:
    """As when mail comes in while a folder is listed: what was at the end of one page is at the beginning of the next."""
    world.server.control("controls", largest_page=2, overlapping_pages=True)
    listed = [item.path for item in world.source(drives=[]).inventory() if item.path.startswith("mailboxes/")]
    assert len(listed) == len(set(listed)) == 5 + 4


def test_nobodys_drive_or_mailbox_is_exported_unless_it_is_named(world: Microsoft365World) -> None:
    found = exported(world.source(drives=[], mailboxes=[]))
    assert {path.split("/")[0] for path in found} == {"NOT-EXPORTED.txt", "configuration", "logs"}
    assert b"- drives: of nobody" in found["NOT-EXPORTED.txt"]
    assert b"Intune" in found["NOT-EXPORTED.txt"]
    assert b"provider's tenant" in found["NOT-EXPORTED.txt"]


def test_folders_keep_their_places_and_names_that_are_none_are_spelled_out(world: Microsoft365World) -> None:
    inbox = next(
        one for one in world.table("mailFolders").values() if one["_user"] == world.acme.dana["id"] and one["displayName"] == "Inbox"
    )
    for key, name in (("a", "in/out"), ("b", ".."), ("c", "Twice"), ("d", "TWICE")):
        folder = {**inbox, "id": key, "displayName": name, "parentFolderId": inbox["id"], "_parent": inbox["id"], "totalItemCount": 0}
        world.object("mailFolders", key, changes=folder | {"childFolderCount": 0})
    folder = world.put_file("Folder", 0)
    world.object(f"items/{world.drive}", folder["id"], changes={"file": None, "folder": {"childCount": 1}})
    below = {"driveId": world.drive, "id": folder["id"]}
    world.put_file("below.txt", 10, parentReference=below)
    world.put_file("Notebook", 0, file=None)
    items = {item.path: item for item in world.source().inventory()}
    mail = f"mailboxes/{DANA}/Inbox"
    folders = {path for path, item in items.items() if item.kind is ItemKind.DIRECTORY}
    assert {f"{mail}/in%2Fout", f"{mail}/%2E%2E", f"{mail}/Insurers", f"mailboxes/{DANA}/Conversation History"} <= folders
    assert len([path for path in folders if path.casefold().startswith(f"{mail}/twice~".casefold())]) == 2
    assert items[f"drives/{DANA}/OneDrive/Folder/below.txt"].size == 10
    assert "notebook" in items[f"drives/{DANA}/OneDrive/Notebook"].target


def test_relationships_that_the_service_does_not_show_are_told(world: Microsoft365World) -> None:
    areas = ("delegated-administration", "delegated-administration-groups")
    told = exported(world.source(drives=[], mailboxes=[]))["NOT-EXPORTED.txt"].decode()
    for area in areas:
        assert f"- configuration/{area}: the service shows relationships (GDAP) to the provider's tenant" in told
    world.object("relationships", "r-1", changes={"id": "r-1", "displayName": "Shown", "status": "active"})
    found = exported(world.source(drives=[], mailboxes=[]))
    assert json.loads(found[f"configuration/{areas[0]}.json"])[0]["displayName"] == "Shown"
    assert b"delegated-administration" not in found["NOT-EXPORTED.txt"]


def test_of_groups_what_graph_does_not_list_is_told(world: Microsoft365World) -> None:
    group = world.acme.ours
    world.object("groups", group["id"], changes={"visibility": "HiddenMembership"})
    found = exported(world.source(drives=[], mailboxes=[]))
    told = found["NOT-EXPORTED.txt"].decode()
    assert f"- configuration, group members of {group['id']} (Northwind team): the group hides its members" in told
    assert "the applications among their members and owners" in told
    members = json.loads(found["configuration/group-members.json"])
    assert {one["relation"] for one in members if one["groupId"] == group["id"]} == {"owner"}


def test_what_is_deleted_is_not_listed_however_that_is_said(world: Microsoft365World) -> None:
    source = world.source()
    world.put_file("here.txt", 10)
    item = item_at(source, "/here.txt")
    world.object(f"items/{world.drive}", "01here.txt", changes={"deleted": {}})
    assert not [one for one in source.inventory() if one.path.endswith("/here.txt")]
    assert isinstance(next(source.read_all([item])).content, FileNotFoundError)


def test_a_count_that_differs_is_told(world: Microsoft365World) -> None:
    inbox = next(
        one for one in world.table("mailFolders").values() if one["_user"] == world.acme.dana["id"] and one["displayName"] == "Inbox"
    )
    world.object("mailFolders", inbox["id"], changes={"totalItemCount": 7})
    root = next(one for one in world.table(f"items/{world.drive}").values() if "root" in one)
    world.object(f"items/{world.drive}", root["id"], changes={"folder": {"childCount": 9}})
    world.fails({"kind": "miscount", "times": 99, "path": "/groups"})
    items = {item.path: item for item in world.source().inventory()}
    groups = len(world.table("groups"))
    assert items["configuration/groups.json"].aside == f"the service counts {groups + 1} entries here, and lists {groups}"
    assert not items["configuration/users.json"].aside
    assert items[f"mailboxes/{DANA}/Inbox"].aside == "the service counts 7 messages here, and lists 5"
    assert items[f"drives/{DANA}/OneDrive"].aside == "the service counts 9 things here, and lists 4"
    source = world.source()
    told = next(whole(read) for read in source.read_all([item_at(source, "NOT-EXPORTED.txt")])).decode()
    assert f"- mailboxes/{DANA}/Inbox: the service counts 7 messages here, and lists 5" in told


def archive(folder: Path, source: Microsoft365, recipient: str, **more: Any) -> Any:  # noqa: ANN401 - passed on as it is
    order = {"name": "acme", "recipients": [recipient], "journal": folder / "journal", "started": datetime(2026, 11, 20, tzinfo=UTC)}
    return write_archive([source], FolderStore(path=folder / "out"), **(order | more))


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    subprocess.run(["age-keygen", "-o", tmp_path / "key"], check=True, capture_output=True)
    said = subprocess.run(["age-keygen", "-y", tmp_path / "key"], check=True, capture_output=True, text=True)
    return tmp_path / "key", said.stdout.strip()


def opened(folder: Path, key: Path) -> dict[str, bytes]:
    """Open all volumes with stock tools."""
    into = folder / "opened"
    into.mkdir()
    for volume in (folder / "out/data").glob("*-vol-*"):
        script = 'set -o pipefail; age -d -i "$1" "$2" | zstd -d | tar -x -C "$3"'
        subprocess.run(["bash", "-c", script, "-", str(key), str(volume), str(into)], check=True, capture_output=True)
    every = [path for path in into.glob("*/data/m365/**/*") if path.is_file()]
    return {str(path).split("/data/m365/")[1]: path.read_bytes() for path in every}


def test_an_archive_of_it_opens_with_stock_tools_and_holds_all(world: Microsoft365World, tmp_path: Path, key: tuple[Path, str]) -> None:
    world.put_file("large.bin", 20 << 20)
    source = world.source(mailboxes=[DANA, OMAR])
    summary = archive(tmp_path, source, key[1])
    assert (summary.not_carried, summary.changed_while_read) == ((), ())
    assert summary.volumes == 6, "each log alone, all else together"
    assert verify_archive(FolderStore(path=tmp_path / "out"), [key[0]]).ok
    found = opened(tmp_path, key[0])
    assert found == exported(source)
    assert len(found) == 2 * len(AREAS) + 1 + 4 + 5 + 10
    details = [json.loads(line) for path in (tmp_path / "opened").glob("*/details.jsonl") for line in path.read_text().splitlines()]
    assert {path for path, _said in details} == {item.replace("logs/", "m365/logs/") for item in found if item.startswith("logs/")}
    assert dict(details)["m365/logs/sign-ins.csv"]["Entries"] == "3"
    compared = compare_with_source(FolderStore(path=tmp_path / "out"), [key[0]], source, "m365")
    assert compared.is_equal, compared.differences


def test_an_archive_goes_on_where_it_was_stopped(world: Microsoft365World, tmp_path: Path, key: tuple[Path, str]) -> None:
    source, limits = world.source(), VolumeLimits(items=20)
    world.fails({"kind": "504", "times": 99, "path": "/messages/", "retry_after": 600})
    with pytest.raises(UnavailableError):
        archive(tmp_path, source, key[1], limits=limits)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/data").glob("*-vol-*")}
    assert len(before) >= 3
    world.fails()
    archive(tmp_path, world.source(), key[1], limits=limits)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in (tmp_path / "out/data").glob("*-vol-*")}.items()
    assert opened(tmp_path, key[0]) == exported(source)


def test_a_volume_of_messages_is_bounded_by_what_they_turn_out_to_be(
    world: Microsoft365World, tmp_path: Path, key: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_AHEAD", 2)
    world.larger_messages(300_000)
    summary = archive(tmp_path, world.source(mailboxes=[DANA, OMAR], drives=[]), key[1], limits=VolumeLimits(size=500_000))
    lines = [json.loads(line) for line in (tmp_path / "journal/m365/journal.jsonl").read_text().splitlines()]
    sizes = [line["volume"]["bytes"] for line in lines if "volume" in line]
    assert len(sizes) == summary.volumes
    assert sum(sizes) > 3_000_000, "ten messages"
    assert max(sizes) < 500_000 + 3 * 301_000, "the one that passes the limit, and two that were taken ahead"
    assert opened(tmp_path, key[0]) == exported(world.source(mailboxes=[DANA, OMAR], drives=[]))


def test_a_later_export_takes_what_changed_and_the_logs(world: Microsoft365World) -> None:
    source = world.source()
    before = take_inventory(source)
    again = NewOrChanged(before)
    assert [item.path for item in source.inventory() if again(item)] == [
        f"logs/{name}" for name in ("directory-audits.csv", "directory-audits.jsonl", "sign-ins.csv", "sign-ins.jsonl")
    ]
    mail = next(iter(one for one in world.table("messages").values() if one["_user"] == world.acme.dana["id"]))
    world.object("messages", mail["id"], changes={"changeKey": "CQAAB"})
    world.object("users", world.acme.kim["id"], changes={"jobTitle": "Head of IT"})
    changed = NewOrChanged(before)
    found = [item.path for item in source.inventory() if changed(item) and not item.path.startswith("logs/")]
    assert found == ["configuration/users.csv", "configuration/users.json", f"mailboxes/{DANA}/Inbox/{message_name(mail['id'])}"]


CHANGES: list[tuple[str, Callable[[Microsoft365World], object]]] = [
    ("appointments.xlsx", lambda world: world.object(f"items/{world.drive}", drive_item(world, "appointments.xlsx"), changes=None)),
    (
        "appointments.xlsx",
        lambda world: world.object(f"items/{world.drive}", drive_item(world, "appointments.xlsx"), changes={"name": "b"}),
    ),
    (".eml", lambda world: [world.object("messages", key, changes=None) for key in world.table("messages")]),
]


def drive_item(world: Microsoft365World, name: str) -> str:
    return next(key for key, one in world.table(f"items/{world.drive}").items() if one["name"] == name)


@pytest.mark.parametrize(("ending", "change"), CHANGES)
def test_what_vanished_since_it_was_listed_is_said_to_be_gone(
    world: Microsoft365World, ending: str, change: Callable[[Microsoft365World], object]
) -> None:
    source = world.source()
    item = next(item for item in source.inventory() if item.path.endswith(ending))
    change(world)
    assert isinstance(next(source.read_all([item])).content, FileNotFoundError)
    with pytest.raises(FileNotFoundError), source.open(item):
        pass


def test_a_file_that_was_changed_since_is_read_as_it_is_now(world: Microsoft365World) -> None:
    source = world.source()
    item = item_at(source, "appointments.xlsx")
    key = drive_item(world, "appointments.xlsx")
    changed = world.object(f"items/{world.drive}", key, changes={"_seed": "other", "size": 77, "cTag": '"c:x,2"'})
    read = next(source.read_all([item]))
    assert (read.content, read.size) == (world.file_bytes(changed), 77)
    with source.open(item) as stream:
        assert stream.stat_now()[0] == 77  # type: ignore[attr-defined]  # streams of ports have it


def test_a_name_that_the_tenant_does_not_know_is_refused(world: Microsoft365World) -> None:
    for field in ("drives", "mailboxes"):
        with pytest.raises(RefusedError, match=f"{field} of the engagement file names nobody@acme-dental.example"):
            list(world.source(**{field: ["nobody@acme-dental.example"]}).inventory())
