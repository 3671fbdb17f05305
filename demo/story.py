"""Walk the exit of Acme Dental, and tell it."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from cli.services import PROJECT, Services
from configs.open_exit import open_exit
from core.model import Party
from core.planning import require_saved_plan
from demo.acme import SLUG, Acme
from demo.acme_account import DANA, key_of
from demo.acme_office import SOURCE, SYSTEM
from demo.outsiders import THE_CLIENTS, who_comes_in
from demo.recipient import Recipient
from demo.runs import Runs
from demo.telling import note, out, plan_in_short, say, seen_in

SHORTEST_LEAD = timedelta(seconds=100)
"""How far ahead the cutoff is on a fast machine; a machine that took long to start the server gets more time."""

NAMESPACE = "offboard-acknowledgement@northwind.example"


class Story(Runs):
    """One walk. Every act of a person is what that person would type or click."""

    def __init__(self, acme: Acme, services: Services, lead: timedelta) -> None:
        super().__init__()
        self.acme, self.services, self.lead = acme, services, lead
        self.environment = services.environment()

    def tell(self) -> bool:
        """Walk the exit to its end. Returns whether it closed and the evidence holds."""
        self.decide()
        self.approve()
        self.fulfil()
        self.receive()
        closed = self.cut_off()
        return self.prove() and closed

    def write_engagement(self) -> None:
        """Write the engagement file, with a cutoff that leaves time for what comes before it."""
        cutoff = datetime.now(UTC) + self.lead
        self.acme.write_engagement(cutoff.replace(microsecond=0), timedelta(seconds=5), first_sweep_after=timedelta(seconds=1))

    def decide(self) -> None:
        """Draw the plan, looking only."""
        say(1, "The plan is drawn, by looking only")
        self.write_engagement()
        self.services.deploy()  # takes a while; the time until the cutoff begins after it
        self.write_engagement()
        self.walk("Waiting for signature")
        with open_exit(SLUG) as exit_:
            for line in plan_in_short(require_saved_plan(exit_).grants):
                note(line)

    def approve(self) -> None:
        """Two executives sign, for what nothing puts back once more, and the client; it is told; only then a letter leaves."""
        say(2, "People sign with their own keys; the client is told before anything is written")
        bob = self.acme.folder / "approval-by-bob.txt"
        both = ("--deliver-to", "client", "--deliver-to", "successor")
        told = ("--with", "Dana Reyes", "--channel", "phone")
        acts = [
            ("approval", "--as", "alice@northwind.example", "--key", self.key("alice"), "--yes"),
            ("approval", "--as", "bob@northwind.example", "--write", str(bob)),
            ("approval", "--irreversible", "--as", "alice@northwind.example", "--key", self.key("alice"), "--yes"),
            ("approval", "--irreversible", "--as", "bob@northwind.example", "--key", self.key("bob"), "--yes"),
            ("election", "--as", "dana@acme-dental.example", *both, "--key", self.key("client-director"), "--yes"),
            ("conversation", "--as", "alice@northwind.example", *told, "--key", self.key("alice"), "--yes"),
        ]
        self.sign(acts)
        self.sign_by_hand(bob, "offboard-approval@northwind.example", "bob")
        note(self.offboard("sign", "take-in", SLUG, str(bob)).splitlines()[-1])
        self.walk("Waiting for obligations")
        note(f"the confirmation letter has arrived: {self.acme.mail.messages()[0]['Subject']}")

    def fulfil(self) -> None:
        """Settle what is owed; export; pack."""
        say(3, "What we owe is settled; the data is exported and encrypted; credentials and documents are packed")
        self.acme.write_register(settled=True)
        self.walk("Waiting for receipt")

    def receive(self) -> None:
        """Open archive and package as client and as successor, and sign the receipts; then arm the cutoff."""
        say(4, "Client and successor open archive and package, and sign the receipts; the cutoff is armed")
        with ThreadPoolExecutor() as people:
            for told in people.map(self.open, Party, ("dana@acme-dental.example", "sam@harbour-it.example")):
                for one in told:
                    note(one)
        checkpoint = self.mailed_checkpoint("harbour-it.example")
        self.sign_by_hand(checkpoint, "offboard-checkpoint@northwind.example", "successor-signer")
        note(self.offboard("cosign", "--record", SLUG, f"{checkpoint}.sig").splitlines()[-1])
        dana = ("--as", "dana@acme-dental.example", "--key", self.key("client-director"), "--yes")
        every = [word for name in ("files-server", "aws", SYSTEM) for word in ("--system", name)]
        sam = ("--as", "sam@harbour-it.example", "--key", self.key("successor-signer"), "--yes")
        self.sign(
            [
                ("control", *every, "--how", "logged in there as our own administrators", *dana),
                ("readiness", "--what", "backup, protection and monitoring", *sam),
                ("arming", "--as", "alice@northwind.example", "--key", self.key("alice"), "--yes"),
                ("arming", "--as", "tariq@northwind.example", "--key", self.key("tariq"), "--yes"),
                ("arming", *dana),
            ]
        )
        self.walk("Waiting for cutoff")

    def open(self, party: Party, principal: str) -> list[str]:
        """Open archive and package as one recipient, and return the signed receipt. Returns what there is to tell."""
        folder = self.acme.folder
        recipient = Recipient(party, folder / party, self.acme.keys, folder / "archive", folder / "handover")
        archive_code = recipient.open_archive()
        letter = next(mail for mail in self.acme.mail.messages() if "passphrase" in str(mail["Subject"]).lower())
        attached = next(iter(letter.iter_attachments())).get_content()
        package_code, count = recipient.open_package(attached if isinstance(attached, bytes) else attached.encode())
        receipt = recipient.sign_receipt(archive_code, package_code, count, principal, NAMESPACE)
        tenant = f"  in the archive: users.csv of Acme's tenant at Microsoft names {recipient.accounts(SOURCE)} accounts"
        opened = f"the {party} opens everything with stock tools: {'; '.join(recipient.used)}"
        return [opened, tenant, self.offboard("sign", "take-in", SLUG, str(receipt)).splitlines()[-1]]

    def sign(self, acts: Sequence[Sequence[str]]) -> None:
        """Have people sign, each at a terminal of their own."""
        with ThreadPoolExecutor() as people:
            for act, said in zip(acts, people.map(lambda act: self.offboard("sign", act[0], SLUG, *act[1:]), acts), strict=True):
                scope = " It is for what nothing puts back." if "--irreversible" in act else ""
                written = "Bob's text is written; he signs it with plain ssh-keygen"
                note(f"{said.splitlines()[-1].strip()}{scope}" if "On record" in said else written)

    def cut_off(self) -> bool:
        """Wait for the scheduled run, and try the keys from outside."""
        say(5, "The cutoff runs by itself at its instant")
        note(f"{self.cutoff_run().name} is scheduled in Prefect")
        run = self.finished_cutoff()
        if run.state.name == "Held" and not self.asked_to_look():
            note("the people here were later than the clock, on this slow machine; the next pass makes up for it")
            run = self.next_pass()
        if requests := self.asked_to_look():
            note("what is left there, only the client can see now that we are out; it was asked by mail to look")
            with ThreadPoolExecutor() as desks:
                for told in desks.map(self.look_as_client, requests):
                    for one in told:
                        note(one)
            run = self.next_pass()
        swept = self.run_deployment("sweep", {"form": {"engagement": SLUG}})
        return self.try_from_outside() and bool(run.state.name == swept.name == "Closed")

    def next_pass(self) -> Any:  # noqa: ANN401 - Prefect's own run
        """Have the next pass go on with the cutoff."""
        self.run_deployment("client-exit", {"form": {"engagement": SLUG, "draw_new_plan": False}})
        return self.finished_cutoff()

    def asked_to_look(self) -> list[Path]:
        """Name the requests to look at a system, as they come to the client by mail."""
        return sorted(self.mailed_checkpoint("acme-dental.example").parent.glob("look-at-*.yaml"))

    def look_as_client(self, request: Path) -> list[str]:
        """As the client: look by a way in of its own where nobody of ours can look any more, and sign. Returns what there is to tell."""
        identity, secret = key_of(self.acme.keys, DANA)
        own = {"AWS_ACCESS_KEY_ID": identity, "AWS_SECRET_ACCESS_KEY": secret}
        by = "by her own key"
        if self.acme.tenant and request.stem.endswith(SYSTEM):
            by = "by an application of Acme's own"
            asked = yaml.safe_load(request.read_text(encoding="utf-8"))
            asked["systems"][0]["way-in"] = self.acme.tenant.way_in_of_the_client()
            request.write_text(yaml.safe_dump(asked, sort_keys=False, allow_unicode=True), encoding="utf-8")
        looks = request.with_name(request.stem)
        done = self.run_offboard("client-check", "look", str(request), "--out", str(looks), **own)
        texts = sorted(looks.glob("*.txt"))  # with status 1 something could not be seen; the text says what
        if done.returncode not in (0, 1) or not texts:
            raise RuntimeError(f"offboard client-check look: {done.stdout}{done.stderr}")
        told = []
        for text in texts:
            self.sign_by_hand(text, "offboard-look@northwind.example", "client-director")
            told += [f"Dana looks {by}: {seen_in(text)}", self.offboard("sign", "take-in", SLUG, str(text)).splitlines()[-1]]
        return told

    def try_from_outside(self) -> bool:
        """Try every way in. Returns whether the client's still open, and none of ours."""
        tried = who_comes_in(self.acme)
        for what, entered in tried.items():
            wrong = "" if entered == (what in THE_CLIENTS) else "  ← WRONG"
            note(f"{what} is tried: {'comes in' if entered else 'refused'}{wrong}")
        return [what for what, entered in tried.items() if entered] == list(THE_CLIENTS)

    def prove(self) -> bool:
        """Make the evidence bundle and verify it as a stranger would."""
        say(6, "The evidence, verified as a stranger would")
        checkpoint = self.mailed_checkpoint("acme-dental.example")
        keys = ("--keys", str(checkpoint.with_name("exit-keys.txt")))
        self.offboard("cosign", str(checkpoint), *keys, "--key", self.key("client-director"), "--yes")
        signature = Path(f"{checkpoint}.sig").read_text(encoding="ascii")
        self.run_deployment("record-cosignature", {"form": {"engagement": SLUG, "signature": signature}})
        self.run_deployment("review-audit-trail", {"form": {"engagement": SLUG, "audience": "the client"}})
        evidence = self.acme.folder / "evidence"
        checks: list[list[str]] = [[sys.executable, "verify.py", "."]]
        if all(shutil.which(tool) for tool in ("sha256sum", "openssl", "ssh-keygen")):
            checks.insert(0, ["./verify.sh"])
        else:
            note("sha256sum, openssl or ssh-keygen is not installed: the bundle is verified by our own libraries")
            checks = [[sys.executable, "-m", "cli.main", "verify", str(evidence)]]
        held = True
        for command in checks:
            done = subprocess.run(command, cwd=evidence, env=self.environment, capture_output=True, text=True, check=False)
            note(f"{' '.join(command[-2:])}: exit status {done.returncode}")
            if done.returncode:
                out.print(done.stdout + done.stderr, markup=False)
            held = held and done.returncode == 0
        return held

    def offboard(self, *words: str, **secrets: str) -> str:
        """Run the command as a person does, who has these secrets in the environment."""
        done = self.run_offboard(*words, **secrets)
        if done.returncode:
            raise RuntimeError(f"offboard {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def run_offboard(self, *words: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        """Do the same, whatever its exit status is."""
        command = [sys.executable, "-m", "cli.main", *words]
        return subprocess.run(command, cwd=PROJECT, env=self.environment | secrets, capture_output=True, text=True, check=False)

    def mailed_checkpoint(self, domain: str) -> Path:
        """Save what came with the letters to one party, as that party does; returns the newest checkpoint."""
        folder = self.acme.folder / "letters" / domain
        folder.mkdir(parents=True, exist_ok=True)
        for mail in self.acme.mail.messages():
            for attached in mail.iter_attachments() if domain in str(mail["To"]) else ():
                content = attached.get_content()
                (folder / str(attached.get_filename())).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder / "checkpoint"

    def sign_by_hand(self, text: Path, namespace: str, who: str) -> None:
        """Sign with plain ssh-keygen where it is installed."""
        if shutil.which("ssh-keygen"):
            subprocess.run(
                ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.key(who), str(text)], check=True, capture_output=True
            )
            return
        from core.signatures.sshsig import sign  # noqa: PLC0415 - only where ssh-keygen is missing

        Path(f"{text}.sig").write_text(sign(Path(self.key(who)).read_bytes(), text.read_bytes(), namespace), encoding="ascii")

    def key(self, name: str) -> str:
        """Name a private key's file."""
        return str(self.acme.keys / name)
