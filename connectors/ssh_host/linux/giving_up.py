"""Taking one grant away, behind a way back, and ending its sessions last."""

import json
import time
from contextlib import suppress
from typing import Final

from connectors.ssh_host.authorized_keys import KeyLine, take_out
from connectors.ssh_host.linux import asking, discovery
from connectors.ssh_host.linux.by_hand import require_ours_to_do
from connectors.ssh_host.linux.looking import (
    BY_FINGERPRINT,
    CLOSED_BY_US,
    NO_SESSION,
    keys_of,
    open_sessions,
    ports,
    sessions_by_key,
    stands,
)
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.survey import KeyFile, Survey, look
from connectors.ssh_host.linux.things import Kind, Named
from connectors.ssh_host.linux.things import undo as undo_of_lines
from connectors.ssh_host.linux.way_back import CONFIRM, WayBack
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import read_regular, replace
from connectors.ssh_host.running import Running
from core.counting import counted
from core.errors import RefusedError, UnavailableError
from core.model import Grant, Receipt

_FAREWELL_SECONDS: Final = 5.0
_STILL_IN: Final = "ours are not seen to have ended: whoever came in before may still be in"


def give_up(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> Receipt:
    """Take a grant away, if it still stands. Raises RefusedError before any change for what a person has to do.

    If the host ever ran the way back, the receipt tells what that put back.
    """
    survey = look(shell, host)
    way = WayBack(host, shell, survey)
    ran = way.ran()
    receipt = _given_up(host, shell, survey, grant, what, way)
    if not ran:
        return receipt
    return receipt.model_copy(update={"done": f"{receipt.done}; {ran}", "facts": {**receipt.facts, "way back ran": ran}})


def _given_up(host: ManagedHost, shell: Shell, survey: Survey, grant: Grant, what: Named, way: WayBack) -> Receipt:
    if stands(host, shell, grant, what) is False:
        with way.in_time():
            way.settle()  # we were interrupted before we could say that all is well
        if not open_sessions(host, shell, what)[0]:
            return Receipt(done=f"it was already so: {grant.id} is not there", undo=grant.undo, facts={"changed": False})
        ended = _end_sessions(host, shell, what)  # we were interrupted before
        facts = {"changed": True, **ended, **_told_of_ours(host, shell, grant, what)}
        return Receipt(done=f"ended what was still open by {grant.id}", undo=grant.undo, facts=facts)
    require_ours_to_do(host, shell, survey, grant, what)
    asking.require_client(host)
    with way.in_time():
        return _take_away(host, shell, survey, grant, what, way)


def _take_away(host: ManagedHost, shell: Shell, survey: Survey, grant: Grant, what: Named, way: WayBack) -> Receipt:
    """Do it behind a way back, confirm it, and end its sessions. Raises RefusedError where it is not confirmed."""
    lines = _lines(survey, what, host.own_key().blob if grant.own else None)
    ours = host.keys_of_ours | {line.blob for _file, found in lines for line in found}
    drop_ins = [*discovery.drop_ins_of_ours(host, survey), *([what.what] if what.kind == Kind.SUDOERS else [])]
    waits = way.arm(survey, ours, drop_ins)
    host.changed()
    if what.kind == Kind.ACCOUNT and grant.own:
        return _leave(host, shell, survey, grant, way, lines[0])
    could = _may_sudo(host, shell) if what.kind == Kind.SUDOERS else []
    undo = _change(host, shell, grant, what, lines)
    if could and _may_sudo(host, shell) != could:
        raise way.not_confirmed("the client's administrators have other rights by sudo than before")
    gone = _closed_now(survey, keys_of(host, grant.model_copy(update={"undo": undo}), what), what) if what.kind == Kind.KEY else []
    way.confirm(gone)
    ended = _end_sessions(host, shell, what)
    facts = {"changed": True, "way back": waits, **ended, **_told_of_ours(host, shell, grant, what)}
    return Receipt(done=f"took {grant.id} away on {host.host}", undo=undo, facts=facts)


def _may_sudo(host: ManagedHost, shell: Shell) -> list[str]:
    return [shell.run("may-sudo", account).out for account in host.client_admins]


def _lines(survey: Survey, what: Named, own: bytes | None) -> list[tuple[KeyFile, list[KeyLine]]]:
    """Find the lines that go: of the key or authority, or for our own account of the key by which we come in."""
    if what.kind in (Kind.KEY, Kind.AUTHORITY):
        file = survey.file(what.where)
        authority = what.kind == Kind.AUTHORITY
        found = [] if file is None else [line for line in file.lines if line.fingerprint == what.what]
        return [
            (file, [line for line in found if (file.of_authorities or line.is_certificate_authority) == authority]) for _ in (1,) if file
        ]
    if own is None:
        return []
    return [
        (one, [line for line in one.lines if line.blob == own and not line.is_certificate_authority])
        for one in survey.files
        if what.what in one.accounts and any(line.blob == own for line in one.lines)
    ]


def _change(host: ManagedHost, shell: Shell, grant: Grant, what: Named, lines: list[tuple[KeyFile, list[KeyLine]]]) -> dict[str, str]:
    """Do the one thing, and give what undoes it."""
    undo = dict(grant.undo)
    if lines:
        file, found = lines[0]
        undo = undo_of_lines(file, found) | {name: value for name, value in undo.items() if name.startswith("certificate")}
        _replace(shell, file, found, into_place=True)
    elif what.kind == Kind.ACCOUNT:
        undo |= _account_state(shell, what.what)
        shell.must("close-account", what.what, failing=f"{what.what} cannot be locked and expired")
        if stands(host, shell, grant, what):
            raise RefusedError(f"{what.what} is not closed, though the host said so", untouched="its files, its number, its home")
    elif what.kind == Kind.SUDOERS:
        undo |= {"file": what.what}
        shell.must("drop-in-out", what.what, failing=f"{what.what} cannot be set aside, or sudo's rules are not whole without it")
    else:
        shell.must("agent-off", what.what, failing=f"{what.what} cannot be stopped")
        if stands(host, shell, grant, what):
            raise RefusedError(f"{what.what} still runs or starts by itself", untouched="everything else on the host")
    return undo


def _replace(shell: Shell, file: KeyFile, lines: list[KeyLine], *, into_place: bool) -> None:
    with shell.sftp((), (file.path,)) as sftp:
        old = read_regular(sftp, encode(file.path))
        if old != (file.content, file.attributes):
            raise UnavailableError(
                f"{file.path} was changed by somebody else just now", untouched="the file", todo="nothing; it is tried again"
            )
        new = take_out(old[0], lines)
        replace(sftp, encode(file.path), old, new, label=lambda: shell.run("label-like", file.path), into_place=into_place)


def _closed_now(survey: Survey, keys: list[tuple[str, str]], what: Named) -> list[tuple[str, str]]:
    """Leave out the accounts to which the same key opens another way: that is a grant of its own."""
    elsewhere = {
        account
        for file in survey.files
        if file.path != what.where and any(line.fingerprint == what.what for line in file.lines)
        for account in file.accounts
    }
    return [(account, key) for account, key in keys if account not in elsewhere and account not in survey.commands]


def _end_sessions(host: ManagedHost, shell: Shell, what: Named) -> dict[str, object]:
    """End what is still open by this grant; our own connection is closed by us, last."""
    if what.kind == Kind.ACCOUNT:
        before, after = ([*shell.run("end-account", what.what).out.split(), "?", "?"])[:2]
        return {"processes ended": before, "processes left": after}
    if what.kind in BY_FINGERPRINT:
        ended, unknown = ([*shell.run("end-key-sessions", *ports(host, shell), what.what).out.split(), "?", "?"])[:2]
        return {"sessions ended": ended, "sessions of which nobody can tell by which key": unknown}
    return {}


def _told_of_ours(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> dict[str, object]:
    """Say `sessions_ended` once the host itself tells, of every login that is open now, that it is none by our own key."""
    return {"sessions_ended": True} if grant.own and sessions_by_key(host, shell, what) == NO_SESSION else {}


def _leave(host: ManagedHost, shell: Shell, survey: Survey, grant: Grant, way: WayBack, lines: tuple[KeyFile, list[KeyLine]]) -> Receipt:
    """Close our own account with our key and our rights, at once; the host ends our sessions when we have said whether all is well."""
    file, found = lines
    drop_ins = discovery.own_drop_ins(host, survey)
    undo = undo_of_lines(file, found) | _account_state(shell, host.user) | {"drop-ins": json.dumps(drop_ins)}
    undo |= {"keys": grant.undo["keys"]} if "keys" in grant.undo else {}
    _replace(shell, file, found, into_place=False)
    with shell.start("leave", way.folder, host.user, "yes", file.path, *drop_ins) as running:
        way.require_nothing_wrong(_line(running))
        way.require_client([(host.user, host.own_key().line)])
        running.feed(CONFIRM)
        if _line(running).strip() != "confirmed":
            raise way.not_confirmed("the host did not take our word")
        with suppress(UnavailableError):  # our own session ends here
            while running.read():
                pass
        ended = _was_thrown_out(shell)
    kept = grant.undo if dict(grant.undo) and grant.undo.get("lines") == undo["lines"] else undo
    return Receipt(
        done=f"closed our own account {host.user} on {host.host}, with our key and {counted(len(drop_ins), 'file')} of sudo rules",
        undo={**kept, CLOSED_BY_US: "yes"},
        facts={"changed": True, "sessions": "ours ended last", "sessions_ended": True}
        if ended
        else {"changed": True, "sessions": _STILL_IN},
    )


def _was_thrown_out(shell: Shell) -> bool:
    """Wait until the host has ended the very connection by which we came: then it has ended every other of this account as well."""
    deadline = time.monotonic() + _FAREWELL_SECONDS
    while shell.transport.is_active() and time.monotonic() < deadline:
        time.sleep(0.05)
    return shell.transport.was_ended_by_server


def _account_state(shell: Shell, account: str) -> dict[str, str]:
    seen = discovery.state(shell, account)
    if seen is None:
        raise UnavailableError(f"{account} went away meanwhile", untouched="the host")
    return {"account": account, "locked": seen[0], "expires": seen[1]}


def _line(running: Running) -> str:
    said = b""
    while not said.endswith(b"\n") and (part := running.read()):
        said += part
    return said.decode("utf-8", "replace")
