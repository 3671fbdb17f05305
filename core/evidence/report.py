"""The report: one HTML page that loads nothing and runs nothing, for people who read instead of verify."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core.evidence.summary import Summary

HERE = Path(__file__).parent


def render_report(summary: Summary) -> str:
    """Render a summary as a self-contained page. Everything from the ledger is escaped; only our own style sheet is allowed."""
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    style = (HERE / "report.css").read_text(encoding="utf-8")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    facts = {"style": Markup(style), "style_sha256": allowed, "one": summary}  # noqa: S704 - our own file, nothing from outside
    return environment.get_template("report.html.j2").render(facts)
