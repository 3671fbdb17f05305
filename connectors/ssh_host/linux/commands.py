"""Every command that may be run on a whole Linux host: its words one by one, each either fixed or of a narrow form, quoted by us.

What is not spelled like one of these never leaves this machine. None of them removes an account, a file of the client's or a log.
"""

import re
import shlex
from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

from connectors.ssh_host.guard import refused
from connectors.ssh_host.linux import scripts, way_back_scripts


class Root(StrEnum):
    """How we become root."""

    LOGIN = "login"
    SUDO = "sudo"
    NONE = "none"


class Slot(NamedTuple):
    """A word that differs from call to call. `many`: none or more such words follow; only as the last one.

    `ours`: it must also be one of the accounts and units that the engagement file names as ours.
    """

    pattern: str
    many: bool = False
    ours: bool = False

    def fits(self, word: str) -> bool:
        """Whether a word has its form."""
        return re.fullmatch(self.pattern, word) is not None


_PATH = r"/(?!.*(?:^|/)\.{1,2}(?:/|$))[^\0\n]{1,4000}"
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?"
ACCOUNT: Final = Slot(_NAME)
OUR_ACCOUNT: Final = Slot(_NAME, ours=True)
ACCOUNTS: Final = Slot(_NAME, many=True)
PATH: Final = Slot(_PATH)
DROP_IN: Final = Slot(r"/etc/sudoers\.d/[A-Za-z0-9_-]{1,200}")
DROP_INS: Final = Slot(DROP_IN.pattern, many=True)
OWN_FOLDER: Final = Slot(r"/(?!.*\.\.)[A-Za-z0-9_./-]{1,200}/\.?good-leaver-[A-Za-z0-9_-]{1,60}")
UNIT: Final = Slot(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}\.(?:service|timer|socket)")
OUR_UNIT: Final = Slot(UNIT.pattern, ours=True)
UNITS: Final = Slot(UNIT.pattern, many=True)
FINGERPRINT: Final = Slot(r"SHA256:[A-Za-z0-9+/]{43}")
FINGERPRINTS: Final = Slot(FINGERPRINT.pattern, many=True)
NUMBER: Final = Slot(r"[0-9]{1,9}")
DAYS: Final = Slot(r"-?[0-9]{0,9}")
ADDRESS: Final = Slot(r"[0-9A-Fa-f.:%a-z]{1,60}")
KEY_TYPE: Final = Slot(r"[a-z][a-z0-9@.-]{0,59}")
KEY: Final = Slot(r"[A-Za-z0-9+/]{1,4000}={0,2}")
YES_NO: Final = Slot(r"yes|no")

Word = str | Slot


class Template(NamedTuple):
    """One command. `as_root`: it is run as root, where we can become root. `looks`: it only reads, so that the client may run it, too."""

    words: tuple[Word, ...]
    as_root: bool = True
    looks: bool = False


def _script(text: str, *more: Word) -> Template:
    return Template(("sh", "-c", text, "good-leaver", *more))


def _look(text: str, *more: Word) -> Template:
    return _script(text, *more)._replace(looks=True)


TABLE: Final = {
    # looking
    "user-id": Template(("id", "-u"), looks=True),
    "where-from": Template(("printenv", "SSH_CONNECTION"), as_root=False, looks=True),
    "accounts": Template(("getent", "passwd"), as_root=False, looks=True),
    "groups": Template(("getent", "group"), as_root=False, looks=True),
    "accounts-named": Template(("getent", "passwd", ACCOUNTS), as_root=False, looks=True),
    "name-services": _look(scripts.NAME_SERVICES)._replace(as_root=False),
    "server-settings": _look(scripts.SERVER_SETTINGS, ADDRESS, ADDRESS, NUMBER, ACCOUNTS),
    "sudo-rules": _look(scripts.SUDO_RULES),
    "may-sudo": Template(("env", "LC_ALL=C", "sudo", "-n", "-l", "-U", ACCOUNT), looks=True),
    "account-state": _look(scripts.ACCOUNT_STATE, ACCOUNT),
    "processes": _look(scripts.PROCESSES, ACCOUNT),
    "jobs": _look(scripts.JOBS, ACCOUNTS),
    "running": _look(scripts.RUNNING, ACCOUNTS),
    "agents": _look(scripts.AGENTS, UNITS),
    "key-sessions": _look(scripts.KEY_SESSIONS, "no", NUMBER, NUMBER, FINGERPRINT),
    "key-by-program": _look(scripts.KEY_BY_PROGRAM, ADDRESS, ADDRESS, NUMBER, ACCOUNT, KEY_TYPE, KEY, FINGERPRINT),
    "logins": _look(scripts.LOGINS, FINGERPRINTS),
    "way-back-ran": _look(way_back_scripts.RAN, OWN_FOLDER),
    # changing
    "close-account": Template(("usermod", "-L", "-e", "1", OUR_ACCOUNT)),
    "open-account": Template(("usermod", "-e", DAYS, OUR_ACCOUNT)),
    "unlock-account": Template(("usermod", "-U", "-e", DAYS, OUR_ACCOUNT)),
    "drop-in-out": _script(scripts.DROP_IN_OUT, DROP_IN),
    "drop-in-back": _script(scripts.DROP_IN_BACK, DROP_IN),
    "agent-off": Template(("systemctl", "disable", "--now", OUR_UNIT)),
    "agent-on": Template(("systemctl", "enable", "--now", OUR_UNIT)),
    "agent-start": Template(("systemctl", "start", OUR_UNIT)),
    "agent-stop": Template(("systemctl", "stop", OUR_UNIT)),
    "label-like": _script(scripts.LABEL_LIKE, PATH),
    "end-account": _script(scripts.END_ACCOUNT, OUR_ACCOUNT),
    "end-key-sessions": _script(scripts.KEY_SESSIONS, "yes", NUMBER, NUMBER, FINGERPRINT),
    "leave": _script(way_back_scripts.LEAVE, OWN_FOLDER, OUR_ACCOUNT, YES_NO, PATH, DROP_INS),
    # the way back
    "way-back-prepare": _script(way_back_scripts.PREPARE, OWN_FOLDER),
    "way-back-start": _script(way_back_scripts.START, OWN_FOLDER, NUMBER),
    "way-back-check": _script(way_back_scripts.CHECK, OWN_FOLDER),
    "way-back-confirm": _script(way_back_scripts.CONFIRM, OWN_FOLDER),
}
SFTP_SERVERS: Final = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/sftp-server",
)
_SUDO: Final = ("sudo", "-n", "--")
_HARMLESS_WITHOUT_ROOT: Final = {
    "user-id", "where-from", "accounts", "accounts-named", "groups", "name-services", "way-back-prepare", "way-back-start",
    "way-back-check", "way-back-confirm", "way-back-ran", "label-like", "key-sessions", "end-key-sessions",
}  # fmt: skip
"""What an account without root may run: it only reaches what is the account's own."""


class Commands:
    """The command lines that one connection may send: those of the table, each as root or not as the table says.

    `ours`: the accounts and units that may be changed; all others can only be looked at. With `only_looks` nothing can be changed: the
    commands are those that look, and SFTP as root is spoken by a server that is told to write nothing (sftp-server(8), `-R`).
    """

    def __init__(self, root: Root, ours: Collection[str] = (), *, only_looks: bool = False) -> None:
        self._root = root
        self._ours = frozenset(ours)
        self.only_looks = only_looks
        names = TABLE.keys() if root != Root.NONE else _HARMLESS_WITHOUT_ROOT
        self._templates = {name: self._words(TABLE[name]) for name in names if TABLE[name].looks or not only_looks}

    def line(self, name: str, *values: str) -> bytes:
        """Spell one command with its slots filled. Raises GuardError for a value that does not fit its slot."""
        given = list(values)
        words: list[str] = []
        for word in self._templates.get(name, ()):
            if isinstance(word, str):
                words.append(word)
            elif word.many:
                words += given
                given = []
            else:
                words.append(given.pop(0) if given else "")
        line = shlex.join(words).encode("utf-8", "surrogateescape")
        if given or line not in self:
            raise refused(f"the command {name} with these words")
        return line

    def told(self, name: str, *values: str) -> str:
        """Say in words what one command would be. Raises GuardError as `line`."""
        line = self.line(name, *values).decode("utf-8", "backslashreplace")
        if TABLE[name].words[:2] != ("sh", "-c"):
            return f"run {line}"
        return f"run our script {name}" + (f" for {shlex.join(values)}" if values else "")

    def sftp_server(self, path: str) -> bytes:
        """Spell how SFTP is spoken as root over a command of its own. Raises GuardError for a program that is none of the known."""
        line = shlex.join((*_SUDO, path, *self._write_nothing)).encode()
        if line not in self:
            raise refused(f"{path} by sudo")
        return line

    def __contains__(self, line: object) -> bool:
        """Whether this very line is one of the table's: taken apart it fits a template, and put together again it is the same."""
        if not isinstance(line, bytes):
            return False
        text = line.decode("utf-8", "surrogateescape")
        try:
            words = shlex.split(text)
        except ValueError:
            return False
        if shlex.join(words) != text:
            return False
        if self._root == Root.SUDO and tuple(words) in {(*_SUDO, path, *self._write_nothing) for path in SFTP_SERVERS}:
            return True
        return any(self._fits(words, template) for template in self._templates.values())

    @property
    def _write_nothing(self) -> tuple[str, ...]:
        return ("-R",) if self.only_looks else ()

    def _words(self, template: Template) -> tuple[Word, ...]:
        return (*_SUDO, *template.words) if template.as_root and self._root == Root.SUDO else template.words

    def _fits(self, words: list[str], template: tuple[Word, ...]) -> bool:
        last = template[-1]
        if isinstance(last, Slot) and last.many:
            extra = words[len(template) - 1 :]
            if not all(map(last.fits, extra)):
                return False
            words, template = words[: len(template) - 1], template[:-1]
        return len(words) == len(template) and all(map(self._is, words, template))

    def _is(self, word: str, expected: Word) -> bool:
        if isinstance(expected, str):
            return word == expected
        return expected.fits(word) and (not expected.ours or word in self._ours)
