"""Where things are: taken from the environment, with defaults inside the checkout."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

from core.errors import ConfigurationError

LONGEST_LEASE = 3600
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Folders (absolute) and the ledger's database. The database's URL may hold a password, so it is not printed."""

    engagements: Path
    state: Path
    ledger: str = field(repr=False)
    lease: timedelta = timedelta(seconds=30)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read OFFBOARD_ENGAGEMENTS, OFFBOARD_STATE and OFFBOARD_LEDGER (a SQLAlchemy URL); empty counts as not set.

        OFFBOARD_LEASE_SECONDS (1 to 3600, 30 if not set; the same for all workers) says how long a pass that was killed keeps others out
        of its engagement. The state folder is made, for its owner alone, if it is not there. Raises ConfigurationError if it cannot be.
        """
        engagements = Path(environment.get("OFFBOARD_ENGAGEMENTS") or CHECKOUT / "configs" / "engagements").absolute()
        state = Path(environment.get("OFFBOARD_STATE") or CHECKOUT / "state").absolute()
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"OFFBOARD_STATE: the folder {state} cannot be made ({error.strerror}); name one that this account may write to"
            raise ConfigurationError([problem], todo="set the variable and start again") from error
        ledger = environment.get("OFFBOARD_LEDGER") or f"sqlite:///{state / 'ledger.sqlite'}"
        return cls(engagements=engagements, state=state, ledger=ledger, lease=_lease(environment.get("OFFBOARD_LEASE_SECONDS") or "30"))


def _lease(text: str) -> timedelta:
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= LONGEST_LEASE:
        raise ConfigurationError(["OFFBOARD_LEASE_SECONDS: write whole seconds, from 1 to 3600"], todo="set the variable and start again")
    return timedelta(seconds=int(text))
