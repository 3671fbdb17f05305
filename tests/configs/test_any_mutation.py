"""Whatever happens to a good file: it loads, or every problem is one line that says where."""

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from configs.engagement_file import load
from configs.settings import CHECKOUT
from core.errors import ConfigurationError

LINES = (CHECKOUT / "docs" / "example-engagement.yaml").read_text(encoding="utf-8").splitlines()
LOCATED = re.compile(r"acme\.yaml:[1-9]\d*:[1-9]\d*: \S[^\n\r]*")
VALUES = st.one_of(
    st.sampled_from(
        ["", "''", "~", "no", "[]", "{}", "[a]", "{a: b}", "&a", "*a", "!x y", "- b", "0", "-1", "1e9", "|", ">-", "a: b", "'"]
    ),
    st.sampled_from(["2027-02-30T10:00", "9999-12-31T23:59", "0001-01-01T00:00Z", "1" * 5000, "P1D", "-5", "99999999999 days"]),
    st.sampled_from(
        ["env:", "file:", "file:\0", "ssh-ed25519 AAAA", "ssh-rsa", "age1", "client", "successor", "executive", "folder", "smtp"]
    ),
    st.text(max_size=20),
    st.from_regex(r"[0-9T:+-]{1,25}", fullmatch=True),
)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match draw(st.sampled_from(["delete", "value", "item", "indent", "repeat", "swap", "cut"])):
            case "delete":
                del lines[at]
            case "value":
                lines[at] = line.partition(":")[0] + ": " + draw(VALUES)
            case "item":
                lines[at] = line[: len(line) - len(line.lstrip())] + "- " + draw(VALUES)
            case "indent":
                lines[at] = " " * draw(st.integers(0, 9)) + line.lstrip()
            case "repeat":
                lines.insert(at, line)
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case _:
                lines[at] = line[: draw(st.integers(0, len(line)))]
    return "\n".join(lines) + "\n"


def loads_or_tells(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acme.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load(path)
        except ConfigurationError as error:
            told = [problem.removeprefix(f"{folder}/") for problem in error.problems]
        else:
            return
    assert told
    assert all(LOCATED.fullmatch(problem) for problem in told)
    places = [tuple(map(int, problem.split(":")[1:3])) for problem in told]
    assert places == sorted(places)
    assert max(place[0] for place in places) <= text.count("\n") + 2


@settings(max_examples=150, deadline=None)
@given(mutations())
def test_any_mutation_loads_or_is_told_at_its_place(text: str) -> None:
    loads_or_tells(text)


def test_any_line_may_be_missing() -> None:
    for at in range(len(LINES)):
        loads_or_tells("\n".join(LINES[:at] + LINES[at + 1 :]) + "\n")


def test_any_value_may_have_another_shape() -> None:
    for at, line in enumerate(LINES):
        if line.lstrip().startswith("#") or ": " not in line:
            continue
        for value in ("x", "[x]", "{x: y}"):
            loads_or_tells("\n".join([*LINES[:at], f"{line.partition(': ')[0]}: {value}", *LINES[at + 1 :]]) + "\n")
