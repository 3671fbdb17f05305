"""Acme Dental, a simulated client on real servers, with the provider that leaves it and the one that takes over."""

import io
import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import yaml
from pykeepass import PyKeePass
from pykeepass.pykeepass import BLANK_DATABASE_LOCATION, BLANK_DATABASE_PASSWORD

from core.dates import load_zone
from demo.acme_account import account, fill_account
from demo.acme_bucket import BUCKET, fill_bucket
from demo.acme_files import LARGE_FILE_BYTES, RestlessFile, write_files
from demo.acme_office import ServedOffice
from demo.aws_server import AwsServer
from demo.keys import age_key, ssh_key
from demo.mail_server import MailServer
from demo.s3_server import S3Server
from demo.ssh_server import Implementation, SshServer
from demo.time_stamp_server import TimeStampServer

SLUG = "acme-dental"
ZONE = "America/Vancouver"
VAULT_PASSPHRASE = "a simulated provider's vault"
DOCUMENTS = {
    "00-control/administrators.md": "# Who administers what\n\nDana Reyes (Acme Dental) holds an administrator's key on every server.\n",
    "01-network/office.md": "# Office network\n\n10.20.0.0/24, gateway .1, printer .40. Circuit: Fibre One, account 5521.\n",
    "06-domains-dns/acme-dental.example.zone": "acme-dental.example. 3600 IN MX 10 mail.acme-dental.example.\n",
    "08-backups/jobs.md": "# Backups\n\nNightly at 02:00 to the vault in Burnaby. Last restore test: 2026-10-30, passed.\n",
    "10-runbooks/imaging-server.md": "# Imaging server\n\nStart `imaging.service` before the chairs are switched on.\n",
}
CREDENTIALS = (
    ("Practice software, administrator", "admin", "Kiefer-Molar-42", "https://practice.acme-dental.example", "client"),
    ("Firewall", "root", "wurzel\"kanal'\\ 7 %", "https://10.20.0.1", "client"),
    ("Registrar", "acme", "größer-als-123", "https://registrar.example", "client"),
    ("Our monitoring agent", "northwind", "not yours", "", "ours"),
    ("Mail relay of all our clients", "relay", "shared by many", "", "shared"),
)


class Acme:
    """Everything simulated, in one folder. Entering starts the servers; leaving stops them.

    `aws`: with an AWS account; `microsoft`: with a tenant at Microsoft.
    """

    def __init__(
        self,
        folder: Path,
        *,
        large: int = LARGE_FILE_BYTES,
        ssh: Implementation | None = None,
        aws: bool = False,
        microsoft: bool = False,
    ) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.source = folder / "source"
        self.state = folder / "state"
        self.engagements = folder / "engagements"
        self.register = folder / "provider" / "obligations.yaml"
        self._large, self._implementation, self._with_aws, self._with_microsoft = large, ssh, aws, microsoft
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for path in (self.keys, self.source, self.state, self.engagements, self.register.parent):
            path.mkdir(parents=True)
        self._make_keys()
        write_files(self.source, large=self._large)
        self._write_provider_files()
        self._stack.enter_context(RestlessFile(self.source / "appointments.log"))
        self.mail = self._stack.enter_context(MailServer(self.folder / "mail"))
        self.s3 = self._stack.enter_context(S3Server.start(self.folder / "s3"))
        fill_bucket(self.s3)
        self.aws = self._stack.enter_context(AwsServer.start(self.folder / "aws")) if self._with_aws else None
        if self.aws:
            fill_account(self.aws, self.keys)
        served = self._with_microsoft and ServedOffice(self.keys / "microsoft", self.folder / "microsoft")
        self.tenant = self._stack.enter_context(served) if served else None
        self.stamps = self._stack.enter_context(TimeStampServer(self.folder / "time-stamps")) if shutil.which("openssl") else None
        for name, key in (("s3-access-key", self.s3.access_key), ("s3-secret-key", self.s3.secret_key)):
            (self.keys / name).write_text(key, encoding="ascii")
        lines = [f"{self.public[name]} {name}\n" for name in ("client-admin", "our-automation", "our-technician")]
        (self.folder / "host").mkdir()
        (self.folder / "host" / "authorized_keys").write_text("# files.acme-dental.example\n" + "".join(lines), encoding="ascii")
        self.ssh = self._stack.enter_context(
            SshServer.start(
                self.folder / "host", authorized_keys=self.folder / "host" / "authorized_keys", implementation=self._implementation
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _make_keys(self) -> None:
        people = ("alice", "bob", "tariq", "client-admin", "client-director", "our-automation", "our-technician", "successor-signer")
        self.public = {name: ssh_key(self.keys, name) for name in people}
        self.age = {name: age_key(self.keys, name) for name in ("client", "successor")}

    def _write_provider_files(self) -> None:
        for name, text in DOCUMENTS.items():
            path = self.folder / "provider" / "documents" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        vault = PyKeePass(io.BytesIO(Path(BLANK_DATABASE_LOCATION).read_bytes()), password=BLANK_DATABASE_PASSWORD)
        vault.password = VAULT_PASSPHRASE
        for title, user, password, url, owner in CREDENTIALS:
            entry = vault.add_entry(vault.root_group, title, user, password, url=url)
            entry.set_custom_property("Owner", owner)
        vault.save(str(self.folder / "provider" / "vault.kdbx"))
        (self.keys / "provider-vault-passphrase").write_text(VAULT_PASSPHRASE, encoding="utf-8")
        self.write_register()

    def write_register(self, *, settled: bool = False) -> None:
        """Write the provider's register of obligations, with what it still owes open or settled."""
        owed = {"id": "spare-firewall", "owed_by": "ours", "what": "return the client's spare firewall", "due": "2026-11-30"}
        invoice = {"id": "invoice-1042", "owed_by": "clients", "what": "invoice 1042, CAD 1,250", "due": "2026-11-15"}
        proof = {"settled": datetime.now(UTC).date().isoformat(), "evidence": "courier slip 7781, signed by D. Reyes"}
        self.register.write_text(yaml.safe_dump([owed | (proof if settled else {}), invoice], sort_keys=False), encoding="utf-8")

    def write_engagement(self, cutoff: datetime, second_check_after: timedelta, first_sweep_after: timedelta = timedelta(days=7)) -> Path:
        """Write the engagement file with the cutoff as local time in the client's zone."""
        path = self.engagements / f"{SLUG}.yaml"
        written = self._engagement(cutoff, second_check_after)
        written["sweeps_after"] = [f"PT{int(first_sweep_after.total_seconds())}S", "30 days", "90 days"]
        path.write_text(yaml.safe_dump(written, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path

    def _engagement(self, cutoff: datetime, second_check_after: timedelta) -> dict[str, Any]:
        def person(principal: str, name: str, role: str, key: str) -> dict[str, Any]:
            return {"principal": principal, "name": name, "role": role, "keys": [self.public[key]]}

        host = {
            "kind": "ssh_host",
            "name": "files-server",
            "host": self.ssh.host,
            "port": str(self.ssh.port),
            "user": self.ssh.user,
            "host_key": self.ssh.host_key_line,
            "private_key": f"file:{self.keys / 'our-automation'}",
        }
        stamps = {"kind": "rfc3161", "url": self.stamps.url, "roots": str(self.stamps.roots)} if self.stamps else None
        return {
            "provider": {"name": "Northwind Managed IT", "domain": "northwind.example", "address": "exits@northwind.example"},
            "client": {"slug": SLUG, "name": "Acme Dental", "address": "dana@acme-dental.example", "time_zone": ZONE},
            "successor": {"name": "Harbour IT", "address": "onboarding@harbour-it.example"},
            "decision": {
                "reason": "not_a_fit",
                "specifics": "Your clinics now need on-site support on weekends, and we have nobody who can give it to you.",
                "evidence": ["2026-09-14: meeting about weekend support", "2026-10-02: offer of a partner for weekends, declined"],
                "remedies_tried": ["a partner for weekend visits"],
                "decided_on": "2026-11-02",
            },
            "transition": {
                "what_we_do": ["Everything that is agreed until the cutoff", "Two hours of questions and answers with your next provider"],
                "recommended_providers": ["Harbour IT", "Burrard Systems"],
            },
            "cutoff": cutoff.astimezone(load_zone(ZONE)).isoformat(timespec="seconds"),
            "second_check_after": f"PT{int(second_check_after.total_seconds())}S",
            "negative_login_consent": "true",
            "people": [
                person("alice@northwind.example", "Alice Ng", "executive", "alice"),
                person("bob@northwind.example", "Bob Okafor", "executive", "bob"),
                person("tariq@northwind.example", "Tariq Haddad", "technician", "tariq"),
                person("dana@acme-dental.example", "Dana Reyes", "client", "client-director"),
                person("sam@harbour-it.example", "Sam Lund", "successor", "successor-signer"),
            ],
            "holders": [
                {"name": "Northwind automation", "keys": [self.public["our-automation"]]},
                {"name": "Tariq, technician", "keys": [self.public["our-technician"]]},
            ],
            "recipients": [{"party": "client", "age": self.age["client"]}, {"party": "successor", "age": self.age["successor"]}],
            "data_sources": [
                host | {"paths": [str(self.source.resolve())]},
                {
                    "kind": "s3_bucket",
                    "name": "images",
                    "bucket": BUCKET,
                    "endpoint": self.s3.endpoint,
                    "region": self.s3.region,
                    "access_key": "file:../keys/s3-access-key",
                    "secret_key": "file:../keys/s3-secret-key",
                    "versions": "true",
                },
                *([self.tenant.source()] if self.tenant else []),
            ],
            "access_targets": [
                host | {"authorized_keys": [str(self.ssh.authorized_keys)], "client_keys": [self.public["client-admin"]]},
                *([account(self.aws)] if self.aws else []),
                *([self.tenant.target()] if self.tenant else []),
            ],
            "credential_sources": [
                {
                    "kind": "keepass_vault",
                    "name": "vault",
                    "path": "../provider/vault.kdbx",
                    "passphrase": "file:../keys/provider-vault-passphrase",
                }
            ],
            "document_sources": [{"kind": "folder", "name": "documentation", "path": "../provider/documents"}],
            "obligation_sources": [{"kind": "register_file", "name": "register", "path": "../provider/obligations.yaml"}],
            "archive_store": {"kind": "folder", "path": "../archive"},
            "delta_store": {"kind": "folder", "path": "../archive-delta"},
            "handover_store": {"kind": "folder", "path": "../handover"},
            "checkpoint_store": {"kind": "folder", "path": "../checkpoints"},
            "time_stamper": stamps,
            "evidence_folder": "../evidence",
            "notifier": {
                "kind": "smtp",
                "name": "mail",
                "host": "127.0.0.1",
                "port": str(self.mail.port),
                "security": "none",
                "sender": "exits@northwind.example",
            },
        }
