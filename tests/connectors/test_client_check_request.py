"""`offboard client-check request` where the program can look for the client on some systems, on one, or on none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from cli import client_check
from core.errors import ConfigurationError, RefusedError
from core.planning import draw_plan
from core.ports import AccessTarget, LooksForTheClient
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.ssh_world import SshWorld

Ask = Callable[..., Result]


class WithoutALook:
    """A system whose connector does what every connector has to, and nothing more."""

    def __init__(self, target: AccessTarget) -> None:
        self.name, self.discover, self.not_looked_at = target.name, target.discover, target.not_looked_at
        self.revoke, self.verify, self.reinstate, self.client_control = (
            target.revoke,
            target.verify,
            target.reinstate,
            target.client_control,
        )


@pytest.fixture
def ask(host: SshWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Have a plan on these systems, the first of which the program can look at unless `none` is asked for."""
    made: Any = engagement(host, tmp_path)  # type: ignore[arg-type] # holders and target are what it takes
    able, unable = host.access(), WithoutALook(host.access(name="panel"))
    assert isinstance(able, LooksForTheClient)
    assert not isinstance(unable, LooksForTheClient)
    targets = {"both": (able, unable), "all": (able,), "none": (unable,)}[request.param]
    with opened_exit(made, tmp_path, *targets) as exit_:
        draw_plan(exit_)

        @contextmanager
        def open_exit(_slug: str) -> Iterator[Any]:
            yield exit_

        monkeypatch.setattr("configs.open_exit.open_exit", open_exit)
        yield lambda *words: CliRunner().invoke(
            client_check.app, ["request", "harbour-dental", "--out", str(tmp_path / "request.yaml"), *words]
        )


def systems(folder: Path) -> list[str]:
    return [one["where"]["name"] for one in yaml.safe_load((folder / "request.yaml").read_text(encoding="utf-8"))["systems"]]


@pytest.mark.parametrize("ask", ["both"], indirect=True)
def test_what_the_program_cannot_look_at_is_left_out_and_named(ask: Ask, tmp_path: Path) -> None:
    done = ask()
    assert done.exit_code == 0, done.output
    assert systems(tmp_path) == ["db1"]
    assert "Not in it, as nobody can look there with this program: panel. Ask the client to look by hand." in done.output


@pytest.mark.parametrize("ask", ["all"], indirect=True)
def test_nothing_is_said_to_be_left_out_where_nothing_is(ask: Ask, tmp_path: Path) -> None:
    done = ask()
    assert done.exit_code == 0, done.output
    assert systems(tmp_path) == ["db1"]
    assert "Not in it" not in done.output


@pytest.mark.parametrize(("ask", "words"), [("both", ["--system", "panel"]), ("none", [])], indirect=["ask"])
def test_no_request_is_written_where_there_would_be_nothing_in_it(ask: Ask, words: list[str], tmp_path: Path) -> None:
    error = ask(*words).exception
    assert isinstance(error, RefusedError)
    assert "nobody can look at panel with this program" in str(error)
    assert "ask the client to look there by hand; the exit stays open" in str(error)
    assert not (tmp_path / "request.yaml").exists()


@pytest.mark.parametrize("ask", ["both"], indirect=True)
def test_a_system_that_there_is_not_is_no_reason_to_leave_out_others(ask: Ask, tmp_path: Path) -> None:
    error = ask("--system", "db1", "--system", "db2").exception
    assert isinstance(error, ConfigurationError)
    assert "--system db2: there is no such system; there are: db1, panel" in str(error)
    assert not (tmp_path / "request.yaml").exists()


@pytest.mark.parametrize("ask", ["all"], indirect=True)
def test_the_head_says_how_somebody_signs_in_to_a_tenant_without_a_certificate(ask: Ask, tmp_path: Path) -> None:
    assert ask().exit_code == 0
    head = "".join(line for line in (tmp_path / "request.yaml").read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    assert all(words in head for words in ("`device_code: true`", '"Allow public client flows"', "delegated permissions"))
