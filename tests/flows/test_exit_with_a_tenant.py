"""The exit of a client that has a tenant at Microsoft besides its file server: signed for twice, cut, looked at by the client, closed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml

from core.drafts import Draft, Kind, draft
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, Person
from core.planning import require_saved_plan
from core.signatures import forms
from core.signatures.statements import Statement
from core.steps.foreign_log import log_of
from demo.acme import SLUG
from tests.flows.exit_world import ALICE, BOB, ExitWorld
from tests.servers.acme_world import Acme as Tenant
from tests.servers.acme_world import as_it_was
from tests.servers.entra_desk import at_home, way_in

HOLDERS = {"northwind": "Northwind automation", "pipeline": "Northwind automation", "tariq": "Tariq, technician"}


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    made = Tenant(tmp_path_factory.mktemp("tenant"))
    with made.server, as_it_was(made):
        made.server.control("controls", continuous_evaluation=True)  # no test waits until a token runs out
        yield made


def with_tenant(tenant: Tenant, written: dict[str, Any]) -> None:
    """Write the tenant into the engagement file; its holders are those of the file server."""
    said = json.dumps({"kind": "entra_tenant", **tenant.settings()})
    for short, name in HOLDERS.items():
        said = said.replace(f'"holder": "{short}"', f'"holder": "{name}"').replace(
            f'"default_holder": "{short}"', f'"default_holder": "{name}"'
        )
    written["access_targets"].append(json.loads(said))


def approve_what_is_irreversible(world: ExitWorld) -> None:
    def say(plan: ExitPlan, person: Person, exit_: Exit) -> Statement:
        scope = forms.IRREVERSIBLE
        return forms.approval_statement(plan.digest, person, exit_.engagement, exit_.now(), timedelta(days=45), scope=scope)

    for one in (ALICE, BOB):
        world.sign(one, say)


def assert_it_is_named_to_whoever_signs(world: ExitWorld) -> None:
    with world.opened() as exit_:
        for_good = [one for one in require_saved_plan(exit_).grants if one.irreversible]
        wanted = Draft(person="bob@northwind.example", kind=Kind.APPROVAL, irreversible=True)
        words = draft(exit_, wanted).words.splitlines()
        assert words[-len(for_good) :] == [f"Nothing puts this back: {one.holder}: {one.privilege} ({one.subject})." for one in for_good]
        assert any("Global Administrator" in line for line in words)  # by its name, not by its id
        assert "puts this back" not in draft(exit_, wanted.model_copy(update={"irreversible": False})).words


def test_a_tenant_and_a_file_server_are_given_up_and_the_client_looks_last(world: ExitWorld, tenant: Tenant) -> None:
    before = tenant.state()
    world.plan_for_a_past_cutoff(change=lambda written: with_tenant(tenant, written))
    world.sign_everything()
    state = world.walk()
    assert "irreversible" in str(state.message), state.message
    assert_it_is_named_to_whoever_signs(world)
    approve_what_is_irreversible(world)
    world.waive_the_receipt()
    rehearsed = world.offboard("rehearse", SLUG)
    assert rehearsed.returncode == 1
    assert "I11" in rehearsed.stdout
    held = world.cut()
    assert held.name == "Held", held.message
    assert "I11 licences moved on entra" in str(held.message)
    assert tenant.state() == before
    assert world.entries(EntryKind.INTENT, Action.REVOKE) == ()
    tenant.remove_keys()
    tenant.finish_transfers()
    held = world.cut()
    assert held.name == "Held", held.message
    assert "offboard client-check look" in str(held.message)
    assert world.authorized_keys.read_bytes() == world.last_key_lines
    assert not tenant.object("servicePrincipals", tenant.acme.offboarding["id"])["accountEnabled"]
    plan = world.plan()
    intents = [entry.subject for entry in world.entries(EntryKind.INTENT, Action.REVOKE)]
    assert sorted(intents) == sorted(grant.subject for grant in plan.grants)
    stages = {grant.subject: grant.stage for grant in plan.grants}
    assert [stages[one] for one in intents] == sorted(stages.values())
    (kept,) = (entry for entry in world.entries(EntryKind.RECEIPT) if entry.subject == log_of("entra"))
    assert kept.data["facts"]["entries"] > 0
    the_client_looks(world, tenant)
    closed = world.cut()
    assert closed.name == "Closed", closed.message
    observed = len(at_home(plan.grants)) + 2 + 2  # our application, the one whose credential is named, and two lines of keys
    said = f"{len(plan.grants)} grants of ours are gone"
    for words in (said, f"{observed} observed, {len(plan.grants) - observed} attested by the client's own look", "entra revoked"):
        assert words in str(closed.message)
    proof = world.review()
    assert proof.is_completed(), proof.message
    for command in (["./verify.sh"], [sys.executable, "verify.py", "."]):
        done = subprocess.run(command, cwd=world.folder / "evidence", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "that nothing puts back with an approval of their own" in done.stdout
    assert (world.folder / "evidence" / "data" / "documents" / kept.data["facts"]["document"]).is_file()


def the_client_looks(world: ExitWorld, tenant: Tenant) -> None:
    (mail,) = (one for one in world.acme.mail.messages() if "look for yourself" in str(one["Subject"]))
    (attached,) = mail.iter_attachments()
    content = attached.get_content()
    question = yaml.safe_load(content)
    (system,) = question["systems"]
    system["way-in"] |= way_in(tenant)
    request = world.folder / str(attached.get_filename())
    request.write_text(yaml.safe_dump(question), encoding="utf-8")
    looked = world.offboard("client-check", "look", str(request), "--out", str(world.folder / "looks"))
    assert looked.returncode == 1, looked.stdout + looked.stderr  # what only our own tenant shows is told as not seen
    assert "STILL THERE" not in looked.stdout
    (text,) = (world.folder / "looks").glob("*.txt")
    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", "offboard-look@northwind.example"]
    subprocess.run([*sign, "-f", str(world.acme.keys / "client-director"), str(text)], check=True, capture_output=True)
    taken = world.offboard("sign", "take-in", SLUG, str(text))
    assert taken.returncode == 0, taken.stderr
