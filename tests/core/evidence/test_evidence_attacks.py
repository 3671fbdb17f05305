"""What a forger tries, and which check finds it: by verify.py, by our own verifier and, where it can, by verify.sh.

Nobody: the files were changed and nothing else. Outsider: made the manifests fit again. Insider: holds the log key, and
signed checkpoint and seal anew; then only signatures of other people, documents' sums and the rules are left to find it.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forgery import LEDGER, Forger, RunScripts, examine
from made_up_exit import People, Story

from core.evidence.bundle import expected_keys
from core.evidence.verifier import verify_bundle
from core.ledger.note import LogKey
from core.signatures.sshsig import sign

Attack = Callable[[Path], None]
Change = Callable[[dict[str, Any]], None]


def lines(folder: Path) -> list[bytes]:
    return (folder / LEDGER).read_bytes().split(b"\n")[:-1]


def put(folder: Path, changed: list[bytes]) -> None:
    (folder / LEDGER).write_bytes(b"".join(line + b"\n" for line in changed))


def change_a_word(folder: Path) -> None:
    (folder / LEDGER).write_bytes((folder / LEDGER).read_bytes().replace(b"key line taken out", b"key line left there", 1))


def cut_the_end(folder: Path) -> None:
    put(folder, lines(folder)[:-1])


def cut_the_middle(folder: Path) -> None:
    put(folder, lines(folder)[:5] + lines(folder)[6:])


def swap(folder: Path) -> None:
    one = lines(folder)
    one[4], one[5] = one[5], one[4]
    put(folder, one)


def truncate(folder: Path) -> None:
    body = (folder / LEDGER).read_bytes()
    (folder / LEDGER).write_bytes(body[: len(body) // 2])


def add_an_entry(folder: Path) -> None:
    put(folder, [*lines(folder), lines(folder)[-1]])


@pytest.mark.parametrize("attack", [change_a_word, cut_the_end, cut_the_middle, swap, truncate, add_an_entry])
def test_the_ledger_was_changed(copy: Path, run_scripts: RunScripts, forger: type[Forger], attack: Attack) -> None:
    attack(copy)
    examine(copy, run_scripts, found_by={"files", "tree"})
    forger.sums(copy)
    failed = examine(copy, run_scripts, found_by={"seal", "tree"})
    assert "files" not in failed
    if attack in {cut_the_end, truncate}:
        detail = next(check.detail for check in verify_bundle(copy, None).checks if check.name == "tree")
        assert "cut" in detail


@pytest.mark.parametrize("attack", [cut_the_middle, swap])
def test_the_ledger_was_changed_by_whoever_holds_its_key(
    copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, attack: Attack
) -> None:
    attack(copy)
    forger.everything(copy, closed.key)
    failed = examine(copy, run_scripts, found_by={"numbers"})
    assert not failed & {"seal", "tree", "files"}


def test_a_statements_file_was_edited(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    text = copy / "data/statements/1-approval-alice@msp.example.txt"
    text.write_text(text.read_text().replace("decision: approve", "decision: rescind"))
    forger.everything(copy, closed.key)
    examine(copy, run_scripts, found_by={"statements"})


def rewrite(folder: Path, number: int, change: Change, forger: type[Forger], key: LogKey) -> None:
    """Change a statement's text and signature consistently in the ledger and in its files."""

    def edit(entry: dict[str, Any]) -> None:
        change(entry["data"])
        name = f"{number}-{entry['subject']}-{entry['data']['principal']}.txt"
        (folder / "data/statements" / name).write_text(entry["data"]["text"])
        (folder / "data/statements" / f"{name}.sig").write_text(entry["data"]["signature"])
        entry["data"]["text-sha256"] = hashlib.sha256(entry["data"]["text"].encode()).hexdigest()

    forger.edit(folder, number, edit)
    forger.everything(folder, key)


def test_a_statement_was_edited_everywhere(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    def change(data: dict[str, Any]) -> None:
        data["text"] = data["text"].replace("obligation register: T-7", "obligation register: T-8")

    rewrite(copy, 5, change, forger, closed.key)
    failed = examine(copy, run_scripts, found_by={"signatures"})
    assert failed == {"signatures"}


def test_a_stranger_signed(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, people: People) -> None:
    stranger = people.private["sam@successor.example"]

    def change(data: dict[str, Any]) -> None:
        data["signature"] = sign(stranger, data["text"].encode(), "offboard-approval@msp.example")

    rewrite(copy, 1, change, forger, closed.key)
    assert examine(copy, run_scripts, found_by={"signatures"}) == {"signatures"}


def test_a_signature_for_another_purpose_was_pasted(
    copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, people: People
) -> None:
    def change(data: dict[str, Any]) -> None:
        data["signature"] = sign(people.private["alice@msp.example"], data["text"].encode(), "offboard-waiver@msp.example")

    rewrite(copy, 1, change, forger, closed.key)
    assert examine(copy, run_scripts, found_by={"signatures"}) == {"signatures"}


def test_an_approval_was_turned_into_a_waiver(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    def change(data: dict[str, Any]) -> None:
        data["text"] = data["text"].replace("offboard-approval/v1", "offboard-waiver/v1")

    rewrite(copy, 1, change, forger, closed.key)
    examine(copy, run_scripts, found_by={"signatures", "statements"})


def test_a_statement_without_its_entry(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    for suffix in ("", ".sig"):
        source = copy / f"data/statements/1-approval-alice@msp.example.txt{suffix}"
        source.with_name(f"0-approval-bob@msp.example.txt{suffix}").write_bytes(source.read_bytes())
    forger.everything(copy, closed.key)
    examine(copy, run_scripts, found_by={"statements"})


def test_the_plan_was_changed(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    plan = copy / "data/plan.json"
    plan.write_text(plan.read_text().replace("Tess", "Mess"))
    examine(copy, run_scripts, found_by={"files", "plan"})
    forger.everything(copy, closed.key)
    assert examine(copy, run_scripts, found_by={"plan"}, shell=0) == {"plan"}


def test_a_document_was_changed(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    document = next(one for one in (copy / "data/documents").iterdir() if b"Dear Carol" in one.read_bytes())
    document.write_bytes(b"Dear Carol, no")
    examine(copy, run_scripts, found_by={"files", "documents"})
    forger.everything(copy, closed.key)
    assert examine(copy, run_scripts, found_by={"documents"}, shell=0) == {"documents"}


@pytest.mark.parametrize("name", ["data/extra.txt", "data/documents/.hidden", "extra.txt", "data/line\nbreak", "data/two words"])
def test_a_foreign_file(copy: Path, run_scripts: RunScripts, name: str) -> None:
    (copy / name).write_text("x")
    examine(copy, run_scripts, found_by={"files"})


@pytest.mark.parametrize("name", ["data/report-corrected.pdf", "data/leaflet/read-me-first.txt", "data/proofs/0.tlog-proof"])
def test_nothing_stands_beside_the_record_even_if_the_logs_key_signed_it(
    copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, name: str
) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("Nothing was taken away.")
    forger.everything(copy, closed.key)
    assert examine(copy, run_scripts, found_by={"files"}, shell=0) == {"files"}


def test_a_file_went_with_its_manifest_line(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    next((copy / "data/documents").iterdir()).unlink()
    examine(copy, run_scripts, found_by={"files", "documents"})
    forger.sums(copy)
    examine(copy, run_scripts, found_by={"seal", "documents"})
    forger.everything(copy, closed.key)
    assert "documents" in examine(copy, run_scripts, found_by={"documents"}, shell=0)


def test_the_report_was_changed(copy: Path, run_scripts: RunScripts, forger: type[Forger]) -> None:
    report = copy / "data/review.html"
    report.write_text(report.read_text() + "<!-- -->")
    forger.sums(copy)
    assert examine(copy, run_scripts, found_by={"seal"}) == {"seal"}


def test_another_log_key_is_found_only_with_the_keys_received(
    copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, tmp_path: Path
) -> None:
    forger.edit(copy, 14, lambda entry: entry.update(at="2026-11-03T00:00:00.000000Z"))
    forger.everything(copy, LogKey.load_or_create(tmp_path / "forger.pem", closed.key.origin))
    outcome = run_scripts(copy)
    assert (outcome.python, outcome.shell) == (0, 0), outcome.python_text + outcome.shell_text
    assert "prove nothing by themselves" in outcome.python_text
    assert "prove nothing by themselves" in outcome.shell_text
    assert "prove nothing" in verify_bundle(copy, None).caution
    keys = tmp_path / "keys.txt"
    keys.write_text(expected_keys(closed.engagement, closed.key.vkey))
    outcome = run_scripts(copy, keys)
    assert (outcome.python, outcome.shell, outcome.failed) == (1, 1, {"keys"})
    assert not verify_bundle(copy, keys.read_text()).ok


def test_a_technician_was_made_an_executive(
    copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story, tmp_path: Path
) -> None:
    path = copy / "data/allowed_signers"
    tess = closed.people["tess"]
    path.write_text(path.read_text() + f'{tess.principal} namespaces="offboard-approval@msp.example" {tess.keys[0]}\n')
    forger.everything(copy, closed.key)
    keys = tmp_path / "keys.txt"
    keys.write_text(expected_keys(closed.engagement, closed.key.vkey))
    outcome = run_scripts(copy, keys)
    assert (outcome.python, outcome.shell, outcome.failed) == (1, 1, {"keys"})
    assert "tess@msp.example" in outcome.python_text
    assert "tess@msp.example" in outcome.shell_text


def test_one_key_for_two_people(copy: Path, run_scripts: RunScripts, forger: type[Forger], closed: Story) -> None:
    path = copy / "data/allowed_signers"
    body = path.read_text().split("\n")
    body[1] = "bob@msp.example " + body[0].split(" ", 1)[1]
    path.write_text("\n".join(body))
    forger.everything(copy, closed.key)
    examine(copy, run_scripts, found_by={"approvals", "signatures"})
