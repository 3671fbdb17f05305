"""A receipt, filled in and signed with ssh-keygen as a recipient does it, and every way in which it may not hold."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.handover import Package, PackageRequest, build_package, check_acknowledgement, commitment, derive_code, derive_salt
from core.model import Engagement
from core.signatures.statements import Purpose, Statement, check

MakeRequest = Callable[..., PackageRequest]
ARCHIVE_CODE = derive_code(b"secret", "archive", "plan")
PACKAGE_CODE = derive_code(b"secret", "package", "plan")
SALT = derive_salt(b"secret", "archive", "plan")
COMMITTED = commitment(SALT, ARCHIVE_CODE)
ANSWERS = {
    "<the code in RECEIPT-CODE.txt of the archive's first volume>": ARCHIVE_CODE,
    "<the password of the vault's first entry, 00 RECEIPT CODE>": PACKAGE_CODE,
    "<how many entries the vault holds, that first one not counted>": "1",
}


def fill_in(template: bytes) -> str:
    text = template.decode()
    for question, answer in ANSWERS.items():
        text = text.replace(question, answer)
    return text


@pytest.fixture(scope="module")
def package(request_for: MakeRequest) -> Package:
    return build_package(request_for())


def test_a_filled_in_and_signed_template_holds(tmp_path: Path, keys: Path, package: Package, engagement: Engagement) -> None:
    text = tmp_path / "receipt.txt"
    text.write_text(fill_in(package.receipt_template))
    assert "<" not in text.read_text()
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "offboard-acknowledgement@msp.example", "-f", keys / "successor", text], check=True
    )
    signature = (tmp_path / "receipt.txt.sig").read_text()
    statement, person = check(text.read_text(), signature, engagement, datetime(2026, 12, 5, tzinfo=UTC), purpose=Purpose.ACKNOWLEDGEMENT)
    assert person.principal == "sue@next.example"
    assert check_acknowledgement(statement, package.facts, COMMITTED, SALT) == ()


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        (f"package-code: {PACKAGE_CODE}", f"package-code: {ARCHIVE_CODE}", "package-code: is not the code inside the package"),
        (f"archive-code: {ARCHIVE_CODE}", "archive-code: x", "archive-code: is not the code inside the archive"),
        ("archive-manifest-sha256: abab", "archive-manifest-sha256: cdab", "archive-manifest-sha256: is cdab"),
        ("package-sha256: ", "package-sha256: 0", "package-sha256: is 0"),
        ("credentials: 1", "credentials: 2", "credentials: is 2, while 1"),
        ("credentials: 1\n", "", "credentials: has to be there exactly once"),
        (f"archive-code: {ARCHIVE_CODE}\n", "", "archive-code: has to be there exactly once"),
        ("result: accepted", "result: refused\nexception: nothing opens", "result: the recipient refused it: nothing opens"),
        ("result: accepted", "result: accepted-with-exceptions\nexception: no DNS export", "accepted with exceptions: no DNS export"),
        ("result: accepted", "result: accepted\nexception: no DNS export", "says accepted, yet names exceptions"),
        ("result: accepted\n", "", "result: has to be there exactly once"),
    ],
)
def test_what_does_not_hold_is_said_in_words(package: Package, was: str, becomes: str, problem: str) -> None:
    text = fill_in(package.receipt_template)
    assert was in text
    problems = check_acknowledgement(Statement.parse(text.replace(was, becomes, 1)), package.facts, COMMITTED, SALT)
    assert len(problems) == 1
    assert problem in problems[0]
    assert PACKAGE_CODE not in problems[0]


def test_one_part_may_be_acknowledged_alone(package: Package) -> None:
    lines = fill_in(package.receipt_template).splitlines(keepends=True)
    statement = Statement.parse("".join(line for line in lines if not line.startswith("archive-")))
    assert check_acknowledgement(statement, package.facts, COMMITTED, parts=("package",)) == ()
    assert len(check_acknowledgement(statement, package.facts, COMMITTED, SALT)) == 2


def test_without_an_archive_the_template_does_not_ask_for_one(request_for: MakeRequest) -> None:
    assert b"archive" not in build_package(request_for(archive={})).receipt_template


def test_codes_may_be_typed_as_people_type() -> None:
    assert commitment("salt", PACKAGE_CODE.replace("-", " ").lower()) == commitment("salt", PACKAGE_CODE)
    shell = subprocess.run(["sh", "-c", f'printf %s "salt{PACKAGE_CODE}" | sha256sum'], capture_output=True, text=True, check=True)
    assert shell.stdout.split()[0] == commitment("salt", PACKAGE_CODE)


def test_codes_depend_on_everything_and_repeat() -> None:
    codes = {derive_code(*one) for one in [(b"a", "p", "1"), (b"b", "p", "1"), (b"a", "q", "1"), (b"a", "p", "2")]}
    assert len(codes) == 4
    assert all(len(code.replace("-", "")) * 5 == 120 for code in codes)
    assert derive_code(b"a", "p", "1") == derive_code(b"a", "p", "1")
    assert len(derive_salt(b"a", "p", "1")) == 32
