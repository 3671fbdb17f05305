"""How long a pass that was killed keeps others out."""

from datetime import timedelta
from pathlib import Path

import pytest

from configs.settings import Settings
from core.errors import ConfigurationError


@pytest.mark.parametrize(("written", "seconds"), [("", 30), ("1", 1), ("45", 45), ("3600", 3600)])
def test_seconds_that_are_taken(tmp_path: Path, written: str, seconds: int) -> None:
    environment = {"OFFBOARD_STATE": str(tmp_path), "OFFBOARD_LEASE_SECONDS": written}
    assert Settings.from_environment(environment).lease == timedelta(seconds=seconds)


@pytest.mark.parametrize("written", ["0", "3601", "-5", "1.5", "a minute", "٣٠", " 30"])
def test_seconds_that_are_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigurationError, match="OFFBOARD_LEASE_SECONDS: write whole seconds, from 1 to 3600"):
        Settings.from_environment({"OFFBOARD_STATE": str(tmp_path), "OFFBOARD_LEASE_SECONDS": written})
