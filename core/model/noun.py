"""What every noun has in common."""

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """Frozen, keyword-only, refuses unknown fields, and never prints a rejected value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
