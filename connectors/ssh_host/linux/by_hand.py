"""What is left to people on a host, since it may be the client's or nothing of ours can do it, and how they do it by hand."""

import shlex

from connectors.ssh_host.grants import stored_lines
from connectors.ssh_host.linux import discovery
from connectors.ssh_host.linux.commands import DROP_IN, Root
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.running import runs
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.survey import Survey
from connectors.ssh_host.linux.things import Kind, Named, drop_ins_of
from core.errors import RefusedError
from core.model import Grant


def require_ours_to_do(host: ManagedHost, shell: Shell, survey: Survey, grant: Grant, what: Named) -> None:
    """See that taking a grant away is left to nobody else. Raises RefusedError, which says how a person does it."""
    if why := _why_a_persons(host, shell, survey, grant, what):
        raise RefusedError(
            f"{grant.id} is left to a person: {why}",
            untouched="everything on the host",
            todo=f"have the client do it, or move it first: {_taking_away(what)}",
        )


def is_a_persons(host: ManagedHost, grant: Grant, what: Named) -> bool:
    """Say the same of a grant as it was found, without a look at the host."""
    if what.kind in (Kind.JOB, Kind.COMMAND_KEY) or (host.root == Root.NONE and what.kind != Kind.KEY):
        return True
    if what.kind == Kind.ACCOUNT and (grant.undo.get(discovery.LEFT_RUNNING) or grant.undo.get(discovery.NUMBER_SHARED)):
        return True
    return what.kind == Kind.SUDOERS and (bool(grant.undo.get("others")) or not DROP_IN.fits(what.what))


def giving_back_by_hand(grant: Grant, what: Named) -> str:
    """Say how the client gives a grant back; nothing in it is secret."""
    steps = []
    if "lines" in grant.undo:
        shown = " / ".join(text.decode("utf-8", "replace").strip() for _position, text in stored_lines(grant))
        steps.append(f"add to {grant.undo['file']}: {shown}")
    if what.kind == Kind.ACCOUNT:
        unlock = "" if discovery.was_locked(grant) else "-U "
        steps.append(f"run: usermod {unlock}-e {shlex.quote(grant.undo.get('expires', ''))} {what.what}")
        steps += [f"rename {path}.good-leaver to {path}" for path in drop_ins_of(grant)]
    if what.kind == Kind.SUDOERS:
        steps.append(f"rename {what.what}.good-leaver to {what.what}")
    if what.kind == Kind.AGENT:
        steps.append(f"run: systemctl enable --now {what.what}")
    return "; ".join(steps) or "it came without its undo"


def _taking_away(what: Named) -> str:
    return {
        Kind.KEY: f"take the lines of {what.what} out of {what.where}",
        Kind.AUTHORITY: f"take the line of {what.what} out of {what.where}",
        Kind.COMMAND_KEY: f"take {what.what} away where the program finds the keys of {what.where}",
        Kind.ACCOUNT: f"usermod -L -e 1 {what.what}, and take our lines out of its authorized_keys",
        Kind.SUDOERS: f"take the rules for our accounts out of {what.what} with visudo",
        Kind.JOB: f"{what.where} under an account of the client's, or none",
        Kind.AGENT: f"stop {what.what} and keep it from starting",
    }[what.kind]


def _why_a_persons(host: ManagedHost, shell: Shell, survey: Survey, grant: Grant, what: Named) -> str:
    """Say why a person has to do it, as the host is now; empty if that is left to us."""
    if what.kind == Kind.COMMAND_KEY:
        return f"the keys of {what.where} come from a program ({survey.commands.get(what.where, 'AuthorizedKeysCommand')}), not from a file"
    if what.kind == Kind.JOB:
        return f"it runs by itself for the client's sake, or ours: {what.what}; it stops when the account expires"
    if not shell.is_root and what.kind != Kind.KEY:
        return "we come in without root (root: none)"
    if what.kind == Kind.AGENT and shell.run("agents", what.what).out.strip() == "none":
        return "no systemd runs on this host"
    if what.kind == Kind.ACCOUNT:
        return _what_would_end(host, shell, grant, what)
    return _whose_rules(host, survey, what) if what.kind == Kind.SUDOERS else ""


def _what_would_end(host: ManagedHost, shell: Shell, grant: Grant, what: Named) -> str:
    """Name what runs by itself under an account, or was left running there, and may be the client's; empty if there is nothing."""
    if others := discovery.sharing(shell, what.what):
        return f"its number is also that of {others}, whose processes would end with it: give it one of its own (usermod -u)"
    if jobs := list(discovery.jobs(host, shell, {what.what: grant.holder})):
        return f"these stop when it expires: {'; '.join(one.id for one in jobs)}"
    running = runs(shell, [what.what])[what.what]
    if left := discovery.held_by(host, what.what, running):
        if running.left is None:
            return "what runs under it cannot be seen (ps), and would end with it; if nothing there is the client's, say used_by_us_alone"
        return f"what runs under it without a login would end: {left}; if nothing of it is the client's, say used_by_us_alone"
    return ""


def _whose_rules(host: ManagedHost, survey: Survey, what: Named) -> str:
    """Say what else than rules of ours a file holds, or why it cannot be set aside; empty if it can be."""
    rules = next((one for one in survey.rules if one.path == what.what), None)
    if rules is None or rules.users is None or not DROP_IN.fits(what.what):
        return "it is no drop-in that can be set aside by itself"
    others = sorted(rules.users - {one.name for one in host.accounts}) + list(rules.others)
    return f"it is also for {', '.join(others)}" if others else ""
