"""Whoever lives in the Prefect UI signs with ssh-keygen alone; what does not count is Held, with its reason, and not recorded."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from core.drafts import Draft, Kind
from core.model import EntryKind, LedgerEntry
from demo.acme import SLUG
from demo.keys import ssh_key
from tests.core.signatures.security_key import TOUCHED, TOUCHED_AND_UNLOCKED, SecurityKey
from tests.flows.exit_world import ALICE, BOB, CHECKOUT, DANA, KEYS, SAM, TARIQ, ExitWorld
from tests.flows.stage import at_stage

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

APPROVALS = "offboard-approval@northwind.example"


class Desk:
    """People who have the forms of the Prefect UI and ssh-keygen, and nothing else."""

    def __init__(self, world: ExitWorld, folder: Path) -> None:
        self.world, self.folder = world, folder

    def draft(self, kind: Kind, person: str, **details: Any) -> "State[Any]":  # noqa: ANN401 - whatever the form has
        from flows.forms import EngagementName
        from flows.record_forms import DraftForm
        from flows.record_statement import draft_statement

        form = DraftForm(engagement=EngagementName(SLUG), kind=kind, person=person, **details)
        return draft_statement(form=form, return_state=True)

    def page(self) -> str:
        """Read what the newest draft shows, from the server."""
        from prefect.artifacts import Artifact

        artifact = Artifact.get(key=f"{SLUG}-text-to-sign")
        assert artifact is not None
        return str(artifact.data)

    def sign_as_shown(self, key: str, page: str | None = None) -> tuple[str, str]:
        """Run the commands of the page with one's own key, and read both files."""
        private = self.world.acme.keys / key
        commands = re.findall(r"^```sh\n(.*?)^```$", page or self.page(), re.MULTILINE | re.DOTALL)
        script = "".join(commands).replace("~/.ssh/id_ed25519", str(private))
        place = self.folder / f"{len(list(self.folder.iterdir()))}"
        place.mkdir()
        subprocess.run(["bash", "-euc", script], cwd=place, capture_output=True, check=True)
        (text,) = place.glob("*.txt")
        return text.read_text(encoding="utf-8"), text.with_name(f"{text.name}.sig").read_text(encoding="ascii")

    def hand_in(self, kind: Kind, text: str, signature: str) -> "State[Any]":
        from flows import record_statement
        from flows.forms import EngagementName
        from flows.record_forms import RecordForm

        form = RecordForm(engagement=EngagementName(SLUG), text=text, signature=signature)
        return getattr(record_statement, f"record_{kind}")(form=form, return_state=True)  # type: ignore[no-any-return] # found by name

    def state(self, kind: Kind, person: str, **details: Any) -> "State[Any]":  # noqa: ANN401 - whatever the form has
        """Draft, sign and hand in."""
        drafted = self.draft(kind, person, **details)
        assert drafted.is_completed(), drafted.message
        return self.hand_in(kind, *self.sign_as_shown(KEYS[person]))

    def on_record(self) -> tuple[LedgerEntry, ...]:
        return self.world.entries(EntryKind.STATEMENT)

    def refused(self, state: "State[Any]") -> str:
        """See that nothing was recorded, and give the reason."""
        assert (state.name, state.is_failed()) == ("Held", True)
        assert self.on_record() == ()
        return str(state.message)


@pytest.fixture
def desk(world: ExitWorld, tmp_path: Path) -> Iterator[Desk]:
    def draw() -> None:
        world.engage(cutoff=datetime.now(UTC) + timedelta(hours=1))
        assert world.walk().name == "Waiting for signature"

    at_stage(world, "drawn", draw)
    yield Desk(world, tmp_path)
    world.nothing_changed()


def test_the_exit_goes_on_by_forms_alone(desk: Desk) -> None:
    assert desk.state(Kind.APPROVAL, ALICE).is_completed()
    assert "1 more approval, by Bob Okafor" in str(desk.world.walk().message)
    for kind, person, details in (
        (Kind.APPROVAL, BOB, {"days": 3}),
        (Kind.ELECTION, DANA, {"deliver_to": ("client", "successor"), "copies": "return"}),
        (Kind.CONVERSATION, ALICE, {"told": "Dana Reyes", "channel": "in-person"}),
        (Kind.CONTROL, DANA, {"systems": ("files-server",), "how": "logged in as administrator"}),
        (Kind.READINESS, SAM, {"what": "backup and protection"}),
        (Kind.ARMING, TARIQ, {"hours": 2}),
    ):
        state = desk.state(kind, person, **details)
        assert state.is_completed(), state.message
        assert str(state.message).startswith(f"On record: {kind}, signed by ")
    with desk.world.opened() as exit_:
        from core.gates import require_conversation, require_signatures

        require_signatures(exit_, desk.world.plan())
        require_conversation(exit_, desk.world.plan())


def test_the_page_says_what_signing_means_and_shows_the_plan_beside_it(desk: Desk) -> None:
    from prefect.artifacts import Artifact

    state = desk.draft(Kind.APPROVAL, f" {ALICE} ")
    assert "start record-approval" in str(state.message)
    digest, page = desk.world.plan().digest, desk.page()
    for words in ("# Approval, to be signed by Alice Ng", f"You approve the exit plan with the SHA-256 sum {digest}", APPROVALS):
        assert words in page
    plan = Artifact.get(key=f"{SLUG}-plan")
    assert plan is not None
    assert digest in str(plan.data)
    assert desk.on_record() == ()


def test_what_forms_and_mail_add_does_no_harm_nor_does_a_second_time(desk: Desk) -> None:
    desk.draft(Kind.APPROVAL, ALICE)
    text, signature = desk.sign_as_shown("alice")
    mangled = ["\r\n  " + one.strip().replace("\n", "  \r\n") for one in (text, signature)]
    first = desk.hand_in(Kind.APPROVAL, *mangled)
    again = desk.hand_in(Kind.APPROVAL, text, signature)
    assert first.is_completed(), first.message
    assert again.is_completed()
    (entry,) = desk.on_record()
    assert f"is on record already, as entry {entry.number}. Nothing was added." in str(again.message)
    assert (entry.data["text"], entry.data["signature"]) == (text, signature)
    other = desk.hand_in(Kind.APPROVAL, text.replace("approve", "rescind"), signature)
    assert other.is_failed()
    assert len(desk.on_record()) == 1


def test_two_take_an_approval_back(desk: Desk) -> None:
    for person in (ALICE, BOB):
        desk.state(Kind.APPROVAL, person)
    desk.draft(Kind.RESCISSION, ALICE)
    assert "You take back your approval" in desk.page()
    text, signature = desk.sign_as_shown("alice")
    wrong_form = desk.hand_in(Kind.APPROVAL, text, signature)
    assert "this text is of another kind: rescission" in str(wrong_form.message)
    assert "start record-rescission with it" in str(wrong_form.message)
    assert desk.hand_in(Kind.RESCISSION, text, signature).is_completed()
    assert desk.state(Kind.RESCISSION, BOB).is_completed()
    assert "2 more approvals, by Alice Ng or Bob Okafor" in str(desk.world.walk().message)


def test_a_text_that_was_altered_or_signed_by_somebody_else(desk: Desk) -> None:
    desk.draft(Kind.APPROVAL, ALICE)
    text, signature = desk.sign_as_shown("alice")
    later = re.sub(r"not-after: \d{4}", "not-after: 2099", text)
    assert "does not fit the text" in desk.refused(desk.hand_in(Kind.APPROVAL, later, signature))
    assert "stranger's key" in desk.refused(desk.hand_in(Kind.APPROVAL, *desk.sign_as_shown("our-technician")))
    assert "the text speaks for alice@" in desk.refused(desk.hand_in(Kind.APPROVAL, *desk.sign_as_shown("bob")))
    assert "is not an SSH signature" in desk.refused(desk.hand_in(Kind.APPROVAL, text, "looks good to me"))
    assert "its first line is not" in desk.refused(desk.hand_in(Kind.APPROVAL, "I approve.", signature))
    elsewhere = desk.page().replace(APPROVALS, "offboard-waiver@northwind.example")
    assert "was made for 'offboard-waiver@" in desk.refused(desk.hand_in(Kind.APPROVAL, *desk.sign_as_shown("alice", elsewhere)))


def test_a_key_that_was_revoked_signs_no_more_and_what_it_signed_before_stays(desk: Desk) -> None:
    desk.draft(Kind.APPROVAL, BOB)
    of_bob = desk.sign_as_shown("bob")
    desk.draft(Kind.RESCISSION, ALICE)
    late = desk.sign_as_shown("alice")
    assert desk.state(Kind.APPROVAL, ALICE).is_completed()

    def exchange_alices_key(written: dict[str, Any]) -> None:
        old = written["people"][0]["keys"]
        revoked = [{"key": old[0], "revoked_at": datetime.now(UTC).isoformat()}]
        written["people"][0] |= {"keys": [ssh_key(desk.world.acme.keys, "alice-new")], "revoked_keys": revoked}

    desk.world.alter(exchange_alices_key)
    refused = desk.hand_in(Kind.RESCISSION, *late)
    assert refused.is_failed()
    assert "of Alice Ng (alice@northwind.example) was revoked: it counted until" in str(refused.message)
    assert desk.hand_in(Kind.APPROVAL, *of_bob).is_completed()
    assert "more approval" not in str(desk.world.walk().message)
    desk.draft(Kind.RESCISSION, ALICE)
    assert desk.hand_in(Kind.RESCISSION, *desk.sign_as_shown("alice-new")).is_completed()


def test_a_person_who_left_does_not_count_any_more(desk: Desk) -> None:
    desk.draft(Kind.APPROVAL, ALICE)
    signed = desk.sign_as_shown("alice")
    desk.world.alter(lambda written: written["people"][0].update(valid_before=(datetime.now(UTC) - timedelta(seconds=1)).isoformat()))
    assert "has expired: it counted until" in desk.refused(desk.hand_in(Kind.APPROVAL, *signed))


def test_a_key_that_is_named_no_more_counts_for_nothing(desk: Desk) -> None:
    assert desk.state(Kind.APPROVAL, ALICE).is_completed()
    desk.world.alter(lambda written: written["people"][0].update(keys=[ssh_key(desk.world.acme.keys, "alice-newer")]))
    assert "2 more approvals, by Alice Ng or Bob Okafor" in str(desk.world.walk().message)
    assert len(desk.on_record()) == 1


def test_a_hardware_key_has_to_be_unlocked_where_the_engagement_says_so(desk: Desk) -> None:
    key = SecurityKey()
    desk.world.alter(lambda written: written["people"][0].update(keys=[key.line], verify_required="yes"))
    desk.draft(Kind.APPROVAL, ALICE)
    assert "Only one that asks for its PIN or a fingerprint counts for you." in desk.page()
    text, _ = desk.sign_as_shown("alice")
    touched, unlocked = (key.sign(text.encode(), APPROVALS, flags) for flags in (TOUCHED, TOUCHED_AND_UNLOCKED))
    assert "asks for its PIN or a fingerprint, and this did not" in desk.refused(desk.hand_in(Kind.APPROVAL, text, touched))
    assert desk.hand_in(Kind.APPROVAL, text, unlocked).is_completed()


@pytest.mark.parametrize(
    ("kind", "person", "details", "why"),
    [
        (Kind.APPROVAL, DANA, {}, "Dana Reyes .* signs as client, which does not count for an approval"),
        (Kind.APPROVAL, "nobody@example.com", {}, "not among the people of this engagement.*alice@northwind.example"),
        (Kind.CONVERSATION, ALICE, {}, "the form is not filled in: Conversation: who was told"),
        (Kind.CONVERSATION, ALICE, {"told": "Dana", "held_at": "2099-01-01T00:00:00Z"}, "has not been held yet"),
        (Kind.ELECTION, DANA, {"deliver_to": ()}, "Election: who receives data"),
        (Kind.WAIVER, ALICE, {"subject": "receipt"}, "Waiver, reinstatement: why"),
        (Kind.WAIVER, ALICE, {"reason": "seen to"}, "knows a waiver for; it knows: .*obligation register: spare-firewall"),
        (Kind.REINSTATEMENT, BOB, {"reason": "asked for"}, "knows a reinstatement for; it knows: files-server:"),
        (Kind.ACKNOWLEDGEMENT, SAM, {}, "nothing is handed over yet"),
        (Kind.ARMING, SAM, {}, "Sam Lund .* signs as successor, which does not count for an arming"),
        (Kind.CONTROL, DANA, {}, "the form is not filled in: Control: how"),
        (Kind.CONTROL, DANA, {"how": "logged in"}, "knows a control for; it knows: files-server"),
        (Kind.READINESS, SAM, {"what": "backup", "state": "gap-accepted"}, "a gap is the client's to accept"),
    ],
)
def test_a_text_without_effect_is_not_handed_out(desk: Desk, kind: Kind, person: str, details: dict[str, Any], why: str) -> None:
    assert re.search(why, desk.refused(desk.draft(kind, person, **details)))


def test_two_waive_by_forms(desk: Desk) -> None:
    for person in (ALICE, BOB):
        state = desk.state(Kind.WAIVER, person, subject="obligation register: spare-firewall", reason="END\nof ```\n$(date) `id`")
        assert state.is_completed(), state.message
    assert "reason: END of ``` $(date) `id`\n" in desk.on_record()[-1].data["text"]


def test_a_receipt_has_gaps_that_only_who_opened_it_can_fill(world: ExitWorld, tmp_path: Path) -> None:
    world.wait_for_the_cutoff()
    desk, before = Desk(world, tmp_path), len(world.entries(EntryKind.STATEMENT))
    assert desk.draft(Kind.ACKNOWLEDGEMENT, SAM).is_completed()
    page = desk.page()
    assert "Replace each `<…>` in the file" in page
    unfilled = desk.hand_in(Kind.ACKNOWLEDGEMENT, *desk.sign_as_shown("successor-signer"))
    assert "credentials is not of its form" in str(unfilled.message)
    filled = re.sub(r"^(credentials): .*$", r"\1: 3", page, flags=re.MULTILINE)
    state = desk.hand_in(Kind.ACKNOWLEDGEMENT, *desk.sign_as_shown("successor-signer", filled))
    assert state.is_completed(), state.message
    assert len(world.entries(EntryKind.STATEMENT)) == before + 1


@pytest.mark.usefixtures("world")
def test_every_form_of_the_deployments_is_there() -> None:
    from prefect.flows import load_flow_from_entrypoint

    listed = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    found = {one["name"]: one["entrypoint"] for one in listed if one["entrypoint"].startswith("flows.record_statement.")}
    assert found.keys() == {"draft-statement", "record-cosignature", *(f"record-{kind}" for kind in Kind)}
    for name, entrypoint in found.items():
        assert load_flow_from_entrypoint(entrypoint).name == name
    assert {"engagement", *Draft.model_fields} == set(form_fields("draft-statement", found))


def form_fields(name: str, found: dict[str, str]) -> dict[str, Any]:
    from prefect.flows import load_flow_from_entrypoint

    schema = load_flow_from_entrypoint(found[name]).parameters.model_dump()
    fields: dict[str, Any] = schema["definitions"]["DraftForm"]["properties"]
    return fields
