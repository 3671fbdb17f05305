"""Where letters went stands in the record as salted hashes alone, and can be destroyed without sending anything again."""

import json
from pathlib import Path
from typing import Any

from core.checklist import checklist
from core.evidence.verifier import verify_bundle
from core.ledger.tiles import write_tiles
from core.model import Action, EntryKind
from core.planning import require_saved_plan
from demo.acme import SLUG
from demo.mail_server import MailServer
from tests.flows.exit_world import DANA, SAM, ExitWorld

CLIENT, SUCCESSOR = "dana.letters@acme-dental.example", "onboarding.letters@harbour-it.example"


def write_to_others(written: dict[str, Any]) -> None:
    written["client"]["address"], written["successor"]["address"] = CLIENT, SUCCESSOR


def test_no_entry_of_an_exit_holds_an_address(world: ExitWorld, tmp_path: Path) -> None:
    world.get_ready_for_the_cutoff(change=write_to_others)
    closed = world.cut()
    assert closed.name == "Closed", closed.message
    sent = [one.split(":")[0] for one in world.letters()]
    assert {CLIENT, SUCCESSOR} == set(sent)
    with world.opened() as exit_:
        assert any(row.what.endswith(f" to {CLIENT}") for row in checklist(exit_, require_saved_plan(exit_)))
        kept = {one.value: one.commitment for one in exit_.ledger.personal_data()}
        assert kept.keys() == {CLIENT, SUCCESSOR}
        write_tiles(exit_.ledger.lines(), exit_.ledger.checkpoint(), tmp_path / "tiles")
        lines = list(exit_.ledger.lines())
    everything = b"".join(one.read_bytes() for one in (tmp_path / "tiles").rglob("*") if one.is_file())
    for address in (CLIENT, SUCCESSOR):
        assert address.encode() not in everything
    signed = [line for line in lines if json.loads(line)["kind"] == EntryKind.STATEMENT]
    for principal in (DANA, SAM):  # whoever signed is in what was signed, and nowhere else
        assert not any(principal.encode() in line for line in lines if line not in signed)
    receipts = world.entries(EntryKind.RECEIPT, Action.NOTIFY)
    assert {to for one in receipts for to in one.data["facts"]["recipients"]} == set(kept.values())


def test_destroying_an_address_sends_nothing_again(world: ExitWorld) -> None:
    world.get_ready_for_the_cutoff(change=write_to_others)
    before = world.letters()
    for address in (CLIENT, SUCCESSOR):
        done = world.offboard("ledger", "forget", SLUG, address, "--reason", "asked for", "--yes")
        assert (done.returncode, done.stderr) == (0, "")
    assert world.walk().name == "Waiting for cutoff"
    assert world.letters() == before
    with world.opened() as exit_:
        assert exit_.ledger.personal_data() == ()
    proof = world.review()
    assert proof.is_completed(), proof.message
    assert verify_bundle(world.folder / "evidence", None).exit_status == 0
    assert "(destroyed or withheld)" in (world.folder / "evidence/data/summary.json").read_text()
    closed = world.cut()
    assert closed.name == "Closed", closed.message
    with world.opened() as exit_:  # the closing letters are new, and so is the note where they went
        assert CLIENT in {one.value for one in exit_.ledger.personal_data()}


class Refusing(MailServer):
    """Takes mail for nobody."""

    async def handle_RCPT(self, _server: Any, _session: Any, _envelope: Any, address: str, _options: Any) -> str:  # noqa: ANN401, N802 - aiosmtpd's
        return f"550 <{address.upper()}> is not known here"


def test_an_error_that_names_an_address_is_put_on_record_once_and_without_it(world: ExitWorld, tmp_path: Path) -> None:
    with Refusing(tmp_path / "mail") as server:

        def change(written: dict[str, Any]) -> None:
            write_to_others(written)
            written["notifier"]["port"] = server.port

        world.plan_for_a_past_cutoff(change=change)
        world.sign_everything()
        states = [world.walk() for _ in range(2)]
    for state in states:
        assert state.name == "Held", state.message
        assert f"550 to the recipient {CLIENT}: <{CLIENT.upper()}> is not known here" in state.message
    (held,) = world.entries(EntryKind.HELD)
    assert len(world.entries(EntryKind.FAILED, Action.NOTIFY)) == len(states)
    with world.opened() as exit_:
        assert CLIENT.encode() not in b"".join(exit_.ledger.lines()).lower()
        assert exit_.ledger.opened(held.data["why"]).lower() == str(states[0].message).lower()
