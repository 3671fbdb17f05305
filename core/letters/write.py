"""Letters as plain text mail, from templates beside this file."""

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from core.dates import local
from core.model import Engagement, ReasonCode
from core.signatures.purposes import Purpose, namespace

NO_RECOMMENDATION = frozenset({ReasonCode.UNETHICAL, ReasonCode.CRIME})
"""Whom we left for one of these reasons we do not pass on to a colleague."""

SUCCESSOR_NOTICE = timedelta(days=7)
"""How long before the cutoff the next provider should have been in touch."""


class Letter(StrEnum):
    """The letters there are. Facts that all need: `engagement`, `plan` (the ExitPlan), `contact` (whom to ask, one line).

    The first letter to each party also names the attached `keys_file`.
    """

    CONFIRMATION = "confirmation"
    """To the client, after the conversation. `spoken_at`: its instant."""
    SUCCESSOR_NOTICE = "successor_notice"
    """To who receives the package. `where` (lines), `package_sha256`, `keys` (the name of each recipient's key)."""
    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a letter
    """To the same, in a message of its own. `package_sha256`, `attachment` (its file name)."""
    LOOK_REQUEST = "look_request"
    """To the client, to look at one system itself. `system`, `attachment` (file name), `looked_for` (number), `counts_from` (instant)."""
    CLOSING = "closing"
    """To the client. `closed_at` (instant), `verified` (number of grants), of these `attested` (by the client) and `waived` at the second
    check, `retained` (lines: what we still hold), `sweeps` (instants at which we look again)."""
    CHECKPOINT = "checkpoint"
    """To the successor, with the last checkpoint. `closed_at` (instant)."""
    ALARM = "alarm"
    """To our own people: ways in of ours work again after the end. `found` (lines)."""


def render(name: str, **facts: object) -> tuple[str, str]:
    """Write a letter; returns its subject (one line) and its body.

    Raises jinja2.UndefinedError if a fact is missing and ValueError if there is no such letter.
    """
    text = _templates().get_template(f"{Letter(name)}.j2").render(facts)
    subject, _, body = text.partition("\n")
    return " ".join(subject.removeprefix("Subject:").split()), body.strip() + "\n"


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["in_zone"] = _in_zone
    environment.filters["one_line"] = lambda text: " ".join(str(text).split())
    environment.globals["providers_to_recommend"] = _providers
    environment.globals["second_check_after"] = lambda plan: timedelta(seconds=plan.second_check_after_seconds)
    environment.globals["checkpoint_namespace"] = lambda engagement: namespace(Purpose.CHECKPOINT, engagement.provider.domain)
    environment.globals["successor_notice"] = SUCCESSOR_NOTICE
    return environment


def _in_zone(instant: datetime, engagement: Engagement) -> str:
    """Say an instant in the zone in which the contract names the cutoff."""
    return local(instant, engagement.cutoff.zone)


def _providers(engagement: Engagement) -> tuple[str, ...]:
    return () if engagement.decision.reason in NO_RECOMMENDATION else engagement.transition.recommended_providers
