"""How mistakes between fields are found: reading a file of any shape, and saying where something is wrong."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from core.errors import ConfigurationError

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """One mistake: the field it belongs to, and what is wrong and what to do."""

    path: Path
    text: str


def twice(path: Path, field: str, among: list[Any], text: str) -> Iterator[Finding]:
    """Find each item of a section that says in this field what an earlier one said."""
    seen: set[str] = set()
    for place, item in enumerate(among):
        if not isinstance(value := get(item, field), str):
            continue
        if value in seen:
            yield Finding((*path, place, field), text)
        seen.add(value)


def refusal(path: Path, check: Callable[[], object]) -> Iterator[Finding]:
    """Turn what a check raises into a finding."""
    try:
        check()
    except ConfigurationError as error:
        yield Finding(path, "; ".join(error.problems))
    except ValueError as error:
        yield Finding(path, str(error))


def get(thing: Any, *names: str) -> Any:  # noqa: ANN401 - what YAML said, of any shape
    """Read a field of a mapping or of a noun; None if there is none."""
    for name in names:
        thing = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    return thing


def items(raw: Mapping[str, Any], section: str) -> list[Any]:
    """Read a section that is a list; empty if it is none."""
    found = get(raw, section)
    return list(found) if isinstance(found, list | tuple) else []


def texts(item: Any, path: Path) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 - see get
    """Give each text of a list inside an item, with its place."""
    for place, text in enumerate(items(item, str(path[-1]))):
        if isinstance(text, str):
            yield (*path, place), text
