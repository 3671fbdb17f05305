"""The client's own look at key files of a host: by its own key, over a session that cannot write, also where we can see nothing more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from paramiko import sftp as packets

from configs.client_check import ToLookAt, read_request
from connectors.ssh_host.guard import Guard, GuardedTransport
from core.client_check.looking import Look, look
from core.client_check.request import request_text
from core.errors import RefusedError
from core.exit import Exit
from core.model import GrantState
from core.planning import draw_plan, saved_plan
from core.steps.discover import find_grants
from core.steps.revoke import look_back, revoke
from tests.servers.aws_exit import engagement, opened_exit
from tests.servers.ssh_world import SshWorld

READING = {packets.CMD_INIT, packets.CMD_LSTAT, packets.CMD_OPEN, packets.CMD_READ, packets.CMD_CLOSE}


@pytest.fixture
def exit_(host: SshWorld, tmp_path: Path) -> Iterator[Exit]:
    made: Any = engagement(host, tmp_path)  # type: ignore[arg-type] # holders and target are what it takes
    with opened_exit(made, tmp_path, host.target) as found:
        yield found


def ready(exit_: Exit, host: SshWorld, folder: Path, key: str = "client") -> ToLookAt:
    """Fill in a request as the client does, by its own key and user."""
    request = yaml.safe_load(request_text(exit_, saved_plan(exit_) or draw_plan(exit_), ("db1",)))
    way_in = request["systems"][0]["way-in"]
    assert way_in.keys() == {"host", "port", "user", "private_key"}
    assert str(host.folder / "connector") not in str(request)
    way_in |= {"user": host.server.user, "private_key": f"file:{host.folder / key}"}
    path = folder / "request.yaml"
    path.write_text(yaml.safe_dump(request), encoding="utf-8")
    return read_request(path)[1][0]


def looked(one: ToLookAt, exit_: Exit) -> Look:
    return look(one.asked, one.view, exit_.now())


def test_the_client_sees_gone_what_nobody_can_see_from_outside(exit_: Exit, host: SshWorld, tmp_path: Path) -> None:
    one = ready(exit_, host, tmp_path)
    there = looked(one, exit_)
    assert {grant.holder for grant in there.still_there} == {"connector", "technician", "operator"}
    assert there.beyond == there.could_not_see == ()
    plan = draw_plan(exit_)
    present = find_grants(exit_, plan).present
    for grant in plan.grants:
        revoke(exit_, [grant], present)
        assert grant.own or look_back(exit_, plan, grant) == ""
    conditional = next(grant for grant in plan.grants if "from=" in grant.privilege)
    assert host.target.verify(conditional, log_in=False).state == GrantState.UNKNOWN
    gone = looked(ready(exit_, host, tmp_path), exit_)
    assert gone.still_there == gone.could_not_see == gone.beyond == ()


def test_a_line_that_came_back_is_seen_and_one_beyond_the_plan_as_well(exit_: Exit, host: SshWorld, tmp_path: Path) -> None:
    host.write(f"{host.keys['client']}\n{host.keys['connector']}\n".encode())
    one = ready(exit_, host, tmp_path)
    host.write(f"{host.keys['client']}\n{host.keys['operator']} back\n{host.keys['connector']}\n{host.keys['neighbour']}\n".encode())
    found = looked(one, exit_)
    assert [grant.holder for grant in found.still_there] == ["connector"]
    assert [grant.holder for grant in found.beyond] == ["operator"]


def test_a_file_that_is_gone_holds_nothing_and_one_that_cannot_be_read_is_no_answer(exit_: Exit, host: SshWorld, tmp_path: Path) -> None:
    beside = host.file.with_name("other_keys")
    beside.write_bytes(f"{host.keys['technician']}\n".encode())
    target = host.access(
        authorized_keys=({"path": str(host.file), "account": host.server.user}, {"path": str(beside), "account": "backup"})
    )
    object.__setattr__(exit_.systems, "access_targets", (target,))
    one = ready(exit_, host, tmp_path)
    beside.unlink()
    gone = looked(one, exit_)
    assert not any(str(beside) in grant.id for grant in gone.still_there)
    assert gone.could_not_see == ()
    beside.symlink_to(host.file)
    unclear = looked(one, exit_)
    assert [str(beside) in grant.id for grant, _why in unclear.could_not_see] == [True]
    assert any("symbolic link" in words for words in unclear.not_looked_at)
    beside.unlink()


def test_nothing_but_reading_leaves_and_the_file_stays(
    exit_: Exit, host: SshWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ready(exit_, host, tmp_path)
    before, kinds, flags, commands = host.state(), set[int](), set[bytes](), list[frozenset[bytes]]()
    check, send = Guard.check, GuardedTransport._send_message  # noqa: SLF001 - watched, not replaced

    def watched(self: Guard, kind: int, body: bytes) -> None:
        kinds.add(kind)
        if kind == packets.CMD_OPEN:
            flags.add(body[-8:-4])
        check(self, kind, body)

    def sent(self: GuardedTransport, data: Any) -> None:  # noqa: ANN401 - paramiko's
        commands.append(self.commands)
        send(self, data)

    monkeypatch.setattr(Guard, "check", watched)
    monkeypatch.setattr(GuardedTransport, "_send_message", sent)
    looked(one, exit_)
    assert kinds
    assert kinds <= READING
    assert flags == {packets.SFTP_FLAG_READ.to_bytes(4, "big")}
    assert set(commands) == {frozenset()}
    assert host.state() == before
    assert not hasattr(one.view, "revoke")


def test_a_key_that_opens_nothing_gives_no_text(exit_: Exit, host: SshWorld, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="does not let us in"):
        looked(ready(exit_, host, tmp_path, key="stranger"), exit_)
