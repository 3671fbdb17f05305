"""A whole round of giving up access on a host at another address than loopback: in a network namespace of its own, where it harms nobody.

Run by `unshare --net`: python -m tests.servers.distant_host FOLDER. It prints what was seen, as JSON.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.model import GrantState
from demo.ssh_server import SshServer
from tests.servers.ssh_world import SshWorld

ADDRESS = "10.77.0.1"


class DistantServer(SshServer):
    """Listens on an address that is not loopback."""

    host = ADDRESS


class DistantWorld(SshWorld):
    """Made-up people upon that host."""

    def settings(self, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of several types
        return super().settings(**{"host": ADDRESS} | changed)


def start(folder: Path) -> DistantWorld:
    """Bring the address up, in this namespace alone, and the server on it."""
    for command in (["ip", "link", "set", "lo", "up"], ["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"]):
        subprocess.run(command, check=True)
    world = DistantWorld(folder, "openssh", server=DistantServer)
    names = ("client", "neighbour", "technician", "operator", "connector")  # none for some addresses alone: a refusal has one reason
    world.write("".join(f"{world.keys[name]}\n" for name in names).encode())
    return world


def round_of(world: DistantWorld) -> dict[str, Any]:
    """Find, take away, try, and put back what our own key still can."""
    grants = world.target.discover(world.holders)
    operations = world.target.operations(grants)
    others, own = [grant for grant in grants if not grant.own], next(grant for grant in grants if grant.own)
    receipts = {grant.holder: world.target.revoke(grant) for grant in others}
    restored = others[0].model_copy(update={"undo": receipts[others[0].holder].undo})
    world.target.reinstate(restored)
    back = world.target.verify(restored, log_in=False).state == GrantState.ACTIVE
    for grant in (others[0], own):
        receipts[grant.holder] = world.target.revoke(grant)
    return {
        "address": world.target.host,
        "operations": len(operations),
        "back": back,
        "accepted": {name: world.target.would_accept(world.server.user, key)[0] for name, key in world.keys.items()},
        "client": [receipt.facts["client_let_in_after_by"] for receipt in receipts.values()],
        "verdicts": sorted(world.target.verify(grant, log_in=True).state for grant in grants),
    }


if __name__ == "__main__":
    distant = start(Path(sys.argv[1]))
    try:
        sys.stdout.write(json.dumps(round_of(distant)))
    finally:
        distant.close()
