"""What discovery tells of a whole host beside the grants: what it could not look at, and what belongs to nobody who is named."""

import pytest

from connectors.ssh_host.authentication import Answer
from core.signatures.public_key import fingerprint
from tests.servers.linux_world import WITH_PAM, AccountsWorld


def test_where_the_server_reads_keys_is_asked_for_the_address_that_we_come_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A host with two addresses, which reads keys elsewhere for who comes to the second; the connection comes from the first."""
    world = AccountsWorld(tmp_path_factory.mktemp("two-addresses"), ())
    try:
        server, options = (
            world.server,
            ("ListenAddress 127.0.0.2", *WITH_PAM, "Match LocalAddress 127.0.0.2", "AuthorizedKeysFile /etc/ssh/second/%u"),
        )
        server.configure(options)
        server.run("install", "-d", "-m", "755", "/etc/ssh/second")
        for account, lines in (("northlight", ["connector"]), ("admin", ["client"]), ("app", ["neighbour", "technician"])):
            server.write(f"/etc/ssh/second/{account}", "".join(f"{world.people.lines[one]}\n" for one in lines).encode(), mode=0o644)
        second = world.access(host="127.0.0.2")
        found = {grant.id: grant for grant in second.discover(world.holders)}
        key = fingerprint(world.people.lines["technician"])
        assert [one for one in found if one.startswith(key)] == [f"{key} in /etc/ssh/second/app"]
        assert second.would_accept("app", world.people.lines["technician"])[0] == Answer.ACCEPTED
        second.revoke(found[f"{key} in /etc/ssh/second/app"])
        assert second.would_accept("app", world.people.lines["technician"])[0] == Answer.REFUSED
        assert not [grant for grant in world.target.discover(world.holders) if grant.id.startswith(key)]  # to the first address
    finally:
        world.server.stop()
