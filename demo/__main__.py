"""`python -m demo [FOLDER]`: one whole client exit on simulated systems that are real servers. `make demo` calls it.

FOLDER, build/demo if not given, is emptied first.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from cli.services import PROJECT, Services, stop_on_signals
from configs.open_exit import open_exit
from core.checklist import checklist
from core.planning import saved_plan
from demo.acme import SLUG, Acme
from demo.story import SHORTEST_LEAD, Story
from demo.telling import in_short, out

FOLDER = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else PROJECT / "build" / "demo"


def main() -> int:
    """Walk the exit; returns the exit status: 0 only if the exit closed and the evidence verified."""
    keep = bool(os.environ.get("KEEP"))
    stop_on_signals()
    shutil.rmtree(FOLDER, ignore_errors=True)
    with ExitStack() as stack:
        acme = Acme(FOLDER, aws=True, microsoft=True)
        os.environ |= {"OFFBOARD_ENGAGEMENTS": str(acme.engagements), "OFFBOARD_STATE": str(acme.state)}
        services = Services(FOLDER / "prefect")
        stack.callback(services.stop)
        out.print("Starting the Prefect server (SQLite, loopback, with a login) …")
        began = time.monotonic()
        services.start_server()
        started = time.monotonic() - began
        services.start_worker()
        out.print(
            "Starting Acme Dental: a file server (SSH), a bucket (S3), an AWS account, a tenant at Microsoft, a mail server, a vault …"
        )
        stack.enter_context(acme)
        out.print(f"     the file server is {acme.ssh.implementation}; it listens on 127.0.0.1 only, as all else here")
        out.print("     AWS and Microsoft's cloud are simulated, by programs on this machine that answer as theirs do")
        os.environ |= services.environment()
        good = Story(acme, services, lead(started)).tell()
        summary(services, keep=keep, good=good)
        if keep:
            signal.pause()
    return 0 if good else 1


def lead(server_start_seconds: float) -> timedelta:
    """Set the cutoff far enough ahead for this machine."""
    return max(SHORTEST_LEAD, timedelta(seconds=6 * server_start_seconds))


def summary(services: Services, *, keep: bool, good: bool) -> None:
    """Show the checklist as it stands, and where everything is."""
    with open_exit(SLUG) as exit_:
        rows = checklist(exit_, saved_plan(exit_))
    out.print("\n[bold]The exit of Acme Dental[/bold]")
    for line in in_short(rows):
        out.print(line, markup=False)
    shown = FOLDER.relative_to(PROJECT) if FOLDER.is_relative_to(PROJECT) else FOLDER
    places = f"OFFBOARD_ENGAGEMENTS={shown / 'engagements'} OFFBOARD_STATE={shown / 'state'}"
    out.print("What was done for each, and how it was verified:", markup=False)
    out.print(f"  {places} .venv/bin/offboard status {SLUG}\n", markup=False)
    for name, what in (
        ("archive", "the data, encrypted: a BagIt bag"),
        ("archive-delta", "what changed shortly before the cutoff"),
        ("handover", "credentials and documents, encrypted"),
        ("evidence", "the record: ./verify.sh, python3 verify.py . , data/review.html"),
        ("evidence-client.tar.gz.age", "the same, encrypted to the client: what may leave"),
        ("keys", "private keys of the simulated people; successor.txt and client.txt are age identities"),
        ("source", "what the client's server held"),
        ("mail", "the letters that were sent"),
    ):
        out.print(f"  {shown / name}  {what}", markup=False)
    if keep:
        out.print(f"\nPrefect UI: {services.url}   (login: {services.login})\nCtrl-C stops everything.", markup=False)
    else:
        out.print("\nTo click through it in the Prefect UI: make demo KEEP=1", markup=False)
    out.print(
        "[bold green]The exit closed and its evidence verified.[/]"
        if good
        else "[bold red]The exit did not end as it should; see above.[/]"
    )


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None
