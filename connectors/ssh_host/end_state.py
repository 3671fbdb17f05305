"""What would be done to files of key lines, and how they would be then, found without a write."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from paramiko.sftp import CMD_EXTENDED, CMD_FSETSTAT, CMD_OPEN, CMD_WRITE, SFTP_FLAG_CREATE, SFTP_FLAG_EXCL, SFTP_FLAG_READ, SFTP_FLAG_WRITE

from connectors.ssh_host.authorized_keys import key_lines
from connectors.ssh_host.guard import FSYNC, POSIX_RENAME, Guard
from connectors.ssh_host.names import show
from connectors.ssh_host.replacement import temporary
from core.model import EndState

_NUMBER: Final = 1
_HANDLE: Final = b"handle"


def end_state(system: str, contents: Mapping[str, bytes], gone: Sequence[tuple[str, str]], clients: Collection[str]) -> EndState:
    """Leave the lines of `gone` (fingerprint, path) out of the files (path: content), and name the lines of `clients` that stay.

    Certificate authorities are neither: they are not taken out, and let others in than their own key.
    """
    left, lost = [], []
    for path, content in contents.items():
        every = [line.fingerprint for line in key_lines(content) if not line.is_certificate_authority]
        stay = [one for one in every if one in clients and (one, path) not in gone]
        left += [f"{one} in {path}" for one in stay]
        lost += [] if stay else [path]
    which = "the one file" if len(contents) == 1 else f"each of {len(contents)} files"
    files = f"{which}, read and not changed, keeps a key line of the client's"
    return EndState(
        system=system,
        administrators=tuple(dict.fromkeys(left)),
        enough=not lost,
        evidence=f"no key line of the client's would be left in {', '.join(lost)}" if lost else files,
    )


def planned_operations(paths: Sequence[bytes]) -> tuple[str, ...]:
    """Have a guard, such as a session for each file gets, judge every packet by which its lines would be taken out; none is sent.

    Raises GuardError for one that it would hold back.
    """
    told = []
    for path in paths:
        beside = temporary(path)
        guard = Guard((path,), {beside: path})
        guard.check(CMD_OPEN, _packet(path, flags=SFTP_FLAG_READ))
        guard.check(CMD_OPEN, _packet(beside, flags=SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_EXCL))
        guard.opened(_NUMBER, _HANDLE)
        for kind in (CMD_FSETSTAT, CMD_WRITE):
            guard.check(kind, _packet(_HANDLE))
        guard.check(CMD_EXTENDED, _packet(FSYNC, _HANDLE))
        guard.check(CMD_EXTENDED, _packet(POSIX_RENAME, beside, path))
        told += [f"read {show(path)}", f"write {show(beside)}", f"put {show(beside)} in the place of {show(path)}"]
    return tuple(told)


def _packet(*texts: bytes, flags: int = 0) -> bytes:
    return _NUMBER.to_bytes(4, "big") + b"".join(len(text).to_bytes(4, "big") + text for text in texts) + flags.to_bytes(4, "big")
