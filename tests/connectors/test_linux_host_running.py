"""What runs under accounts of ours on a whole host, told from made-up processes by the script that runs there."""

import subprocess
from collections import Counter

import pytest

from connectors.ssh_host.linux.running import Runs, read_runs
from connectors.ssh_host.linux.scripts import RUNNING
from core.errors import UnavailableError

ACCOUNT = "nobody"
OURS = """
1 0 0 Ss systemd
10 1 0 Ss sshd
11 10 0 Ss sshd-session
12 11 US S sshd-session
13 12 US Ss sudo
ME 13 0 S sh
20 1 US Ss systemd
21 20 US S (sd-pam)
22 20 US Ss dbus-daemon
"""
ANOTHER = """
30 10 0 Ss sshd-session
31 30 US S sshd-session
32 31 US Ss bash
"""


def seen(processes: str) -> Runs:
    """Have the script look at these processes, which `ps` is made to show; ME is the script's own."""
    number = subprocess.run(("id", "-u", ACCOUNT), capture_output=True, text=True, check=True).stdout.strip()
    show = 'ps() { printf "%s" "$PROCESSES" | sed "s/^ME /$$ /"; }\n'
    done = subprocess.run(
        ("sh", "-c", show + RUNNING, "sh", ACCOUNT),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PROCESSES": processes.lstrip().replace(" US ", f" {number} ")},
        capture_output=True,
        text=True,
        check=True,
    )
    return read_runs(done.stdout, (ACCOUNT,))[ACCOUNT]


def test_what_systemd_starts_for_our_own_present_login_is_none_of_somebody_else() -> None:
    assert seen(OURS) == Runs(0, 0, Counter())


def test_another_login_is_told_with_what_hangs_on_the_accounts_systemd() -> None:
    assert seen(OURS + ANOTHER) == Runs(1, 3, Counter())


def test_what_was_left_running_is_told_with_any_name_and_beside_a_systemd_of_the_account() -> None:
    """Some shells' echo makes something else of a backslash."""
    names = r"a\nb", r"c\c", "d|e", "tail"
    left = "".join(f"{at} 1 US S {name}\n" for at, name in enumerate(names, 40))
    assert seen(OURS + left) == Runs(0, 4, Counter(names))


@pytest.mark.parametrize("out", ["b\n", f"{ACCOUNT}\n", f"{ACCOUNT}|running|1\n", f"{ACCOUNT}|running|x|1\n", "root|running|0|0\n"])
def test_what_is_not_of_its_form_is_unclear(out: str) -> None:
    with pytest.raises(UnavailableError, match="does not tell clearly what runs under nobody"):
        read_runs(out, (ACCOUNT,))


def test_what_cannot_be_seen_is_not_nothing() -> None:
    assert seen("1 0 0 Ss systemd\n") == Runs()
