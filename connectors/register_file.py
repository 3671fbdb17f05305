"""A register of obligations: a YAML file that people keep."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Literal

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from core.errors import RefusedError
from core.model import Noun, Obligation, ObligationSide

REQUIRED = ("id", "owed_by", "what")
DATES = ("due", "settled")
KEYS = (*REQUIRED, *DATES, "evidence")
SIDES = " or ".join(ObligationSide)


class RegisterFile(Noun):
    """A list of obligations, each `id, owed_by: ours|clients, what` and, where known, `due, settled, evidence`.

    One is open unless it has both the date on which it was settled and the evidence for that. No scalar is interpreted:
    `no` is the word no.
    """

    kind: Literal["register_file"]
    name: str
    path: Path

    def outstanding(self) -> tuple[Obligation, ...]:
        """List what is open, sorted by id.

        Raises RefusedError with every mistake at once, each as `file:line:column: field: what is wrong, what to do`.
        """
        mistakes: list[str] = []
        rows = list(self._rows(mistakes))
        seen: dict[str, int] = {}
        for node, row in rows:
            line = node.start_mark.line + 1
            if row.get("id") and seen.setdefault(row["id"], line) != line:
                mistakes.append(self._at(node, "id", f"{row['id']} stands on line {seen[row['id']]} already: give each its own"))
        if mistakes:
            raise RefusedError(
                "\n".join(mistakes), untouched="everything; no obligation was taken as settled", todo="correct the lines named"
            )
        return tuple(
            sorted((self._obligation(row) for _, row in rows if not (row.get("settled") and row.get("evidence"))), key=lambda one: one.id)
        )

    def _obligation(self, row: dict[str, str]) -> Obligation:
        due = row.get("due")
        return Obligation(
            source=self.name,
            id=row["id"],
            owed_by=ObligationSide(row["owed_by"]),
            what=row["what"],
            due=date.fromisoformat(due) if due else None,
        )

    def _rows(self, mistakes: list[str]) -> Iterator[tuple[Node, dict[str, str]]]:
        root = self._parse()
        if not isinstance(root, SequenceNode):
            mistakes.append(self._at(root, "register", "is no list: start each obligation with a dash, or write [] if nothing is owed"))
            return
        for node in root.value:
            if isinstance(node, MappingNode):
                yield node, self._row(node, mistakes)
            else:
                mistakes.append(self._at(node, "obligation", f"is no mapping: write {', '.join(REQUIRED)} below the dash"))

    def _row(self, node: MappingNode, mistakes: list[str]) -> dict[str, str]:
        row: dict[str, str] = {}
        for key, value in node.value:
            field = key.value if isinstance(key, ScalarNode) else "key"
            wrong = self._wrong(field, value, row)
            if wrong:
                mistakes.append(self._at(key if field not in KEYS or field in row else value, field, wrong))
            row[field] = value.value.strip() if isinstance(value, ScalarNode) else ""
        mistakes += [self._at(node, field, "is missing: add it") for field in REQUIRED if field not in row]
        return row

    def _wrong(self, field: str, value: Node, row: dict[str, str]) -> str:  # noqa: PLR0911 - one return for each kind of mistake
        if field not in KEYS:
            return f"is not known here: use {', '.join(KEYS)}"
        if field in row:
            return "stands twice: keep one"
        if not isinstance(value, ScalarNode):
            return "is no plain text: write one value"
        text = value.value.strip()
        if field in REQUIRED and not text:
            return "is empty: fill it in"
        if field == "owed_by" and text not in set(ObligationSide):
            return f"is none of the two sides: write {SIDES}"
        if field in DATES and text and not _is_date(text):
            return "is no date: write it as 2026-12-31"
        return ""

    def _parse(self) -> Node:
        try:
            text = self.path.read_text(encoding="utf-8")
            node = yaml.compose(text, Loader=yaml.BaseLoader)
        except OSError as error:
            raise self._unreadable(f"{self.path}: the register cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise self._unreadable(f"{self.path}: byte {error.start}: is no UTF-8: save the file as UTF-8") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{self.path}:{mark.line + 1}:{mark.column + 1}" if mark else str(self.path)
            raise self._unreadable(f"{where}: register: is no YAML ({error.problem}): correct the line") from error
        except yaml.YAMLError as error:
            raise self._unreadable(f"{self.path}:1:1: register: is no YAML (a character that cannot be written): remove it") from error
        if node is None:
            raise self._unreadable(f"{self.path}:1:1: register: is empty: write [] if nothing is owed")
        return node

    def _unreadable(self, what: str) -> RefusedError:
        return RefusedError(what, untouched="everything; no obligation was taken as settled", todo="make the register readable again")

    def _at(self, node: Node, field: str, what: str) -> str:
        return f"{self.path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}: {field}: {what}"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
