"""`offboard evidence page` and `tamper-test`, as they are typed."""

import hashlib
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import app
from core.errors import RefusedError
from core.evidence.page.render import render_page, render_viewer
from core.evidence.summary import Summary


def test_the_page_is_written_with_its_sum_and_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    done = CliRunner().invoke(app, ["evidence", "page", str(file)])
    assert done.exit_code == 0, done.output
    assert file.read_text() == render_viewer()
    assert hashlib.sha256(file.read_bytes()).hexdigest() in done.output
    file.write_text("mine")
    for taken in (file, tmp_path / "nowhere" / "page.html"):
        with pytest.raises(RefusedError, match="cannot be written"):
            CliRunner().invoke(app, ["evidence", "page", str(taken)], catch_exceptions=False)
    assert file.read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_a_bundles_page_is_the_same_but_for_its_data() -> None:
    nothing = Summary.model_construct(timeline=())
    data = re.compile(r'(<script type="application/json" id="[a-z]+-data">).*?</script>', re.DOTALL)
    ours, theirs = (data.sub(r"\1", page) for page in (render_viewer(), render_page(nothing, (), ())))
    assert ours == theirs
    assert len(ours) > 50_000
    assert render_viewer() != render_page(nothing, (), ())


def test_where_no_bundle_is_the_attacks_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedError, match=re.escape(f"there is no evidence bundle in {tmp_path}")):
        CliRunner().invoke(app, ["evidence", "tamper-test"], catch_exceptions=False)
