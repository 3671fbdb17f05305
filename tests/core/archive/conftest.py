"""A folder to work in and a key made by age-keygen."""

from pathlib import Path

import pytest

from .archive_workshop import Workshop, age_key


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("keys") / "key.txt"
    return path, age_key(path)


@pytest.fixture
def workshop(tmp_path: Path, key: tuple[Path, str]) -> Workshop:
    (tmp_path / "source").mkdir()
    return Workshop(tmp_path, *key)
