"""Access is given up on a host that is not this machine: at a real address beyond loopback, inside a network namespace of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_access_ends_at_an_address_beyond_loopback(tmp_path: Path) -> None:
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    command = [*namespace, sys.executable, "-m", "tests.servers.distant_host", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["address"] == "10.77.0.1"
    assert seen["operations"]
    assert seen["back"] is True
    ours = dict.fromkeys(("connector", "technician", "operator"), "refused")
    assert seen["accepted"] == ours | {"client": "accepted", "neighbour": "accepted", "stranger": "refused"}
    assert all(seen["client"])
    assert seen["verdicts"] == ["revoked"] * 3
