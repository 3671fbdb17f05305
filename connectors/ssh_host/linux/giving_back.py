"""Putting one grant back from what was noted, and saying how a person does the same by hand."""

from connectors.ssh_host.authorized_keys import missing_from, put_back
from connectors.ssh_host.grants import stored_lines
from connectors.ssh_host.linux import discovery
from connectors.ssh_host.linux.looking import stands
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.survey import look
from connectors.ssh_host.linux.things import Kind, Named
from connectors.ssh_host.linux.way_back import WayBack
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import read_regular, replace
from core.errors import RefusedError
from core.model import Grant, Receipt


def give_back(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> Receipt:
    """Put a grant back behind a way back of the client's. Raises RefusedError if that is a person's to do."""
    survey = look(shell, host)
    if what.kind not in (Kind.KEY, Kind.AUTHORITY) and stands(host, shell, grant, what):
        return Receipt(done=f"it was already so: {grant.id} is there", facts={"changed": False})
    if what.kind in (Kind.JOB, Kind.COMMAND_KEY):
        raise RefusedError(f"{grant.id} was never taken away by us", untouched="the host", todo="have the client put it back")
    missing: list[tuple[int, bytes]] = []
    if what.kind in (Kind.KEY, Kind.AUTHORITY):
        file = survey.file(what.where)
        missing = missing_from(file.content if file else b"", stored_lines(grant))
        if not missing:
            return Receipt(done=f"it was already so: {grant.id} is in place", facts={"changed": False})
    elif not grant.undo:
        raise RefusedError(f"{grant.subject} came without its undo", untouched="everything on the host")
    way = WayBack(host, shell, survey)
    with way.in_time():
        drop_ins = [*discovery.drop_ins_of_ours(host, survey), *([what.what] if what.kind == Kind.SUDOERS else [])]
        way.arm(survey, host.keys_of_ours, drop_ins)
        host.changed()
        if missing:
            _lines_back(shell, what.where, missing, grant)
        elif what.kind == Kind.ACCOUNT:
            _account_back(shell, what.what, grant)
        elif what.kind == Kind.SUDOERS:
            shell.must("drop-in-back", what.what, failing=f"{what.what} cannot get its name back, or sudo's rules are not whole with it")
        else:
            _agent_back(shell, what.what, grant)
        way.confirm()
    return Receipt(done=f"put {grant.id} back on {host.host}", facts={"changed": True})


def _lines_back(shell: Shell, path: str, missing: list[tuple[int, bytes]], grant: Grant) -> None:
    with shell.sftp((), (path,)) as sftp:
        old = read_regular(sftp, encode(path))
        new = put_back(old[0], missing, grant.undo.get("layout", "").split())
        replace(sftp, encode(path), old, new, label=lambda: shell.run("label-like", path))


def _account_back(shell: Shell, account: str, grant: Grant) -> None:
    command = "open-account" if discovery.was_locked(grant) else "unlock-account"
    shell.must(command, grant.undo.get("expires", ""), account, failing=f"{account} cannot be opened again")
    if discovery.state(shell, account) != (grant.undo.get("locked", ""), grant.undo.get("expires", "")):
        raise RefusedError(f"{account} is not as it was", untouched="its files, its number, its home")


def _agent_back(shell: Shell, unit: str, grant: Grant) -> None:
    enabled, active = grant.undo.get("enabled") == "enabled", grant.undo.get("active") == "active"
    shell.must("agent-on" if enabled else "agent-start", unit, failing=f"{unit} cannot be started again")
    if not active:
        shell.must("agent-stop", unit, failing=f"{unit} cannot be stopped again")
