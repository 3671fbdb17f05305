"""Gives up our access on many hosts, as the cutoff does, in a process of its own: `python -m bench.giving_up FOLDER HOSTS [draw]`.

FOLDER holds the ledger; HOSTS is a file as `described` writes it. With `draw` the plan is drawn and nothing else done: in an exit that was
weeks before, and people have signed it since.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.hosts import CLIENT, OURS, WAY_IN, Hosts
from bench.measure import PROJECT
from connectors.ssh_host import SshAccess
from core.exit import Exit, Systems
from core.ledger.lease import hold
from core.ledger.note import LogKey
from core.ledger.store import Ledger
from core.model import Engagement, EntryKind, Holder
from core.planning import draw_plan, require_saved_plan
from core.steps.discover import find_grants
from core.steps.kept import connections_kept
from core.steps.revoke import give_up, read_back, revoke

SLUG = "harbour-dental"


def described(hosts: Hosts, *, silent_ports: Sequence[int] = ()) -> str:
    """Spell who we are and the hosts as connectors, as JSON; the first ones at ports where nobody speaks, if any are given."""
    targets = [
        {
            "name": host.name,
            "host": host.server.host,
            "port": host.server.port,
            "user": host.server.user,
            "host_key": host.server.host_key_line,
            "private_key": f"file:{hosts.keys[WAY_IN].private}",
            "authorized_keys": [str(host.server.authorized_keys)],
            "client_keys": [hosts.keys[CLIENT].line],
        }
        for host in hosts.all
    ]
    for target, port in zip(targets, silent_ports, strict=False):
        target["port"] = port
    return json.dumps({"targets": targets, "holders": [{"name": name, "keys": [hosts.keys[name].line]} for name in OURS]})


def give_all_up(exit_: Exit) -> int:
    """Do what flows/cutoff.py does from the last look on; returns how many grants were seen to be revoked."""
    plan = require_saved_plan(exit_)
    with connections_kept(exit_) as there:
        found = find_grants(there, plan)
        aside = {name: str(error) for name, error in found.trouble.items()}
        trouble = give_up(there, plan, aside, lambda grants: revoke(there, grants, found.present))
    for words in (*trouble.values(), *read_back(exit_, plan, leave=trouble.keys())):
        sys.stderr.write(f"{words}\n")
    return len({entry.subject for entry in exit_.ledger.entries(kind=EntryKind.VERDICT) if entry.data["state"] == "revoked"})


def main(folder: Path, hosts: Path, *words: str) -> None:
    """Draw the plan, or give up what it names and say how many grants were seen to be revoked."""
    with _opened(folder, json.loads(hosts.read_text("utf-8"))) as exit_:
        done = len(draw_plan(exit_).grants) if words == ("draw",) else give_all_up(exit_)
    sys.stdout.write(f"{done}\n")


@contextmanager
def _opened(folder: Path, described: dict[str, Any]) -> Iterator[Exit]:
    engagement = _engagement(folder / "engagement.json")
    holders = tuple(Holder.model_validate(one) for one in described["holders"])
    cutoff = engagement.cutoff.model_copy(update={"instant": datetime.now(UTC) + timedelta(days=1)})
    key = LogKey.load_or_create(folder / "log.pem", f"northlight.example/offboard/{SLUG}")
    ledger = Ledger(f"sqlite:///{folder}/ledger.db", SLUG, key)
    with hold(ledger, "bench", lambda: datetime.now(UTC), ttl=timedelta(seconds=60), wait=timedelta(0)) as lease:
        yield Exit(
            engagement=engagement.model_copy(update={"holders": holders, "cutoff": cutoff}),
            systems=_systems([SshAccess.model_validate(one) for one in described["targets"]]),
            ledger=ledger,
            key=key,
            lease=lease,
            clock=lambda: datetime.now(UTC),
            folder=folder,
            receipt_secret=b"",
            evidence_folder=folder,
        )
    ledger.close()


def _engagement(kept: Path) -> Engagement:
    """Read the engagement as it was when the plan was drawn: by the cutoff a worker has long read its file, and imported all."""
    if not kept.exists():
        from configs.engagement_file import load  # noqa: PLC0415 - see above

        (kept.parent / f"{SLUG}.yaml").write_text((PROJECT / "docs" / "example-engagement.yaml").read_text("utf-8"), "utf-8")
        kept.write_text(load(kept.parent / f"{SLUG}.yaml").model_dump_json(include=set(Engagement.model_fields)), "utf-8")
    return Engagement.model_validate_json(kept.read_text("utf-8"))


def _systems(targets: Sequence[SshAccess]) -> Systems:
    nothing: Any = None  # stores and letters are no part of these steps
    return Systems(
        data_sources=(),
        access_targets=targets,
        credential_sources=(),
        document_sources=(),
        obligation_sources=(),
        archive_store=nothing,
        delta_store=nothing,
        handover_store=nothing,
        notifier=nothing,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
