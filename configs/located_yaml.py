"""YAML in which every scalar is text and everything knows its line and column.

Nothing is interpreted (`no`, `22:30`, `0123` stay what they are), nothing is constructed, no key comes twice. What was
read is never repeated in a problem: it could be a secret in the wrong place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

LARGEST_FILE = 256 * 1024
"""Bytes. An engagement file has a few kilobytes."""

MOST_VALUES = 20_000
"""Values after all aliases are written out: what a few lines of nested aliases could blow up without bound."""

DEEPEST = 20
"""Levels of nesting."""

FIELD_LIKE = re.compile(r"[0-9]{1,5}|[A-Za-z][A-Za-z_-]{0,39}")
"""A name that may be repeated in a problem. Anything else could be a secret that landed before a colon."""

PLAIN_WORDS = {
    "character '\\t'": "a tab stands here; indent with spaces",
    "undefined alias": "an alias (*name) stands here that no anchor (&name) before it defines; put text that starts with * in quotes",
    "unexpected end of stream": "a quote is opened here and never closed; close it on the same line",
    "escape": "a backslash in a text in double quotes stands before something that it cannot; use single quotes",
    "could not find expected ':'": "a line here is neither `field: value` nor the rest of a longer text; check indentation and the colon",
    "mapping values are not allowed": "a colon stands here where none may be; put the text in quotes, or check the indentation",
    "cannot start any token": "a value may not start with this character; put the text in quotes",
    "expected <block end>": "the indentation does not fit the lines above; align it with its neighbours",
    "<document start>": "a line above lacks its colon; write `field: value`, or `field:` and its fields indented below",
    "expected ',' or": "a [ or { that was opened is not closed, or a comma is missing",
    "special characters": "a character stands here that no text file should hold; remove it",
}
"""What PyYAML says in part, and what we say instead."""


class Position(NamedTuple):
    """Where something stands in a file, both counted from 1."""

    line: int
    column: int


Path = tuple[str | int, ...]
"""The way from the top of the file to a value: field names and places in lists, counted from 0."""


class Problem(NamedTuple):
    """One mistake, in words for the person who wrote the file. Sorts by position."""

    position: Position
    path: Path
    text: str

    def line(self, file: str) -> str:
        """Write it as `file:line:column: field.path.0: what is wrong, what to do`."""
        named = ".".join(part if FIELD_LIKE.fullmatch(part) else "?" for part in map(str, self.path))
        return f"{file}:{self.position.line}:{self.position.column}: {named + ': ' if named else ''}{self.text}"


@dataclass(frozen=True)
class Node:
    """A text, a list or a mapping, with the position where it begins. `size` counts all values in it."""

    position: Position
    value: "str | list[Node] | dict[str, Node]"
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1

    def plain(self) -> Any:  # noqa: ANN401 - nested dict, list and str
        """Give the bare structure."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, list):
            return [inner.plain() for inner in self.value]
        return {key: inner.plain() for key, inner in self.value.items()}

    def texts(self, path: Path = ()) -> Iterator[tuple[Path, "Node"]]:
        """Walk through every text with the path that leads to it."""
        if isinstance(self.value, str):
            yield path, self
            return
        inner = enumerate(self.value) if isinstance(self.value, list) else self.value.items()
        for step, node in inner:
            yield from node.texts((*path, step))


class UnreadableYamlError(ValueError):
    """The text cannot be understood as one YAML document; it holds the problem."""

    def __init__(self, problem: Problem) -> None:
        """Take the one problem that ended the reading."""
        super().__init__(problem.text)
        self.problem = problem


def read_yaml(content: bytes) -> tuple[Node, list[Problem]]:
    """Read one document, with the mistakes that did not end the reading (repeated keys, tags).

    Raises UnreadableYamlError for anything that did.
    """
    if len(content) > LARGEST_FILE:
        raise _unreadable(Position(1, 1), f"the file is larger than {LARGEST_FILE // 1024} KiB; this is hardly an engagement file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(
            _position(content[: error.start].decode("utf-8", "replace")), "this is not UTF-8; save the file as UTF-8"
        ) from None
    try:
        return _Reader(text).document()
    except yaml.reader.ReaderError as error:
        raise _unreadable(_position(text[: error.position]), _in_plain_words(str(error))) from None
    except yaml.MarkedYAMLError as error:
        unclosed = "unexpected end of stream" in (error.problem or "")
        mark = (error.context_mark if unclosed else None) or error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
        raise _unreadable(position, _in_plain_words(f"{error.context} {error.problem}")) from None
    except (ValueError, OverflowError) as error:  # PyYAML turns \U00110000 and the like into characters unchecked
        if isinstance(error, UnreadableYamlError):
            raise
        raise _unreadable(Position(1, 1), "an escape such as \\U… in a quoted text names no character; correct it") from None


class _Reader:
    """Builds nodes from PyYAML's events, which carry the positions."""

    def __init__(self, text: str) -> None:
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.BaseLoader))
        self.anchors: dict[str, Node] = {}
        self.problems: list[Problem] = []

    def document(self) -> tuple[Node, list[Problem]]:
        next(self.events)  # the stream begins
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            raise _unreadable(Position(1, 1), "the file is empty; start from docs/example-engagement.yaml")
        root = self.node(next(self.events), ())
        next(self.events)  # the document ends
        further = next(self.events)
        if not isinstance(further, yaml.StreamEndEvent):
            raise _unreadable(_start(further), "a second document begins here; write one engagement a file and no further `---`")
        return root, self.problems

    def node(self, event: Any, path: Path) -> Node:  # noqa: ANN401 - PyYAML's events share no useful type
        position = _start(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise _unreadable(position, _in_plain_words("undefined alias"))
            return self.anchors[event.anchor]
        if len(path) > DEEPEST:
            raise _unreadable(position, f"this is nested more than {DEEPEST} levels deep; check brackets and indentation")
        if event.tag is not None:
            self.problems.append(Problem(position, path, "a tag (!…) stands here; remove it, or put text that starts with ! in quotes"))
        if isinstance(event, yaml.ScalarEvent):
            node = Node(position, event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(position, path)
        else:
            node = self.mapping(position, path)
        if node.size > MOST_VALUES:
            raise _unreadable(position, f"there are more than {MOST_VALUES} values here once aliases are written out; use fewer aliases")
        if event.anchor is not None:  # known only once it is complete, so that nothing can contain itself
            self.anchors[event.anchor] = node
        return node

    def sequence(self, position: Position, path: Path) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return Node(position, items, size=1 + sum(item.size for item in items))

    def mapping(self, position: Position, path: Path) -> Node:
        items: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, path)
            if not isinstance(key.value, str):
                raise _unreadable(key.position, "a field's name must be one word; put a text with [ or { in quotes")
            name, place = key.value, _start(event)
            value = self.node(next(self.events), (*path, name))
            if name in items:
                again = f"this field is written twice; it stands in line {keys[name].line} already, keep one of them"
                self.problems.append(Problem(place, path, again))
                continue
            items[name], keys[name] = value, place
        return Node(position, items, keys, size=1 + sum(item.size for item in items.values()))


def _start(event: Any) -> Position:  # noqa: ANN401 - see above
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _position(before: str) -> Position:
    return Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _unreadable(position: Position, text: str) -> UnreadableYamlError:
    return UnreadableYamlError(Problem(position, (), text))


def _in_plain_words(technical: str) -> str:
    """Say what PyYAML found, without the names and characters that it quotes."""
    fallback = "this is not YAML; check indentation, colons and quotes here and in the line above"
    return next((words for part, words in PLAIN_WORDS.items() if part in technical), fallback)
