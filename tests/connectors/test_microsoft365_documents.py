"""One folder of somebody's drive as a source of documents, and nothing else of that drive."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter

from connectors.microsoft import Microsoft365Documents
from connectors.microsoft.contract import graph
from connectors.microsoft.guard import Errand
from connectors.microsoft.microsoft365.rules import DOCUMENTS, FolderRules
from core.errors import RefusedError, UnavailableError
from core.ports import TellsPermissions
from demo.entra.store import Entity
from tests.contracts.document_source import DocumentSourceContract
from tests.servers.microsoft365_world import DANA, OMAR, Microsoft365World, as_it_was

CONTENTS = {
    "00-control/a.md": b"who administers",
    "00-control-b.md": b"sorts before",
    "10-runbooks/größe.md": b"how it starts",
    "10-runbooks/deep/er/z.md": b"what is far down",
    "z.md": b"",
}
OPERATIONS = {one.name: one for one in graph().operations}


@dataclass(kw_only=True)
class Handover:
    """Dana's drive with a folder `/Handover` in it."""

    tenant: Microsoft365World
    source: Microsoft365Documents
    contents: dict[str, bytes]
    items: dict[str, Entity]

    def state(self) -> object:
        return self.tenant.server.control("state", tenant=self.tenant.acme.id)["tables"]

    def change(self, path: str) -> None:
        text = self.contents[path].decode()[::-1]
        changes = {"_text": text, "_seed": text, "cTag": '"c:changed,2"'}
        self.tenant.object(f"items/{self.tenant.drive}", self.items[path]["id"], changes=changes)

    def remove(self, path: str) -> None:
        self.tenant.object(f"items/{self.tenant.drive}", self.items[path]["id"], changes=None)

    def broken(self) -> tuple[Microsoft365Documents, ...]:
        nowhere = dict.fromkeys(("login", "graph", "partner_center"), "https://127.0.0.1:1")
        elsewhere = [
            self.tenant.documents(folder=path) for path in ("/Nothing", "/handover", "/Handover/z.md", "/Handover/00-control/none")
        ]
        strangers = [self.tenant.documents(drive=user) for user in (OMAR, "nobody@acme-dental.example")]
        refused = self.tenant.documents(access=self.tenant.with_few_permissions().access)
        return (*elsewhere, *strangers, refused, self.tenant.documents(endpoints=nowhere))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microsoft365World]:
    world = Microsoft365World(tmp_path_factory.mktemp("acme"))
    with world.server:
        yield world


@pytest.fixture
def handover(running: Microsoft365World) -> Iterator[Handover]:
    with as_it_was(running) as world:
        folders: dict[str, Entity] = {"": world.put_folder("Handover")}
        items = {}
        for path, text in CONTENTS.items():
            *above, name = path.split("/")
            for depth in range(len(above)):
                parent = folders["/".join(above[:depth])]
                place = {"driveId": world.drive, "id": parent["id"]}
                folders.setdefault("/".join(above[: depth + 1]), world.put_folder(above[depth], parentReference=place))
            items[path] = world.put_text(name, text.decode(), folders["/".join(above)])
        yield Handover(tenant=world, source=world.documents(), contents=CONTENTS, items=items | folders)


class TestMicrosoft365Documents(DocumentSourceContract):
    """The promises of every document source."""

    @pytest.fixture
    def world(self, handover: Handover) -> Handover:
        return handover


def test_pages_of_any_size_that_bring_something_again_hold_the_same(handover: Handover) -> None:
    expected = handover.source.documents()
    handover.tenant.server.control("controls", largest_page=2, overlapping_pages=True)
    assert handover.source.documents() == expected
    assert handover.source.read(expected[-1]) == CONTENTS[expected[-1].path]


def test_a_large_document_is_hashed_and_read_whole_also_where_a_download_is_cut(handover: Handover) -> None:
    held = handover.tenant.put_file("scan.pdf", 9 << 20, parentReference={"driveId": handover.tenant.drive, "id": handover.items[""]["id"]})
    content = handover.tenant.file_bytes(held)
    handover.tenant.fails({"kind": "cut_halfway", "times": 3, "path": "/download/"})
    document = next(one for one in handover.source.documents() if one.path == "scan.pdf")
    assert (document.size, document.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    handover.tenant.fails({"kind": "cut_halfway", "times": 2, "path": "/download/"})
    assert handover.source.read(document) == content


@pytest.mark.parametrize("kind", ["429", "503", "cut"])
def test_a_busy_service_is_asked_again(handover: Handover, kind: str) -> None:
    expected = handover.source.documents()
    handover.tenant.fails({"kind": kind, "times": 2, "retry_after": 1, "path": "/children"})
    assert handover.source.documents() == expected


def moved(handover: Handover) -> None:
    root = next(one for one in handover.tenant.table(f"items/{handover.tenant.drive}").values() if "root" in one)
    place = {"driveId": handover.tenant.drive, "id": root["id"]}
    handover.tenant.object(f"items/{handover.tenant.drive}", handover.items["00-control/a.md"]["id"], changes={"parentReference": place})


def grown(handover: Handover) -> None:
    changes = {"_seed": "x", "_text": "", "size": 99 << 20}
    handover.tenant.object(f"items/{handover.tenant.drive}", handover.items["00-control/a.md"]["id"], changes=changes)


CHANGES: list[Any] = [
    pytest.param(lambda handover: handover.remove("00-control/a.md"), id="removed"),
    pytest.param(lambda handover: handover.remove("00-control"), id="its folder removed"),
    pytest.param(moved, id="moved out of the folder"),
    pytest.param(grown, id="grown"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_document_that_is_not_as_it_was_listed_is_refused(handover: Handover, change: Callable[[Handover], None]) -> None:
    document = next(one for one in handover.source.documents() if one.path == "00-control/a.md")
    change(handover)
    with pytest.raises(RefusedError, match="is gone or was changed since it was listed"):
        handover.source.read(document)


def test_an_empty_document_that_is_gone_is_not_taken_for_an_empty_one(handover: Handover) -> None:
    document = next(one for one in handover.source.documents() if one.path == "z.md")
    assert handover.source.read(document) == b""
    handover.remove("z.md")
    with pytest.raises(RefusedError, match="is gone"):
        handover.source.read(document)


def test_the_same_bytes_in_a_new_file_of_that_name_are_the_document(handover: Handover) -> None:
    document = next(one for one in handover.source.documents() if one.path == "00-control/a.md")
    handover.remove("00-control/a.md")
    handover.tenant.put_text("a.md", "who administers", handover.items["00-control"])
    assert handover.source.read(document) == b"who administers"


def test_a_folder_that_is_not_there_is_said_with_its_fields(handover: Handover) -> None:
    with pytest.raises(RefusedError, match=f"there is no folder /Nothing in the drive of {DANA}") as caught:
        handover.tenant.documents(folder="/Nothing").documents()
    assert "`folder`" in caught.value.todo
    with pytest.raises(RefusedError, match="drive of the engagement file names nobody@acme"):
        handover.tenant.documents(drive="nobody@acme-dental.example").documents()
    handover.tenant.fails({"kind": "403", "times": 99, "path": "/children"})
    with pytest.raises(RefusedError, match="children was refused") as caught:
        handover.source.documents()
    assert "Files.Read.All" in caught.value.todo


def test_one_document_that_is_kept_from_us_is_no_missing_document(handover: Handover) -> None:
    handover.tenant.fails({"kind": "403", "times": 99, "path": f"{handover.items['00-control/a.md']['id']}/content"})
    with pytest.raises(RefusedError, match="content was refused"):
        handover.source.documents()


def test_what_has_no_bytes_is_not_left_out_in_silence(handover: Handover) -> None:
    place = {"driveId": handover.tenant.drive, "id": handover.items["10-runbooks"]["id"]}
    handover.tenant.put_file("Notebook", 0, file=None, parentReference=place)
    with pytest.raises(RefusedError, match="10-runbooks/Notebook in /Handover in the drive of dana@acme-dental"):
        handover.source.documents()


def listening(monkeypatch: pytest.MonkeyPatch, heard: Callable[[requests.PreparedRequest], None]) -> None:
    """See, or alter, whatever is sent."""
    send = HTTPAdapter.send

    def sending(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        heard(request)
        return send(self, request, *args, **kwargs)

    monkeypatch.setattr(HTTPAdapter, "send", sending)


def test_a_folder_in_itself_ends_the_listing(handover: Handover, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, outer = handover.items["10-runbooks/deep/er"]["id"], handover.items["10-runbooks"]["id"]

    def lead_astray(request: requests.PreparedRequest) -> None:
        request.url = (request.url or "").replace(f"/{inner}/children", f"/{outer}/children")

    listening(monkeypatch, lead_astray)
    with pytest.raises(UnavailableError, match="lies in itself"):
        handover.source.documents()


def test_nothing_else_of_the_drive_and_nobody_else_is_asked_for(handover: Handover, monkeypatch: pytest.MonkeyPatch) -> None:
    handover.tenant.put_text("secret.md", "nobody's business", handover.tenant.put_folder("Private"))
    asked = list[str]()
    listening(monkeypatch, lambda request: asked.append(unquote(urlsplit(request.url or "").path)))
    documents = handover.source.documents()
    listed, read = len(asked), handover.source.read(documents[0])
    items = {path.split("/items/")[1].split("/")[0] for path in asked if "/items/" in path}
    assert items <= {one["id"] for one in handover.items.values()} | {"root"}
    assert [path for path in asked if "/items/root" in path] == [f"/v1.0/drives/{handover.tenant.drive}/items/root/children"] * 2
    assert {path for path in asked if "/users/" in path} == {f"/v1.0/users/{DANA}", f"/v1.0/users/{DANA}/drives"}
    assert (read, len(asked) - listed) == (CONTENTS[documents[0].path], 8), "sign-in 2, drives 1, folders 2, the file 3"


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_of_all_operations_only_those_about_the_folder_pass(name: str) -> None:
    rules, operation = FolderRules(DANA), OPERATIONS[name]
    rules.drives.add("b!known")
    rules.items.add(("b!known", "01IN"))

    def may(user: str, drive: str, item: str, body: Any = None) -> bool:  # noqa: ANN401 - JSON
        named = re.findall(r"{([^}]+)}", operation.path)
        places = {place: {"user-id": user, "drive-id": drive, "driveItem-id": item}.get(place, "x") for place in named}
        return rules.may_send(operation, places, body, Errand({}, frozenset({"x"})))

    assert may(DANA, "b!known", "01IN") is (name in DOCUMENTS)
    assert not may(DANA, "b!known", "01IN", {})
    assert not may(OMAR, "b!other", "01IN")
    assert not may(OMAR, "b!known", "01OUT")
    assert may(OMAR, "b!known", "root") is (name == "list_children")
    assert name not in DOCUMENTS or operation.method == "GET"


@pytest.mark.parametrize("folder", ["", "/", "Handover", "/Handover/", "/a//b"])
def test_a_path_that_is_none_is_said(running: Microsoft365World, folder: str) -> None:
    with pytest.raises(ValidationError) as raised:
        running.documents(folder=folder)
    assert [error["loc"] for error in raised.value.errors()] == [("folder",)]


def test_what_is_missing_is_named_beforehand(handover: Handover) -> None:
    assert isinstance(handover.source, TellsPermissions)
    assert handover.source.missing_permissions() == ()
    assert [one.at for one in handover.source.expiries()]
    few = handover.tenant.documents(access=handover.tenant.with_few_permissions().access)
    assert [one.permission.split(" ")[0] for one in few.missing_permissions()] == ["Files.Read.All"]
    assert few.expiries() == ()
