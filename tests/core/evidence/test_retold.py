"""What the log's key may sign beside the entries: `offboard verify` draws it anew, and finds what does not follow from them."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forgery import Forger
from made_up_exit import Story

from core.canonical import canonical_json
from core.evidence.dsse import IN_TOTO, seal
from core.evidence.forging import print_report, sign_certificate, sign_files
from core.evidence.pdf.render import printed_by
from core.evidence.verifier import Check, verify_bundle

REPORT, CERTIFICATE = "data/report.pdf", "data/certificate.dsse.json"


def not_ok(bundle: Path) -> list[Check]:
    return [one for one in verify_bundle(bundle, None).checks if one.status != "OK"]


def say_more(statement: dict[str, Any]) -> None:
    statement["predicate"]["notStated"] = []


def attribute_to_others(statement: dict[str, Any]) -> None:
    statement["predicate"]["datasets"][0]["differences"][0]["by"] = "by-others"


def leave_an_inventory_out(statement: dict[str, Any]) -> None:
    statement["subject"] = statement["subject"][:1]


@pytest.mark.parametrize("change", [say_more, attribute_to_others, leave_an_inventory_out])
def test_a_certificate_that_says_something_else(closed: Story, copy: Path, change: Callable[[dict[str, Any]], None]) -> None:
    before = (copy / CERTIFICATE).read_bytes()
    sign_certificate(copy, closed.key, change)
    assert (copy / CERTIFICATE).read_bytes() != before
    print_report(copy)
    sign_files(copy, closed.key)
    (found,) = not_ok(copy)
    assert (found.name, found.status, found.detail) == ("retold", "FAIL", "certificate.dsse.json says other than the ledger")


def test_a_certificate_that_one_reader_reads_otherwise_than_another(closed: Story, copy: Path) -> None:
    statement = base64.b64decode(json.loads((copy / CERTIFICATE).read_bytes())["payload"])
    twice = statement.replace(b'"predicateType"', b'"predicate":{},"predicateType"', 1)
    assert json.loads(twice)["predicate"] == {}
    for forged in (twice, json.dumps(json.loads(statement)).encode()):
        (copy / CERTIFICATE).write_bytes(seal(forged, IN_TOTO, closed.key.sign, closed.key.vkey))
        sign_files(copy, closed.key)
        assert [(one.name, one.status) for one in not_ok(copy)] == [("retold", "FAIL")]


def test_an_envelope_that_holds_more_than_ours(closed: Story, copy: Path) -> None:
    envelope = json.loads((copy / CERTIFICATE).read_bytes())
    (copy / CERTIFICATE).write_bytes(canonical_json(envelope | {"note": "nothing was touched"}) + b"\n")
    sign_files(copy, closed.key)
    assert [(one.name, one.status) for one in not_ok(copy)] == [("retold", "FAIL")]


def test_a_report_of_other_data(closed: Story, copy: Path) -> None:
    print_report(copy, provider="Somebody else")
    sign_files(copy, closed.key)
    (found,) = not_ok(copy)
    assert (found.name, found.status, found.detail) == ("retold", "FAIL", "report.pdf says other than the ledger")


@pytest.mark.parametrize("body", [b"", b"%PDF-1.7\n", b"<xmp:CreatorTool>Typst 9.9.9</xmp:CreatorTool>"])
def test_a_report_that_is_none_of_ours(closed: Story, copy: Path, body: bytes) -> None:
    (copy / REPORT).write_bytes(body)
    sign_files(copy, closed.key)
    (found,) = not_ok(copy)
    assert (found.name, found.status, found.detail) == ("retold", "FAIL", "report.pdf says other than the ledger")


@pytest.mark.parametrize(("ours", "other"), [(rb"Typst [0-9.]+<", b"Typst 0.1.0<"), (rb"layout [0-9a-f]{12}", b"layout 0123456789ab")])
def test_a_report_that_another_version_printed_is_not_compared_and_no_success(closed: Story, copy: Path, ours: bytes, other: bytes) -> None:
    report = copy / REPORT
    assert re.fullmatch(r"Typst [0-9.]+, layout [0-9a-f]{12}", printed_by(report.read_bytes()))
    report.write_bytes(re.sub(ours, other, report.read_bytes()))
    sign_files(copy, closed.key)
    said = verify_bundle(copy, None)
    (found,) = not_ok(copy)
    assert (found.name, found.status, said.exit_status) == ("retold", "INCOMPLETE", 2)
    assert "tables, answers, certificate and page follow from the entries" in found.detail
    assert f"report.pdf was printed by {printed_by(report.read_bytes())} and not compared" in found.detail


@pytest.mark.parametrize("name", [REPORT, CERTIFICATE])
def test_nothing_of_it_may_be_left_out(closed: Story, copy: Path, forger: type[Forger], name: str) -> None:
    (copy / name).unlink()
    forger.everything(copy, closed.key)
    assert [(one.name, one.status) for one in not_ok(copy)] == [("retold", "FAIL")]


def test_honest_hands_that_sign_again_change_nothing(closed: Story, copy: Path, forger: type[Forger]) -> None:
    before = {one: one.read_bytes() for one in copy.rglob("*") if one.is_file()}
    print_report(copy)
    forger.everything(copy, closed.key)
    assert {one: one.read_bytes() for one in copy.rglob("*") if one.is_file()} == before
