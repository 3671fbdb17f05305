"""The dead-man: before the first change, a restore of what the client needs is scheduled on the host itself.

It is called off only when the client is seen to come in, and it never brings anything of ours back.

What it restores if nobody confirms in time: sshd's, sudo's and PAM's own files, each set only if it passes its own test (`sshd -t`,
`visudo -c`), and every key line that is not ours.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Final

from connectors.ssh_host.authorized_keys import key_lines, take_out
from connectors.ssh_host.linux import asking
from connectors.ssh_host.linux.commands import Root
from connectors.ssh_host.linux.managed_host import ManagedHost
from connectors.ssh_host.linux.shell import Shell
from connectors.ssh_host.linux.survey import KeyFile, Survey
from connectors.ssh_host.linux.way_back_scripts import RESTORE
from connectors.ssh_host.names import encode
from connectors.ssh_host.replacement import put, read_regular
from core.errors import RefusedError, UnavailableError

CONFIRM: Final = b"confirm\n"
NOTHING_WRONG: Final = "wrong:"
NOT_ARMED: Final = "way-back"
_RAN: Final = "ran\n"
_MOST_TOLD: Final = 10
_BEGUN, _DONE = ": nobody confirmed in time", ": done"
_IT_RAN: Final = (
    "nobody confirmed a change in time, so the host put back what stood before it, and somebody has to look whether that undid what the "
    "client did meanwhile"
)
_ARMED: Final = "the way back: within its time the host restores its own settings and the client's key lines, and nothing of ours"

_LONGEST_NAME: Final = 60
"""As `commands.OWN_FOLDER` has it."""


def folder_of(host: ManagedHost, home: str) -> str:
    """Name our folder on the host after the system, however that is named; without root it is in the home of our account."""
    place = f"{home}/." if host.root == Root.NONE else "/var/lib/"
    name = "".join(one if one.isascii() and one.isalnum() else "-" for one in host.name)
    return f"{place}good-leaver-{name[:_LONGEST_NAME]}"


def unconfirmed(host: ManagedHost) -> str:
    """Say what the host does by itself if we were killed before we confirmed the last of ours, and how the client calls it off."""
    folder = folder_of(host, "~")
    return (
        f"if we were interrupted before we could confirm it, the host puts its settings of before back {host.way_back_seconds} seconds "
        f"after it was begun (see {folder}/log there), unless the client calls that off: mv {folder}/armed {folder}/confirmed"
    )


def ran(host: ManagedHost, shell: Shell) -> str:
    """Say the same as `WayBack.ran`, for who has not looked at the accounts."""
    entry = "" if host.root != Root.NONE else shell.run("accounts-named", host.user).out
    home = entry.split(":")[5] if entry.count(":") > 5 else f"/home/{host.user}"  # noqa: PLR2004 - a line of passwd(5)
    return _ran_in(shell, folder_of(host, home))


def _ran_in(shell: Shell, folder: str) -> str:
    seen = shell.must("way-back-ran", folder, failing="it cannot be seen whether the way back ran")
    if not seen.startswith(_RAN):
        return ""
    did = [line for line in dict.fromkeys(seen.removeprefix(_RAN).splitlines()) if not line.endswith((_BEGUN, _DONE))]
    more = [f"and {len(did) - _MOST_TOLD} more"] if len(did) > _MOST_TOLD else []
    return f"{_IT_RAN} ({folder}/log there): {'; '.join([*did[-_MOST_TOLD:], *more]) or 'it put nothing back'}"


class WayBack:
    """The way back of one host, in a folder of our own there. It runs when its time is over, unless it is confirmed or renewed before."""

    def __init__(self, host: ManagedHost, shell: Shell, survey: Survey) -> None:
        self._host = host
        self._shell = shell
        home = survey.accounts[host.user].home if host.user in survey.accounts else f"/home/{host.user}"
        self.folder = folder_of(host, home)

    def in_time(self) -> AbstractContextManager[None]:
        """Have nobody wait, in the block that begins now, for so long that it would run before its confirmation."""
        return self._host.no_longer_than(self._host.way_back_seconds / 2)

    def arm(self, survey: Survey, ours: Collection[bytes], drop_ins: Sequence[str]) -> str:
        """Lay it on the host and start it; one that was left armed is renewed, with what it kept then. Gives how it waits.

        `ours` are the keys, in wire form, whose lines it must not bring back; `drop_ins` the files of sudo rules.
        """
        failing = f"no way back can be laid in {self.folder}"
        armed = self._shell.must("way-back-prepare", self.folder, failing=failing).startswith("armed")
        try:
            if armed:
                self._leave_out(ours, drop_ins)
            else:
                self._lay(survey, ours, drop_ins)
        except OSError as exc:
            raise RefusedError(failing, untouched="everything else on the host", todo="see whether its disk is full") from exc
        return self._shell.must("way-back-start", self.folder, str(self._host.way_back_seconds), failing=failing).strip()

    def ran(self) -> str:
        """Say, for somebody to look at, what it ever put back there since nobody had confirmed in time; empty if it never ran."""
        return _ran_in(self._shell, self.folder)

    def confirm(self, gone: Sequence[tuple[str, str]] = ()) -> None:
        """Call it off: when the host's own files pass their tests, nobody else's line changed, and the client comes in.

        `gone` (account, key line) must not come in. Raises RefusedError otherwise, and UnavailableError when the server does not answer:
        then it stays armed.
        """
        self.require_nothing_wrong(self._shell.must("way-back-check", self.folder, failing="it cannot be looked whether all is well"))
        self.require_client(gone)
        if self._shell.run("way-back-confirm", self.folder).status != 0:
            raise self.not_confirmed("it had run already")

    def require_client(self, gone: Sequence[tuple[str, str]]) -> None:
        """See that the client comes in, and that these of ours do not. Raises as `confirm`."""
        try:
            asking.require_client(self._host, gone)
        except UnavailableError as error:
            raise UnavailableError(f"the change is not confirmed yet: {error.what}", untouched=_ARMED, todo=error.todo) from error

    def settle(self) -> None:
        """Call off one that an earlier, killed run left armed. Raises RefusedError as `confirm`."""
        seen = self._shell.run("way-back-check", self.folder)
        if seen.status == 0 and NOT_ARMED not in seen.out.split():
            self.confirm()

    def require_nothing_wrong(self, said: str) -> None:
        """Read what the check on the host wrote. Raises RefusedError."""
        if not said.startswith(NOTHING_WRONG):
            raise UnavailableError("the host did not say whether all is well")
        if said.strip() != NOTHING_WRONG:
            raise self.not_confirmed(f"not in order: {said.strip().removeprefix(NOTHING_WRONG).strip()}")

    def not_confirmed(self, why: str) -> RefusedError:
        """Say that the way back stays armed."""
        return RefusedError(
            f"the change is not confirmed: {why}",
            untouched=_ARMED,
            todo=f"see that the client can come in; {self.folder}/log on the host says what was restored",
        )

    def _lay(self, survey: Survey, ours: Collection[bytes], drop_ins: Sequence[str]) -> None:
        files = {"restore.sh": RESTORE.encode(), "ours": "".join(f"{path}\n" for path in drop_ins).encode()}
        for number, file in enumerate(survey.files):
            files[f"keep.{number}"] = take_out(file.content, [line for line in file.lines if line.blob in ours])
        files["kept"] = b"".join(_row(number, file) for number, file in enumerate(survey.files))
        with self._shell.sftp((self.folder,), [f"{self.folder}/{name}" for name in files]) as sftp:
            for name, content in files.items():
                put(sftp, encode(f"{self.folder}/{name}"), content)

    def _leave_out(self, ours: Collection[bytes], drop_ins: Sequence[str]) -> None:
        """Take what is ours now out of what an earlier one kept: it was armed for another grant."""
        index, named = f"{self.folder}/kept", f"{self.folder}/ours"
        with self._shell.sftp((self.folder,)) as sftp:
            rows = read_regular(sftp, encode(index))[0].splitlines()
            kept = {f"{self.folder}/keep.{row.split()[0].decode()}": b"" for row in rows}
            kept = {path: read_regular(sftp, encode(path))[0] for path in kept} | {named: read_regular(sftp, encode(named))[0]}
        with self._shell.sftp((self.folder,), tuple(kept)) as sftp:
            for path, content in kept.items():
                new = take_out(content, [line for line in key_lines(content) if line.blob in ours])
                if path == named:
                    new += "".join(f"{one}\n" for one in drop_ins if one.encode() not in content.splitlines()).encode()
                if new != content:
                    put(sftp, encode(path), new)


def _row(number: int, file: KeyFile) -> bytes:
    seen = file.attributes
    return f"{number} {seen.mode & 0o7777:04o} {seen.uid}:{seen.gid} ".encode() + encode(file.path) + b"\n"
