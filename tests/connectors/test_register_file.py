"""A register as people write it, and every mistake in it named at its place."""

from datetime import date
from pathlib import Path

import pytest

from connectors.register_file import RegisterFile
from core.errors import RefusedError
from core.model import Obligation, ObligationSide

GOOD = """\
# what is still owed
- id: O-2
  owed_by: ours
  what: no
  due: 2026-12-15
- id: O-1
  owed_by: clients
  what: 22:30
- id: O-3
  owed_by: ours
  what: Hand over the spare switch
  settled: 2026-12-01
  evidence: delivery note 4711
- id: O-4
  owed_by: ours
  what: Settled, it is said, but nothing shows it
  settled: 2026-12-01
  evidence:
"""

BAD = """\
- id: O-1
  owed_by: us
  what:
  due: 15.12.2026
- owed_by: ours
  colour: red
- id: O-1
  owed_by: ours
  owed_by: ours
  what: [a, b]
- just a text
"""


def register(tmp_path: Path, content: bytes) -> RegisterFile:
    path = tmp_path / "register.yaml"
    path.write_bytes(content)
    return RegisterFile.model_validate({"kind": "register_file", "name": "register", "path": str(path)})


def test_what_is_open_is_listed_and_words_stay_words(tmp_path: Path) -> None:
    assert register(tmp_path, GOOD.encode()).outstanding() == (
        Obligation(source="register", id="O-1", owed_by=ObligationSide.CLIENTS, what="22:30"),
        Obligation(source="register", id="O-2", owed_by=ObligationSide.OURS, what="no", due=date(2026, 12, 15)),
        Obligation(source="register", id="O-4", owed_by=ObligationSide.OURS, what="Settled, it is said, but nothing shows it"),
    )


def test_nothing_owed_is_said_openly(tmp_path: Path) -> None:
    assert register(tmp_path, b"[]\n").outstanding() == ()


def test_every_mistake_is_named_at_once_at_its_place(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        register(tmp_path, BAD.encode()).outstanding()
    file = tmp_path / "register.yaml"
    found = caught.value.what.splitlines()
    assert [line.removeprefix(f"{file}:").split(": ")[:2] for line in found] == [
        ["2:12", "owed_by"],
        ["3:8", "what"],
        ["4:8", "due"],
        ["6:3", "colour"],
        ["5:3", "id"],
        ["5:3", "what"],
        ["9:3", "owed_by"],
        ["10:9", "what"],
        ["11:3", "obligation"],
        ["7:3", "id"],
    ]
    assert "write ours or clients" in found[0]
    assert "as 2026-12-31" in found[2]
    assert "line 1 already" in found[-1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ":1:1: register: is empty"),
        (b"# only a comment\n", ":1:1: register: is empty"),
        (b"id: O-1\n", ":1:1: register: is no list"),
        (b"- id: O-1\n  what: 'open\n", r":\d:\d+: register: is no YAML"),
        (b"- id: a\n---\n- id: b\n", ":2:1: register: is no YAML"),
        (b"- id: \x00\n", "is no YAML"),
        (b"- id: \xff\n", "is no UTF-8"),
        (b"- {id: a, ? [x] : y, owed_by: ours, what: w}\n", "is not known here"),
    ],
)
def test_what_is_no_register_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        register(tmp_path, content).outstanding()


def test_a_missing_register_is_refused(tmp_path: Path) -> None:
    source = register(tmp_path, b"[]")
    source.path.unlink()
    with pytest.raises(RefusedError, match="cannot be read"):
        source.outstanding()
