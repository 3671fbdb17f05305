"""A folder to work in, keys made by age-keygen and ssh-keygen, and an archive in memory."""

import subprocess
from pathlib import Path

import pytest

from .age_files import Pair
from .archive_workshop import Workshop, age_key
from .forgery import Original, original


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("keys") / "key.txt"
    return path, age_key(path)


@pytest.fixture
def workshop(tmp_path: Path, key: tuple[Path, str]) -> Workshop:
    (tmp_path / "source").mkdir()
    return Workshop(tmp_path, *key)


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("pairs")
    made = {"x25519": Pair(age_key(folder / "x25519"), folder / "x25519")}
    for kind in ("ed25519", "rsa"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(folder / kind)], check=True)
        made[f"ssh-{kind}"] = Pair((folder / f"{kind}.pub").read_text().strip(), folder / kind)
    return made


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return original(tmp_path_factory.mktemp("original"))
