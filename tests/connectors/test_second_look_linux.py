"""An exit upon a whole Linux host: what we see no more the client sees and signs; a session of ours ends at the cutoff."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.client_check.second_look import assurances
from core.errors import ShutOutError
from core.model import Action, EntryKind, GrantState
from core.planning import draw_plan
from core.steps.ask_client import ask_the_client_to_look
from core.steps.close import close, closed_sentence
from core.steps.reinstate import reinstate
from core.steps.revoke import FIRST, SECOND
from core.steps.sessions import Sessions, try_sessions
from tests.servers.aws_desk import opened_desk
from tests.servers.linux_desk import LinuxDesk
from tests.servers.linux_world import AgentWorld

UNSEEN = {"db1:sudoers /etc/sudoers.d/tech", "db1:agent our-agent.service"}
SESSION = "db1: session opened before the cutoff"


@pytest.fixture
def desk(agent_host: AgentWorld, tmp_path: Path) -> Iterator[LinuxDesk]:
    agent_host.reset()
    with opened_desk(agent_host, tmp_path, LinuxDesk) as found:
        assert isinstance(found, LinuxDesk)
        yield found


def test_what_the_client_sees_gone_closes_the_exit_and_our_session_ended_at_the_cutoff(desk: LinuxDesk) -> None:
    with Sessions() as sessions:
        desk.cut(sessions)
        (own,) = [grant for grant in desk.plan.grants if grant.own]
        receipt = desk.exit.last(EntryKind.RECEIPT, action=Action.REVOKE, subject=own.subject)
        assert receipt
        assert receipt.data["facts"]["sessions_ended"] is True
        assert not any(desk.world.ways_in("connector"))
        assert try_sessions(desk.exit, desk.plan, sessions, check=FIRST) == ()
        desk.later()
        words = desk.held(sessions)
        assert all(f"{subject} is unknown" in words for subject in UNSEEN)
        assert "have the client look itself" in words
        assert ask_the_client_to_look(desk.exit, desk.plan) == ("db1",)
        assert len(desk.mail.messages()) == 1
        found = desk.look()
        assert {grant.subject for grant in found.asked.grants} == {grant.subject for grant in desk.plan.grants}
        assert found.still_there == found.could_not_see == found.beyond == ()
        desk.take_in(desk.text(found))
        close(desk.exit, desk.plan, sessions)
    tried = desk.exit.ledger.entries(kind=EntryKind.VERDICT, subject=SESSION)
    assert [(entry.data["check"], entry.data["state"]) for entry in tried] == [(FIRST, "revoked"), (SECOND, "revoked")]
    assert assurances(desk.exit, desk.plan)["attested"] >= len(UNSEEN)
    assert "attested by the client's own look" in closed_sentence(desk.exit, desk.plan)
    record = str(desk.exit.ledger.entries())
    assert not any(secret in record for secret in desk.world.secrets)


def test_what_the_client_finds_put_back_or_cannot_see_keeps_the_exit_open(desk: LinuxDesk) -> None:
    desk.cut()
    desk.later()
    desk.world.server.run("systemctl", "start", desk.world.unit)
    desk.world.server.write("/etc/sudoers.d/more", b"tech ALL=(ALL) ALL\n", mode=0o440)
    found = desk.look()
    assert [grant.id for grant in found.still_there] == ["agent our-agent.service"]
    assert [grant.id for grant in found.beyond] == ["sudoers /etc/sudoers.d/more"]
    desk.take_in(desk.text(found))
    words = desk.held()
    assert "db1:agent our-agent.service is active" in words
    assert "sudoers /etc/sudoers.d/more of technician was found beyond the signed plan and is active" in words
    desk.world.server.run("systemctl", "stop", desk.world.unit)
    desk.world.server.run("rm", "/etc/sudoers.d/more")
    desk.later()
    desk.world.server.run("mv", "/run/systemd", "/run/systemd.away")
    try:
        unclear = desk.look()
    finally:
        desk.world.server.run("mv", "/run/systemd.away", "/run/systemd")
    assert [grant.id for grant, _why in unclear.could_not_see] == ["agent our-agent.service"]
    desk.take_in(desk.text(unclear))
    assert "agent our-agent.service is" in desk.held()
    desk.later()
    desk.take_in(desk.text(desk.look()))
    close(desk.exit, desk.plan, Sessions())


def test_what_only_a_look_inside_shows_is_given_back_once_our_own_account_is(desk: LinuxDesk) -> None:
    desk.cut()
    taken = {entry.subject: entry.data["undo"] for entry in desk.exit.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)}
    grants = [grant.model_copy(update={"undo": taken[grant.subject]}) for grant in desk.plan.grants]
    own, rule = (next(one for one in grants if one.id == name) for name in ("account northlight", "sudoers /etc/sudoers.d/tech"))
    for _ in range(2):
        for grant, told in ((own, "usermod -U -e '' northlight"), (rule, "rename /etc/sudoers.d/tech.good-leaver")):
            with pytest.raises(ShutOutError) as caught:
                reinstate(desk.exit, grant)
            assert told in str(caught.value)
    line = desk.world.people.lines["connector"]
    desk.world.server.keys("/home/northlight/.ssh/authorized_keys", (line,), owner="northlight")
    desk.world.server.run("usermod", "-e", "", "northlight")
    desk.world.server.run("mv", "/etc/sudoers.d/northlight.good-leaver", "/etc/sudoers.d/northlight")
    for grant in (own, rule):
        reinstate(desk.exit, grant)
        assert desk.world.target.verify(grant, log_in=False).state == GrantState.ACTIVE


def test_the_plan_before_and_the_clients_look_speak_of_the_same_grants(desk: LinuxDesk) -> None:
    """So that what the client finds of the plan is never taken for something beyond it, but for what goes with our own account."""
    found = desk.look()
    assert {grant.subject for grant in found.still_there} == {grant.subject for grant in draw_plan(desk.exit).grants}
    assert {grant.id.split()[-1] for grant in found.beyond} == {"/home/northlight/.ssh/authorized_keys", "/etc/sudoers.d/northlight"}
    assert desk.world.target.verify(desk.plan.grants[0], log_in=False).state == GrantState.ACTIVE
