"""Rows of `access`: giving up 1,000 grants on 200 hosts, against an Ansible play and a pyinfra deploy that take the same lines out.

Each is told to do it in its own best way: many hosts at once, connections kept, our own way in last. The files are put back before each.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.giving_up import described
from bench.hosts import CLIENT, OURS, TECHNICIANS, WAY_IN, Host, Hosts, running, silent_host
from bench.measure import WrongResultError, empty, run
from bench.rows import Contender, Place, Row, contest
from bench.workplace import HERE, Workplace, missing

HOSTS, AT_ONCE = 200, 50
TRIED_AT_ONCE = 8
GOAL = 0.5
TOOLS = HERE / "access-venv" / "bin"
TARGET_PYTHON = "/usr/bin/python3"


def access(workplace: Workplace) -> list[Row]:
    """Give everything up, by turns; ours also with a host that never speaks, which must hold no other. Raises WrongResultError."""
    if lacking := missing("sshd", "ssh"):
        return [Row("give up access", "", f"{lacking} not installed")]
    count = max(2, round(HOSTS * workplace.scale))
    workplace.tell(f"give up access: starting {count} servers")
    with running(workplace.scratch / "access", count) as hosts:
        work = f"give up {count * len(OURS):,} grants on {count} hosts"
        place = workplace.place(None, **_settings(hosts))
        plan = _planned(workplace, hosts)
        own = _ours("Good Leaver", hosts, plan, place, "hosts.json")
        with silent_host() as port:
            (hosts.folder / "silent.json").write_text(described(hosts, silent_ports=[port]), "utf-8")
            held = _ours("ours, one host silent", hosts, plan, place, "silent.json", silent=1)
            return contest(work, own, [_pyinfra(hosts), held, _ansible(hosts)], place, runs=workplace.runs, tell=workplace.tell)


def _planned(workplace: Workplace, hosts: Hosts) -> Path:
    """Draw the plan, into a ledger that each run of ours gets a copy of."""
    folder = hosts.folder / "plan"
    empty(folder)
    (hosts.folder / "hosts.json").write_text(described(hosts), "utf-8")
    making = workplace.place(None)
    run(_giving_up(folder, hosts.folder / "hosts.json", "draw"), environment=making.environment, output=folder, said=making.said)
    return folder


def _ours(name: str, hosts: Hosts, plan: Path, place: Place, which: str, *, silent: int = 0) -> Contender:
    def check(place: Place) -> None:
        seen = place.said.read_text("utf-8").split()
        expected = str((len(hosts.all) - silent) * len(OURS))
        if seen[-1:] != [expected]:
            raise WrongResultError(f"{expected} grants were to be seen revoked, and it said {' '.join(seen)[-500:]}")
        gone(hosts, hosts.all[silent:])

    return Contender(
        name,
        _giving_up(place.output, hosts.folder / which),
        prepare=["cp", "-r", f"{plan}/.", str(place.output)],
        check=check,
        runs=1 if silent else 1_000,
    )


def _giving_up(folder: Path, hosts: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "bench.giving_up", str(folder), str(hosts), *words]


def _checked(hosts: Hosts) -> Callable[[Place], None]:
    return lambda _place: gone(hosts, hosts.all)


def gone(hosts: Hosts, done: Sequence[Host]) -> None:
    """See that our lines are gone, all other bytes are there, and our keys are refused, by turns; put the files back to the start."""
    for host in done:
        if host.server.authorized_keys.read_bytes() != host.expected:
            raise WrongResultError(f"the key lines of {host.name} are not those that were expected")
    tried = [(host, OURS[number % len(OURS)]) for number, host in enumerate(hosts.all) if host in done]
    with ThreadPoolExecutor(TRIED_AT_ONCE) as pool:  # one after the other they take longer than all that is measured
        for (host, who), came_in in zip(tried, pool.map(lambda one: _comes_in(hosts, *one), tried), strict=True):
            if came_in:
                raise WrongResultError(f"{host.name} still lets {who} in")
    if not _comes_in(hosts, hosts.all[-1], CLIENT):
        raise WrongResultError(f"{hosts.all[-1].name} does not let the client in any more")
    hosts.reset()


def _comes_in(hosts: Hosts, host: Host, who: str) -> bool:
    command = ["ssh", "-F", "none", "-i", str(hosts.keys[who].private), "-p", str(host.server.port), "-o", "BatchMode=yes"]
    command += ["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", f"UserKnownHostsFile={hosts.folder / 'known_hosts'}"]
    done = subprocess.run([*command, f"{host.server.user}@{host.server.host}", "true"], capture_output=True, text=True, check=False)
    if done.returncode and "Permission denied" not in done.stderr:
        raise WrongResultError(f"{host.name} neither lets {who} in nor refuses: {done.stderr}")
    return done.returncode == 0


def _settings(hosts: Hosts) -> dict[str, str]:
    """Write what the peers are told, and give their environment."""
    folder = hosts.folder
    lines = {name: hosts.keys[name].line for name in OURS}
    options = f"-F none -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={shlex.quote(str(folder / 'known_hosts'))}"
    known = "".join(f"[{host.server.host}]:{host.server.port} {host.server.host_key_line}\n" for host in hosts.all)
    (folder / "known_hosts").write_text(known, "ascii")
    (folder / "inventory.json").write_text(json.dumps(_inventory(hosts)), "utf-8")
    keys = ("\n".join(lines[name] for name in TECHNICIANS), lines[WAY_IN])  # one module call takes all technicians' keys
    tasks = [{"ansible.posix.authorized_key": _absent(hosts, key)} for key in keys]
    (folder / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]), "utf-8")
    (folder / "hosts.py").write_text(f"hosts = {_pyinfra_hosts(hosts)!r}\n", "utf-8")
    lines_out = "".join(f"files.line(path=host.data.path, line={line!r}, present=False)\n" for line in lines.values())
    (folder / "deploy.py").write_text(f"from pyinfra import host\nfrom pyinfra.operations import files\n\n{lines_out}", "utf-8")
    return {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_FORKS": str(AT_ONCE),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_SSH_ARGS": options,
        "ANSIBLE_DISPLAY_OK_HOSTS": "False",
    }


def _absent(hosts: Hosts, key: str) -> dict[str, object]:
    return {"user": hosts.all[0].server.user, "path": "{{ path }}", "manage_dir": False, "state": "absent", "key": key}


def _inventory(hosts: Hosts) -> dict[str, object]:
    common = {"ansible_ssh_private_key_file": str(hosts.keys[WAY_IN].private), "ansible_python_interpreter": TARGET_PYTHON}
    each = {
        host.name: {
            "ansible_host": host.server.host,
            "ansible_port": host.server.port,
            "ansible_user": host.server.user,
            "path": str(host.server.authorized_keys),
        }
        for host in hosts.all
    }
    return {"all": {"hosts": each, "vars": common}}


def _pyinfra_hosts(hosts: Hosts) -> list[tuple[str, dict[str, object]]]:
    return [
        (
            host.name,
            {
                "ssh_hostname": host.server.host,
                "ssh_port": host.server.port,
                "ssh_user": host.server.user,
                "ssh_key": str(hosts.keys[WAY_IN].private),
                "ssh_known_hosts_file": str(hosts.folder / "known_hosts"),
                "path": str(host.server.authorized_keys),
            },
        )
        for host in hosts.all
    ]


def _pyinfra(hosts: Hosts) -> Contender:
    program = TOOLS / "pyinfra"
    command = [str(program), "-y", "--parallel", str(AT_ONCE), str(hosts.folder / "hosts.py"), str(hosts.folder / "deploy.py")]
    return Contender("pyinfra", command, "" if program.exists() else "pyinfra", check=_checked(hosts), goal=GOAL)


def _ansible(hosts: Hosts) -> Contender:
    program = TOOLS / "ansible-playbook"
    command = [str(program), "-i", str(hosts.folder / "inventory.json"), str(hosts.folder / "play.json")]
    lacking = "" if program.exists() and Path(TARGET_PYTHON).exists() else "ansible"
    return Contender("Ansible", command, lacking, check=_checked(hosts), goal=GOAL, runs=1)
