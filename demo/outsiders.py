"""Every way in that there was to the simulated client, tried from outside by clients that are not the program's own."""

import asyncio

import asyncssh

from demo.acme import Acme
from demo.acme_account import ways_in

THE_CLIENTS = (
    "client-admin's SSH key",
    "dana's access key",
    "dana's account at Microsoft",
    "the client's own application at Microsoft",
)
"""What has to come in to the end; everything else is ours."""


def who_comes_in(acme: Acme) -> dict[str, bool]:
    """Try each way in once, and say which still opens."""
    names = ("our-automation", "our-technician", "client-admin")
    tried = {f"{name}'s SSH key": asyncio.run(_enters(acme, name)) for name in names}
    tried |= ways_in(acme.aws, acme.keys) if acme.aws else {}
    return tried | (acme.tenant.ways_in() if acme.tenant else {})


async def _enters(acme: Acme, key: str) -> bool:
    known = asyncssh.import_known_hosts(f"[127.0.0.1]:{acme.ssh.port} {acme.ssh.host_key_line}\n")
    own = {"username": acme.ssh.user, "client_keys": [str(acme.keys / key)], "agent_path": None, "config": None}
    try:
        async with asyncssh.connect("127.0.0.1", acme.ssh.port, known_hosts=known, **own):
            return True
    except asyncssh.PermissionDenied:
        return False
