"""Asking a host's server who comes in: the client, and whether we still do."""

from collections.abc import Sequence

from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.linux.managed_host import ManagedHost
from core.errors import RefusedError
from core.model import ClientControl
from core.signatures.public_key import read_line


def control(host: ManagedHost) -> ClientControl:
    """Ask whether each of the client's administrators would come in by a key of the client's."""
    proved, seen = True, []
    for account in host.client_admins:
        answers = {read_line(line).fingerprint: host.would_accept(account, line) for line in host.client_keys}
        proved = proved and any(answer == Answer.ACCEPTED for answer, _why in answers.values())
        seen += [f"{account} by {finger}: {why}" for finger, (_answer, why) in answers.items()]
    return ClientControl(system=host.name, proved=proved, evidence=f"{host.host}:{host.port}, asked without logging in: {'; '.join(seen)}")


def require_client(host: ManagedHost, gone: Sequence[tuple[str, str]] = ()) -> None:
    """See that the client comes in and that these (account, key line) do not. Raises RefusedError.

    What the server said since our last change is enough: after a change it is asked over connections that are younger than it.
    """
    keys = {key for _account, key in gone}
    if any(read_line(line).line in keys for line in host.client_keys):
        raise RefusedError(
            "a key is named as the client's own and as ours", untouched="the host", todo="name a key under client_keys that only it has"
        )
    if not all(any(host.would_have_accepted(account, line) for line in host.client_keys) for account in host.client_admins):
        seen = control(host)
        if not seen.proved:
            raise RefusedError(
                f"the client is not seen to come in: {seen.evidence}",
                untouched="the host",
                todo="have the client's own key let in first",
            )
    for account, key in gone:
        answer, why = host.would_accept(account, key)
        if answer != Answer.REFUSED:
            raise RefusedError(
                f"{account} is not seen to be closed to {read_line(key).fingerprint}: {why}", untouched="the client's way in"
            )
    host.leave_outside()
