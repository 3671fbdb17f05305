"""Seeing whether a grant still opens anything: from outside by the server's answers, from inside while our own key still lets us look."""

import json
from typing import Final, NamedTuple

from connectors.ssh_host import verdicts
from connectors.ssh_host.authentication import Answer
from connectors.ssh_host.authorized_keys import KeyLine, key_lines
from connectors.ssh_host.grants import doubt
from connectors.ssh_host.linux import certificates, discovery
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.sudoers import EVERYTHING, MAIN, rules_files
from connectors.ssh_host.linux.survey import sudo_rules
from connectors.ssh_host.linux.things import Kind, Named
from connectors.ssh_host.linux.way_back import ran, unconfirmed
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import read_regular
from core.errors import RefusedError, UnavailableError
from core.model import Grant, GrantState, Verdict
from core.signatures.public_key import read_line

NO_SESSION: Final = "0 0"
CLOSED_BY_US: Final = "closed by us"
"""Under what the receipt of our own account notes that the host had closed it when it threw us out."""
_BY_KEY: Final = (Kind.KEY, Kind.COMMAND_KEY)
BY_FINGERPRINT: Final = (*_BY_KEY, Kind.AUTHORITY)
"""What the server's log names when somebody comes in by it."""


class Inside(NamedTuple):
    """What a look on the host shows: whether a grant stands (None: not known), what runs by it, and what nobody can tell.

    `untold`: how many sessions are open of which the host's log does not say by which key, a question mark if it cannot count them; empty
    if none. `root`: we see that log, and whose each session is. `ran`: what the way back put back there, for somebody to look at.
    """

    stands: bool | None = None
    running: int = 0
    untold: str = ""
    root: bool = False
    ran: str = ""


def verdict(host: ManagedHost, grant: Grant, what: Named, *, log_in: bool, come_in: bool) -> Verdict:
    """Judge one grant. Only what is seen counts as revoked. Nobody comes in to look at our own way in, nor without `come_in`."""
    try:
        answer, evidence = seen_from_outside(host, grant, what, reached=come_in and not grant.own)
        if log_in and grant.own:
            answer, why = host.try_login()
            evidence = f"{host.address}, tried to log in: {why}"
        inside = _seen_from_inside(host, grant, what) if come_in and not grant.own else Inside()
    except UnavailableError as error:
        return verdicts.of_state(GrantState.UNKNOWN, error.what)
    refused = bool(inside.stands) and answer == Answer.REFUSED
    if inside.stands is False and inside.running:
        answer, evidence = Answer.ACCEPTED, f"{evidence}; looked on the host: what was opened by it before still runs ({inside.running})"
    elif inside.stands is not None and not (what.kind in _BY_KEY and answer == Answer.ACCEPTED):
        answer = Answer.ACCEPTED if inside.stands else Answer.REFUSED
        evidence += f"; looked on the host: it {'is still there' if inside.stands else 'is there no more'}"
        if not inside.stands and inside.untold:
            answer = Answer.UNCLEAR if inside.root else answer
            evidence += f", but nobody can tell by which key {inside.untold} of the open sessions came in: have the client end them"
    elif inside.stands is None and answer == Answer.REFUSED:
        if why := doubt_of(host, grant, what):
            answer, refused = Answer.UNCLEAR, True
            inside_too = "a look on the host does not tell" if inside.root else "we cannot look any more"
            evidence += f"; {inside_too if come_in else 'we do not come in to look'}, and {why}"
        if grant.own and come_in and not log_in and not grant.undo.get(CLOSED_BY_US):
            evidence += f"; {unconfirmed(host)}"
    evidence += f"; {inside.ran}" if inside.ran else ""
    return verdicts.of_answer(answer, evidence, refused=refused)


def seen_from_outside(host: ManagedHost, grant: Grant, what: Named, *, reached: bool = False) -> tuple[Answer, str]:
    """Ask the server about every key by which this grant let us in; one that it takes is enough. Raises as `SshHost.connect`.

    `reached`: somebody else sees whether it can be reached.
    """
    if what.kind == Kind.AUTHORITY and grant.undo.get("certificate"):
        account = grant.undo["certificate-account"]
        answer, why = certificates.asked(host, account, grant.undo["certificate"])
        return answer, f"{account}@{host.host}:{host.port}, asked about a certificate by it without logging in: {why}"
    keys = keys_of(host, grant, what)
    if not keys:
        if not reached:
            host.connect().close()  # a host that cannot be reached is named as that
        return Answer.UNCLEAR, f"{host.host}:{host.port}: whether {grant.id} still holds cannot be seen from outside"
    answers = [(account, host.would_accept(account, key)) for account, key in keys]
    evidence = f"{host.host}:{host.port}, asked without logging in: " + "; ".join(
        f"{account}: {why}" for account, (_answer, why) in answers
    )
    given = [answer for _account, (answer, _why) in answers]
    wanted = Answer.ACCEPTED if Answer.ACCEPTED in given else Answer.UNCLEAR if Answer.UNCLEAR in given else Answer.REFUSED
    return wanted, evidence


def keys_of(host: ManagedHost, grant: Grant, what: Named) -> list[tuple[str, str]]:
    """Give the keys (account, public line) by which a grant lets us in, as far as that is known."""
    if what.kind in (Kind.ACCOUNT, Kind.SUDOERS) and (noted := json.loads(grant.undo.get("keys", "[]"))):
        return [(account, key) for account, key in noted]
    if what.kind in _BY_KEY and "key" in grant.undo:
        return [(account, grant.undo["key"]) for account in grant.undo["accounts"].split()]
    if grant.own:
        own = host.own_key()
        return [(host.user, own.line)] if what.what in (own.fingerprint, host.user) else []
    return []


def stands(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> bool | None:
    """See whether a grant is on the host; None if that is not known, by our rights or by what runs there.

    Raises RefusedError for a file that may not be read, or a command that may not be run.
    """
    if what.kind in (Kind.KEY, Kind.AUTHORITY):
        return any(line.fingerprint == what.what for line in _lines(shell, what))
    if what.kind == Kind.COMMAND_KEY or not shell.is_root:
        return _is_given(host, shell, grant, what) if shell.is_root else None
    if what.kind == Kind.ACCOUNT:
        seen = discovery.state(shell, what.what)
        return None if seen and discovery.UNCLEAR in seen else seen is not None and not discovery.is_closed(*seen)
    if what.kind == Kind.SUDOERS:
        return _rule_stands(host, shell, grant, what)
    if what.kind == Kind.JOB:
        account = what.what.rpartition(" of ")[2]
        return any(one.id == grant.id for one in discovery.jobs(host, shell, {account: grant.holder}))
    out = shell.run("agents", what.what).out.strip().split("|")
    return None if len(out) < 4 else out[1] == "loaded" and (out[2] == "active" or out[3] == "enabled")  # noqa: PLR2004 - four fields


def open_sessions(host: ManagedHost, shell: Shell, what: Named) -> tuple[int, str]:
    """Count what still runs by this grant, whether or not it lets anybody in anew; and the sessions that nobody can attribute.

    Of these it is empty if there are none, and a question mark where the host cannot count. Our own connection does not count.
    """
    if what.kind == Kind.ACCOUNT and shell.is_root:
        seen = shell.must("processes", what.what, failing="it cannot be seen what still runs")
        return _number(seen), "?" if seen.startswith(discovery.SHARED) else ""
    if what.kind not in BY_FINGERPRINT:
        return 0, ""
    known, untold = sessions_by_key(host, shell, what).split()
    return _number(known), "" if untold == "0" else untold


def sessions_by_key(host: ManagedHost, shell: Shell, what: Named) -> str:
    """Give how many logins beside our own connection are by a key or authority, and of how many the host's log does not tell it."""
    return shell.must("key-sessions", *ports(host, shell), what.what, failing="open sessions cannot be counted").strip()


def ports(host: ManagedHost, shell: Shell) -> tuple[str, str]:
    """Give the port of the server on the host itself, since the one to which we connect may be forwarded there, and that of our own end."""
    came = shell.run("where-from").out.split()
    return (came[3], came[1]) if len(came) > 3 else (str(host.port), "0")  # noqa: PLR2004 - four words, ssh(1)


def _number(out: str) -> int:
    first = out.split()[:1]
    return int(first[0]) if first and first[0].isdecimal() else 0


def _lines(shell: Shell, what: Named) -> list[KeyLine]:
    with shell.sftp((what.where,)) as sftp:
        try:
            lines = key_lines(read_regular(sftp, encode(what.where))[0])
        except RefusedError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
    return [line for line in lines if what.kind == Kind.AUTHORITY or not line.is_certificate_authority]


def _rule_stands(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> bool | None:
    names = set(grant.undo.get("accounts", "").split()) or {one.name for one in host.accounts}
    rules = {one.path: one for one in rules_files(sudo_rules(shell))}
    if what.what in (MAIN, EVERYTHING) and EVERYTHING in rules and rules[EVERYTHING].users is None:
        return None  # sudo's parser is not there, or could not read them
    there = rules.get(what.what)
    return there is not None and (there.users is None or bool(there.users & names))


def _is_given(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> bool | None:
    """Ask the program itself, as sshd does; None where it fails, or cannot be asked."""
    if "key" not in grant.undo:
        return None
    key = read_line(grant.undo["key"])
    came = shell.run("where-from").out.split()
    where = (came[0], came[2], came[3]) if len(came) > 3 else ("127.0.0.1", "127.0.0.1", str(host.port))  # noqa: PLR2004 - four words, ssh(1)
    said = shell.run("key-by-program", *where, what.where, *key.line.split()[:2], key.fingerprint).out.strip()
    return {"yes": True, "no": False}.get(said)


def _seen_from_inside(host: ManagedHost, grant: Grant, what: Named) -> Inside:
    """Look, as long as the server would let us in: a login that it would refuse is not tried for this."""
    try:
        if host.would_accept(host.user, host.own_key().line)[0] == Answer.REFUSED:
            return Inside()
        with host.shell() as shell:
            return Inside(stands(host, shell, grant, what), *open_sessions(host, shell, what), shell.is_root, ran(host, shell))
    except RefusedError:
        return Inside()


def doubt_of(host: ManagedHost, grant: Grant, what: Named) -> str:
    """Say why a refusal of its keys does not show that a grant is gone; empty if it does.

    Of an account it shows that only for our own, once the receipt notes that we closed it: its key may be gone by somebody else's hand.
    """
    if what.kind == Kind.KEY:
        return doubt(grant)
    if what.kind == Kind.COMMAND_KEY:
        return f"the keys of {what.where} come from a program, and a refusal does not show whether it still gives this one"
    if what.kind == Kind.SUDOERS:
        return "a refusal of the keys of its accounts does not show that the rule is gone"
    if what.kind == Kind.AUTHORITY:
        return certificates.doubt(grant, [one.name for one in host.accounts])
    if what.kind == Kind.ACCOUNT and not (grant.own and grant.undo.get(CLOSED_BY_US)):
        return "a refusal of its keys does not show that the account is closed: it may have a password, and other keys"
    return ""
