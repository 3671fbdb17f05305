"""An export only looks, and at nobody's mail and files but those that are named; bytes are fetched without our token."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.microsoft import Microsoft365
from connectors.microsoft.contract import azure, graph, partner_center
from connectors.microsoft.guard import Errand, Guard
from connectors.microsoft.microsoft365.download import Door
from connectors.microsoft.microsoft365.names import message_name, part, parts
from connectors.microsoft.microsoft365.quick_xor import QuickXor
from connectors.microsoft.microsoft365.rules import DOCUMENTS, FILES, MAIL, READING, Rules
from connectors.microsoft.microsoft365.tables import bare, cell, csv_line, json_line
from connectors.microsoft.microsoft365.visit import in_our_words
from core.archive.names import is_relative
from core.errors import GuardError
from tests.servers.microsoft365_world import quick_xor

OPERATIONS = {one.name: one for contract in (graph(), partner_center(), azure()) for one in contract.operations}
DANA, KIM = "dana@acme-dental.example", "kim@acme-dental.example"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference.md"


def rules() -> Rules:
    made = Rules(mailboxes=[DANA], owners=[KIM])
    made.drives.add("b!known")
    return made


def places(name: str, user: str = "anybody", drive: str = "b!other") -> dict[str, str]:
    named = re.findall(r"{([^}]+)}", OPERATIONS[name].path)
    return {place: {"user-id": user, "drive-id": drive}.get(place, "x") for place in named}


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_of_all_operations_only_the_listed_ones_pass_and_only_as_reads(name: str) -> None:
    operation = OPERATIONS[name]
    kept = name in MAIL | FILES or name == "list_user_drives"
    assert rules().may_send(operation, places(name), None, None) is (name in READING and not kept)
    for body in ({}, {"accountEnabled": False}, {"requests": []}, b"bytes"):
        for errand in (None, Errand({}, frozenset({"x"}), irreversible=True)):
            assert not rules().may_send(operation, places(name, DANA, "b!known"), body, errand)
    if name in READING:
        assert operation.method == "GET"


def test_mail_and_files_are_those_of_who_is_named() -> None:
    for name in MAIL:
        assert rules().may_send(OPERATIONS[name], places(name, DANA), None, None)
        assert not rules().may_send(OPERATIONS[name], places(name, KIM), None, None)
    assert rules().may_send(OPERATIONS["list_user_drives"], places("list_user_drives", KIM), None, None)
    assert not rules().may_send(OPERATIONS["list_user_drives"], places("list_user_drives", DANA), None, None)
    for name in FILES:
        assert rules().may_send(OPERATIONS[name], places(name, KIM, "b!known"), None, None)
        assert not rules().may_send(OPERATIONS[name], places(name, KIM, "b!other"), None, None)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/users/x", "/$batch", f"/users/{DANA}/messages/x", "/drives/b!known/items/x", "/me", "/organization/x"])
def test_nothing_that_writes_leaves(method: str, path: str) -> None:
    guard = Guard({"https://graph.microsoft.com/v1.0": graph()}, rules().may_send)
    with pytest.raises(GuardError):
        guard.check(method, f"https://graph.microsoft.com/v1.0{path}", None)


@pytest.mark.parametrize(
    "link",
    ["items/root/delta(token='a%2Bb')", "root/delta(token='a%2Bb')", "root/delta(token=a%2Bb)", "items/01AB/delta(token='a%2Bb')"],
)
@pytest.mark.parametrize("query", ["", "?$select=id,name", "?$skiptoken=x'y"])
def test_a_delta_listing_goes_on_however_the_service_spells_its_link(link: str, query: str) -> None:
    guard = Guard({"https://graph.microsoft.com/v1.0": graph()}, rules().may_send)
    spelled = in_our_words(f"https://graph.microsoft.com/v1.0/drives/b!known/{link}{query}")
    assert guard.check("GET", spelled, None).name == "list_items_since"
    assert spelled == f"https://graph.microsoft.com/v1.0/drives/b!known/items/root/delta(token='a%2Bb'){query}"
    with pytest.raises(GuardError):
        guard.check("GET", in_our_words(f"https://graph.microsoft.com/v1.0/drives/b!other/{link}"), None)


def test_so_it_does_where_the_token_is_an_option() -> None:
    for link in ("root/delta?token=x", "root/delta()?token=x", "items/root/delta?token=x"):
        spelled = in_our_words(f"https://graph.microsoft.com/v1.0/drives/b!known/{link}")
        assert spelled == "https://graph.microsoft.com/v1.0/drives/b!known/items/root/delta()?token=x"
    for other in ("https://graph.microsoft.com/v1.0/users/delta()", "https://graph.microsoft.com/v1.0/drives/a/items/b/content"):
        assert in_our_words(other) == other


def test_every_listed_operation_is_in_the_contract() -> None:
    assert set(OPERATIONS) >= READING | DOCUMENTS


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "url": "https://files.example/a"},
        {"method": "HEAD", "url": "https://files.example/a"},
        {"method": "GET", "url": "http://files.example/a"},
        {"method": "GET", "url": "https://evil.example/a"},
        {"method": "GET", "url": "https://files.example.evil.example/a"},
        {"method": "GET", "url": "https://files.example:444/a"},
        {"method": "GET", "url": "https://files.example@evil.example/a"},
        {"method": "GET", "url": "https://files.example/a", "data": b"x"},
        {"method": "GET", "url": "https://files.example/a", "headers": {"Authorization": "Bearer x"}},
        {"method": "GET", "url": "https://files.example/a", "cookies": {"a": "b"}},
    ],
)
def test_a_download_is_a_bare_get_to_the_host_that_was_named(request_: dict[str, Any]) -> None:
    door = Door()
    door.hosts.add("files.example")
    with pytest.raises(GuardError):
        door.send(requests.Request(**request_).prepare())


SETTINGS = {
    "kind": "microsoft365",
    "name": "m365",
    "tenant_id": "59ABEAA9-f8e5-548c-80e4-3f2157965070",
    "access": {"client_id": "33562e96-752b-52c7-a380-07a11fc5d32f", "client_secret": "env:SECRET"},
}


def test_what_is_signed_for_names_the_people() -> None:
    source = Microsoft365.model_validate(SETTINGS | {"drives": [KIM], "mailboxes": [DANA]})
    assert source.dataset().selectors == (
        "tenant: 59abeaa9-f8e5-548c-80e4-3f2157965070",
        "configuration",
        "logs",
        f"the drives of {KIM}",
        f"the mailbox of {DANA}",
    )
    assert Microsoft365.model_validate(SETTINGS).dataset().selectors[1:] == ("configuration", "logs")


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"tenant_id": "acme"}, "tenant_id"),
        ({"drives": ["dana@acme-dental.example", "Dana@acme-dental.example"]}, "drives names dana@acme-dental.example twice"),
        ({"mailboxes": ["dana reyes"]}, "mailboxes.0"),
        ({"mailboxes": ["../dana"]}, "mailboxes.0"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"access": {"client_id": "33562e96-752b-52c7-a380-07a11fc5d32f"}}, "access"),
        ({"sites": ["all"]}, "sites"),
    ],
)
def test_bad_settings_are_said_where_they_are(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Microsoft365.model_validate(SETTINGS | wrong)
    (error,) = raised.value.errors()
    assert where in f"{'.'.join(map(str, error['loc']))} {error['msg']}"


@given(st.text())
def test_a_name_is_one_part_of_a_path_that_any_archive_carries(name: str) -> None:
    spelled = part(name)
    assert spelled
    assert "/" not in spelled
    assert is_relative(f"a/{spelled}/b")
    spelled.encode()


def test_a_name_that_is_no_text_is_a_part_all_the_same() -> None:
    assert part("a\ud800b").encode()
    assert [part(name) for name in ("", ".", "..", "a/b", "100%.txt")] == ["%", "%2E", "%2E%2E", "a%2Fb", "100%.txt"]


@given(st.dictionaries(st.text(min_size=1), st.text(max_size=3), max_size=8))
def test_no_two_in_one_folder_are_called_alike(siblings: dict[str, str]) -> None:
    named = list(parts(siblings).values())
    assert len({name.casefold() for name in named}) == len(named)


def test_messages_whose_ids_differ_in_letter_case_alone_are_told_apart() -> None:
    assert message_name("AAMkAB").casefold() != message_name("AAMkAb").casefold()


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "=cmd|' /C calc'!A0"])
def test_a_spreadsheet_takes_nothing_for_a_formula(text: str) -> None:
    for value in (text, [text, "b"]):
        assert cell(value).startswith("'")


HOSTILE = st.text(st.sampled_from('x=+-@;|,\t\r\n "\uff1d'), max_size=12)


@given(st.lists(st.lists(HOSTILE, min_size=1, max_size=3), min_size=1, max_size=3))
@example([["a", "b;=1+1"], ["c;=HYPERLINK(1)"], ["x", 'd;"=1"'], ["x", "e\r\n=1"], ["x", "f; -1"], ["=1", "=1"]])
def test_whatever_a_locale_separates_cells_by_none_begins_a_formula(rows: list[list[str]]) -> None:
    text = b"".join(csv_line(cell(value) for value in row) for row in rows).decode()
    for separator in ",;|\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for one in row:
                assert not one.lstrip(' "').startswith(("=", "+", "-", "@", "\uff1d")), (separator, row)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_a_row_reads_back_as_it_was_written(cells: list[str]) -> None:
    read = list(csv.reader(io.StringIO(csv_line(cells).decode(), newline="")))
    assert read == [cells]


@given(st.lists(st.binary(max_size=400), max_size=6))
def test_the_sum_of_a_drive_is_that_of_its_description(pieces: list[bytes]) -> None:
    made = QuickXor()
    for piece in pieces:
        made.update(memoryview(piece))
    assert made.as_text() == quick_xor(b"".join(pieces))


def test_values_are_written_for_people() -> None:
    values = [None, True, False, 5, -5, "a", ["a", None, "b"], {"a": 1}, [{"a": [1]}], "#microsoft.graph.user", -2.5]
    assert cell(["+49 30 1", "+49 30 2", "b"]) == "'+49 30 1;' +49 30 2; b"
    assert [cell(value) for value in values] == ["", "yes", "no", "5", "-5", "a", "a; b", '{"a":1}', '[{"a":[1]}]', "user", "-2.5"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(st.dictionaries(st.text(), JSON))
def test_an_entry_is_one_line_of_json_that_says_the_same(entry: dict[str, Any]) -> None:
    line = json_line(entry)
    assert b"\n" not in line
    assert json.loads(line) == entry


def test_what_could_help_somebody_in_is_left_out() -> None:
    said = {"@odata.etag": "x", "@odata.type": "t", "passwordCredentials": [{"keyId": "1", "hint": "abc", "secretText": None}]}
    said |= {
        "keyCredentials": [{"keyId": "2", "key": "MII", "displayName": "n"}],
        "additionalDetails": [{"key": "User-Agent", "value": "v"}],
    }
    assert bare(said) == {
        "@odata.type": "t",
        "passwordCredentials": [{"keyId": "1"}],
        "keyCredentials": [{"keyId": "2", "displayName": "n"}],
        "additionalDetails": [{"key": "User-Agent", "value": "v"}],
    }


def test_the_reference_names_every_operation_with_its_least_permission() -> None:
    section = PAGE.read_text(encoding="utf-8").split("\n## Microsoft 365\n")[1].split("\n## ")[0]
    section, documents = section.split("\nA source of documents ")
    assert set(re.findall(r"`GET ([^`]+)`", documents)) == {OPERATIONS[name].path for name in DOCUMENTS}
    for name in READING:
        operation = OPERATIONS[name]
        needed = " with ".join(operation.permissions("application")[0])
        line = next((line for line in section.splitlines() if f"`GET {operation.path}`" in line), "")
        assert line.startswith(f"| {needed} |"), (name, needed)
    assert len(re.findall(r"`GET ", section)) == len(READING)
