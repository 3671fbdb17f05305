"""The file that says where Prefect listens and what its login is: whole at every instant, for its owner alone."""

import stat
from pathlib import Path

import pytest

from cli.connection import Connection
from cli.services import Services
from core.errors import RefusedError, UnavailableError


def test_it_is_saved_whole_for_its_owner_alone_and_keeps_the_login(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    first = Connection.choose(path)
    assert Connection.load(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held, before = path.open("rb"), path.read_bytes()
    with held:  # who reads the old file meanwhile reads all of it
        second = Connection.choose(path)
        assert held.read() == before
    assert second.login == first.login
    assert [one.name for one in tmp_path.iterdir()] == ["connection.json"]


@pytest.mark.parametrize(
    "text", [b"", b'{"port": 4200, "log', b"[]", b'{"port": "4200", "login": "a:b"}', b'{"port": 0, "login": "a:b"}',
             b'{"port": 4200, "login": "secret"}', b'{"port": 4200}', b"\xff\xfe"]
)  # fmt: skip
def test_a_damaged_file_is_named_and_its_content_is_not_said(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "connection.json").write_bytes(text)
    services = Services(tmp_path)
    for use in (lambda: services.url, lambda: services.login, services.start_server):
        with pytest.raises(RefusedError, match=r"connection\.json is damaged") as said:
            use()
        assert "secret" not in str(said.value)
        assert "delete that file" in said.value.todo
    assert (tmp_path / "connection.json").read_bytes() == text


def test_before_the_first_start(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no Prefect server has been started here"):
        _ = Services(tmp_path / "home").url
