"""What is begun first when the tests run side by side, one file to a worker."""

from pathlib import Path

import pytest

LONGEST_FIRST = ("flows/test_killed_at_", "services/", "flows/", "docs/", "cli/")
"""How the paths of tests begin that take minutes; all others take seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in this order: else a worker is left alone with a long one in the end."""
    items.sort(key=_rank)  # a stable sort: those of one file stay together, in their order


def _rank(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((rank for rank, start in enumerate(LONGEST_FIRST) if path.startswith(start)), len(LONGEST_FIRST))
