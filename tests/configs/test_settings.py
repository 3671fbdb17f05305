import os
import stat
from pathlib import Path

import pytest

from configs.settings import CHECKOUT, Settings
from core.errors import ConfigurationError


def test_defaults_lie_in_the_checkout(tmp_path: Path) -> None:
    settings = Settings.from_environment({"OFFBOARD_STATE": str(tmp_path / "state"), "OFFBOARD_ENGAGEMENTS": "", "OFFBOARD_LEDGER": ""})
    assert settings.engagements == CHECKOUT / "configs" / "engagements"
    assert settings.ledger == f"sqlite:///{tmp_path}/state/ledger.sqlite"
    assert (CHECKOUT / "pyproject.toml").is_file()


def test_the_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings.from_environment({"OFFBOARD_STATE": str(tmp_path / "a" / "state")})
    assert stat.S_IMODE(settings.state.stat().st_mode) == 0o700
    assert Settings.from_environment({"OFFBOARD_STATE": str(settings.state)}) == settings


def test_environment_wins_and_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OFFBOARD_ENGAGEMENTS", "files")
    monkeypatch.setenv("OFFBOARD_STATE", "state")
    monkeypatch.setenv("OFFBOARD_LEDGER", "postgresql://offboard:hunter2@db/ledger")
    settings = Settings.from_environment()
    assert settings.engagements == tmp_path / "files"
    assert settings.state == tmp_path / "state"
    assert settings.ledger == os.environ["OFFBOARD_LEDGER"]
    assert "hunter2" not in repr(settings)


def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"OFFBOARD_STATE: the folder .* cannot be made"):
        Settings.from_environment({"OFFBOARD_STATE": str(tmp_path / "file" / "state")})
