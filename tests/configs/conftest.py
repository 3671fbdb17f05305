from collections.abc import Callable
from pathlib import Path

import pytest

from configs.engagement_file import load
from core.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[2] / "docs" / "example-engagement.yaml"


@pytest.fixture(scope="session")
def changed() -> Callable[..., str]:
    """Give the example's text with some of it replaced."""

    def change(*changes: tuple[str, str]) -> str:
        text = EXAMPLE.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text, f"the example does not hold {old!r}"
            text = text.replace(old, new, 1)
        return text

    return change


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], str]:
    """Load a text as an engagement file and give what is wrong with it, without the folder's name."""

    def find(text: str) -> str:
        path = tmp_path / "acme.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigurationError) as refused:
            load(path)
        assert str(refused.value) == "\n".join(refused.value.problems)
        assert refused.value.todo
        return str(refused.value).replace(f"{path}:", "acme.yaml:")

    return find
