import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.located_yaml import LARGEST_FILE, UnreadableYamlError, read_yaml


def refused(content: str | bytes) -> str:
    with pytest.raises(UnreadableYamlError) as error:
        read_yaml(content if isinstance(content, bytes) else content.encode())
    return error.value.problem.line("f")


def test_nothing_is_interpreted() -> None:
    root, problems = read_yaml(b"a: no\nb: 22:30\nc: 0123\nd: 2026-12-31\ne: ~\nf: [1, {g: 1.0}]\n")
    assert root.plain() == {"a": "no", "b": "22:30", "c": "0123", "d": "2026-12-31", "e": "~", "f": ["1", {"g": "1.0"}]}
    assert problems == []


def test_every_text_has_its_position() -> None:
    root, _ = read_yaml("\ufeffa:\n  - x\n  -   'y'\nb: {c: ü, d: z}\n".encode())
    assert {path: tuple(node.position) for path, node in root.texts()} == {
        ("a", 0): (2, 5),
        ("a", 1): (3, 7),
        ("b", "c"): (4, 8),
        ("b", "d"): (4, 14),
    }


def test_aliases_are_written_out() -> None:
    root, problems = read_yaml(b"a: &keys [x, y]\nb: *keys\n")
    assert root.plain() == {"a": ["x", "y"], "b": ["x", "y"]}
    assert problems == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "f:1:1: the file is empty; start from docs/example-engagement.yaml"),
        ("# nothing\n", "f:1:1: the file is empty; start from docs/example-engagement.yaml"),
        ("a:\n\t- b\n", "f:2:1: a tab stands here; indent with spaces"),
        ("a: 'x\nb: 2\n", "f:1:4: a quote is opened here and never closed; close it on the same line"),
        ('a: "\\q"\n', "f:1:6: a backslash in a text in double quotes stands before something that it cannot; use single quotes"),
        ("a: b: c\n", "f:1:5: a colon stands here where none may be; put the text in quotes, or check the indentation"),
        ("a: @x\n", "f:1:4: a value may not start with this character; put the text in quotes"),
        ("a: [1\n", "f:2:1: a [ or { that was opened is not closed, or a comma is missing"),
        ("a:\n  b: 1\n c: 2\n", "f:3:2: the indentation does not fit the lines above; align it with its neighbours"),
        ("a: 1\nhunter2\n", "f:3:1: a line here is neither `field: value` nor the rest of a longer text; check indentation and the colon"),
        ("? [a]\n: 2\n", "f:1:3: a field's name must be one word; put a text with [ or { in quotes"),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document begins here; write one engagement a file and no further `---`"),
        ("a: \x01\n", "f:1:4: a character stands here that no text file should hold; remove it"),
        ("a: *x\n", "f:1:4: an alias (*name) stands here that no anchor (&name) before it defines; put text that starts with * in quotes"),
        ("a: " + "[" * 5000, "f:1:24: this is nested more than 20 levels deep; check brackets and indentation"),
        ('a: "\\U00110000"\n', "f:1:1: an escape such as \\U… in a quoted text names no character; correct it"),
        (b"a: 1\nb: \xff\n", "f:2:4: this is not UTF-8; save the file as UTF-8"),
        (b"a" * (LARGEST_FILE + 1), "f:1:1: the file is larger than 256 KiB; this is hardly an engagement file"),
    ],
)  # fmt: skip
def test_what_ends_the_reading_is_told_in_plain_words(text: str | bytes, told: str) -> None:
    assert refused(text) == told


def test_nothing_can_contain_itself_or_blow_up() -> None:
    assert "no anchor" in refused("a: &x [*x]\n")
    bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
        f"a{n}: &{after} [{', '.join(['*' + before] * 9)}]\n" for n, (before, after) in enumerate(zip("abcdefgh", "bcdefghi", strict=True))
    )
    assert refused(bomb).startswith("f:5:5: there are more than 20000 values here")


def test_repeated_fields_and_tags_do_not_end_the_reading() -> None:
    _, problems = read_yaml(b"a:\n  b: 1\n  c: 2\n  b: !!python/object:os.system 3\nd: !e 1\n")
    assert [problem.line("f") for problem in problems] == [
        "f:4:6: a.b: a tag (!…) stands here; remove it, or put text that starts with ! in quotes",
        "f:4:3: a: this field is written twice; it stands in line 2 already, keep one of them",
        "f:5:4: d: a tag (!…) stands here; remove it, or put text that starts with ! in quotes",
    ]


SIGNS = [*"[]{}'\">#,!@`|\\\t\ufeff\x85\u2028"]
WORDS = ["a", "b: ", "- ", "\n", "  ", "&x ", "*x ", "!t ", "---\n", "...\n", ": ", "? ", "%YAML 1.1\n", "<<"]
PIECES = st.lists(st.sampled_from(SIGNS + WORDS), max_size=30)


@given(PIECES.map("".join) | st.text(max_size=60) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_at_a_place(content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    try:
        root, problems = read_yaml(raw)
    except UnreadableYamlError as error:
        problems = [error.problem]
    else:
        root.plain()
    for problem in problems:
        assert problem.position >= (1, 1)
        assert "\n" not in problem.line("f")
