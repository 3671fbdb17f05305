"""The simulated client, and the people around its exit, who sign in this very process."""

# ruff: noqa: PLC0415 - Prefect and the flows read the environment when they are imported: here that is once a test has set it

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pykeepass import PyKeePass

from configs.open_exit import open_exit
from core.exit import Exit
from core.model import Action, EntryKind, ExitPlan, LedgerEntry
from core.planning import draw_plan, require_saved_plan
from demo.acme import SLUG, VAULT_PASSPHRASE, Acme
from tests.flows.people import A_MINUTE, ALICE, BOB, DANA, KEYS, SAM, TARIQ, Clock, People
from tests.flows.stage import OUTPUTS, at_stage

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

__all__ = ["ALICE", "BOB", "DANA", "KEYS", "SAM", "TARIQ", "Clock", "ExitWorld"]

GONE = "gone-dental"
CONFIRMED, PACKED, ENDED = 1, 5, 7
"""Letters so far: the confirmation; notice and passphrase to client and successor each; the closing notice, and the last checkpoint."""
CHECKOUT = Path(__file__).resolve().parents[2]

Change = Callable[[dict[str, Any]], object]


class ExitWorld(People):
    """One simulated client with a clean record. Everything that people do is a method; so is everything that can be seen from outside."""

    def __init__(self, acme: Acme, api: str) -> None:
        self.acme, self.folder = acme, acme.folder
        self.authorized_keys = acme.ssh.authorized_keys
        self.environment = {
            "OFFBOARD_ENGAGEMENTS": str(acme.engagements),
            "OFFBOARD_STATE": str(acme.state),
            "PREFECT_API_URL": api,
            "OFFBOARD_LEASE_SECONDS": "1",
        }
        self.engagement_file = acme.engagements / f"{SLUG}.yaml"
        self._vault = self.folder / "provider" / "vault.kdbx"

    # --- the stage ---

    def reset(self) -> None:
        """Everything as it was on the first day: no record, no output, no mail, all key lines in place."""
        for name in OUTPUTS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for mail in (self.folder / "mail").iterdir():
            mail.unlink()
        self.acme.state.mkdir()
        self.authorized_keys.write_bytes(self.first_key_lines)
        shutil.copy(self._kept_vault, self._vault)
        self.acme.write_register()
        self.engagement_file.unlink(missing_ok=True)

    @property
    def first_key_lines(self) -> bytes:
        names = ("client-admin", "our-automation", "our-technician")
        return b"# files.acme-dental.example\n" + "".join(f"{self.acme.public[name]} {name}\n" for name in names).encode()

    @property
    def last_key_lines(self) -> bytes:
        return f"# files.acme-dental.example\n{self.acme.public['client-admin']} client-admin\n".encode()

    @property
    def _kept_vault(self) -> Path:
        kept = self._vault.with_suffix(".kept")
        if not kept.exists():
            vault = PyKeePass(self._vault, VAULT_PASSPHRASE)
            costs = vault.kdbx.header.value.dynamic_header.kdf_parameters.data.dict
            costs["I"].value, costs["M"].value = 1, 1 << 20  # each pass opens it: not for the second that guessing is to cost
            vault.save(kept)
        return kept

    def engage(self, *, cutoff: datetime | None = None, second_check: timedelta = timedelta(0), change: Change | None = None) -> None:
        """Write the engagement file; `change` may alter what stands in it."""
        instant = (cutoff or datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
        self.acme.write_engagement(instant, second_check)
        if change:
            self.alter(change)

    def alter(self, change: Change) -> None:
        """Edit the engagement file as a person would."""
        written = yaml.safe_load(self.engagement_file.read_text(encoding="utf-8"))
        change(written)
        self.engagement_file.write_text(yaml.safe_dump(written, sort_keys=False, allow_unicode=True), encoding="utf-8")

    def plan_for_a_past_cutoff(self, *, ago: timedelta = A_MINUTE, change: Change | None = None) -> ExitPlan:
        """Draw a plan by a clock that is behind, so that its cutoff is due already and no test has to wait for it."""
        instant = datetime.now(UTC) - ago
        self.engage(cutoff=instant, change=change)
        with self.opened("plan", clock=lambda: instant - timedelta(hours=1)) as exit_:
            return draw_plan(exit_)

    @contextmanager
    def opened(self, holder: str | None = None, *, clock: Clock | None = None) -> Iterator[Exit]:
        """Open the exit as a pass does; with another clock than the machine's if a test says so."""
        with open_exit(SLUG, holder=holder) as exit_:
            if clock:
                exit_.now = clock
            yield exit_

    # --- what people do, besides what they sign ---

    def waive_the_receipt(self) -> None:
        """Have everything exported and packed, and the answer of those who got it waived."""
        state = self.walk()
        assert state.name == "Waiting for receipt", state.message
        self.waive("receipt")
        state = self.walk()
        assert state.name == "Waiting for cutoff", state.message

    def get_ready_for_the_cutoff(self, *, ago: timedelta = A_MINUTE, change: Change | None = None) -> None:
        """All that comes before the cutoff, which is due at once; the receipt is waived, since opening things takes long."""

        def prepare() -> None:
            self.plan_for_a_past_cutoff(ago=ago, change=change)
            self.sign_everything()
            self.waive_the_receipt()

        if change or ago != A_MINUTE:
            prepare()
        elif at_stage(self, "ready for the cutoff", prepare):
            self.renew_cutoff_run()

    def wait_for_the_cutoff(self) -> datetime:
        """All that comes before the cutoff, which is an hour away. Gives its instant."""

        def prepare() -> None:
            self.engage(cutoff=datetime.now(UTC) + timedelta(hours=1))
            self.walk()
            self.sign_everything()
            self.waive_the_receipt()

        if at_stage(self, "waiting for the cutoff", prepare):
            self.renew_cutoff_run()
        return self.plan().cutoff.instant

    # --- the flows ---

    def walk(self, *, draw_new: bool = False, engagement: str = SLUG) -> "State[Any]":
        from flows.client_exit import client_exit
        from flows.forms import EngagementName, ExitForm

        return client_exit(form=ExitForm(engagement=EngagementName(engagement), draw_new_plan=draw_new), return_state=True)

    def cut(self, digest: str | None = None) -> "State[Any]":
        from flows.cutoff import cutoff

        return cutoff(engagement=SLUG, plan_digest=digest or self.plan().digest, return_state=True)

    def keep_going(self) -> "State[Any]":
        from flows.keep_going import keep_going

        return keep_going(return_state=True)

    def reinstate(self) -> "State[Any]":
        from flows.forms import EngagementForm, EngagementName
        from flows.reinstate_access import reinstate_access

        return reinstate_access(form=EngagementForm(engagement=EngagementName(SLUG)), return_state=True)

    def review(self) -> "State[Any]":
        from flows.forms import EngagementName, ReviewForm
        from flows.review_audit_trail import review_audit_trail

        return review_audit_trail(form=ReviewForm(engagement=EngagementName(SLUG)), return_state=True)

    # --- what can be seen ---

    def plan(self) -> ExitPlan:
        with self.opened() as exit_:
            return require_saved_plan(exit_)

    def entries(self, kind: EntryKind | None = None, action: Action | None = None) -> tuple[LedgerEntry, ...]:
        with self.opened() as exit_:
            exit_.ledger.replay()
            return exit_.ledger.entries(kind=kind, action=action)

    def letters(self) -> list[str]:
        """Say of each letter that arrived to whom and about what; no two are alike."""
        return [f"{mail['To']}: {mail['Subject']}" for mail in self.acme.mail.messages()]

    def logs_in(self, key: str) -> bool:
        """Try a private key with the system's own ssh."""
        known = self.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self.acme.ssh.port} {self.acme.ssh.host_key_line}\n", encoding="ascii")
        settings = {
            "UserKnownHostsFile": known,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "PasswordAuthentication": "no",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        where = ["-F", "none", "-p", str(self.acme.ssh.port), "-i", str(self.acme.keys / key), f"{self.acme.ssh.user}@127.0.0.1"]
        return subprocess.run(["ssh", *options, *where, "true"], capture_output=True, check=False).returncode == 0

    def nothing_changed(self) -> None:
        """See that no system was touched: key lines byte for byte, no mail, no intent on record."""
        assert self.authorized_keys.read_bytes() == self.first_key_lines
        assert self.letters() == []
        if (self.acme.state / "ledger.sqlite").exists():
            assert self.entries(EntryKind.INTENT) == ()
        assert not (self.folder / "archive").exists()
        assert not (self.folder / "handover").exists()

    def offboard(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a person does."""
        command = [sys.executable, "-m", "cli.main", *words]
        return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
