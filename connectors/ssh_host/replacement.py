"""Putting new content in the place of a file: whole or not at all, and never over somebody else's change."""

import stat
from collections.abc import Callable
from typing import Final

from connectors.ssh_host.guard import POSIX_RENAME
from connectors.ssh_host.names import show
from connectors.ssh_host.packets import Attributes
from connectors.ssh_host.sftp import Sftp
from core.errors import RefusedError, UnavailableError

SUFFIX: Final = b".good-leaver"
_LARGEST: Final = 1024 * 1024
"""More than any file of key lines; a larger one is not what it is taken for."""


def temporary(path: bytes) -> bytes:
    """Name the file beside `path` in which the new content is written."""
    return path + SUFFIX


def read_regular(sftp: Sftp, path: bytes) -> tuple[bytes, Attributes]:
    """Read a small regular file whole. Raises RefusedError for a link, anything else, or what may not be read."""
    try:
        attributes = sftp.lstat(path)
        if not stat.S_ISREG(attributes.mode) or attributes.size > _LARGEST:
            what = "a symbolic link" if stat.S_ISLNK(attributes.mode) else "no regular file of a sensible size"
            raise RefusedError(f"{show(path)} is {what}", untouched="the file", todo="name the real file in the engagement file")
        handle = sftp.open_to_read(path)
        content = sftp.read(handle, 0, attributes.size)
        while len(content) < attributes.size and (more := sftp.read(handle, len(content), _LARGEST)):
            content += more
        sftp.close(handle)
    except OSError as exc:
        raise RefusedError(
            f"{show(path)} cannot be read ({exc or type(exc).__name__})",
            untouched="the file",
            todo="correct the path in the engagement file, or have the client let our account read it",
        ) from exc
    if len(content) != attributes.size:
        raise UnavailableError(f"{show(path)} changed while it was read", untouched="the file")
    return content, attributes


def replace(
    sftp: Sftp,
    path: bytes,
    old: tuple[bytes, Attributes],
    new: bytes,
    *,
    label: Callable[[], object] = lambda: None,
    into_place: bool = True,
) -> None:
    """Put `new` in the place of the file that was read as `old`, with its mode and owner.

    `label` is called when the new content is written beside, to give it what SFTP cannot. Without `into_place` it is left beside.

    A kill at any point leaves the file as before or as after. Raises UnavailableError if somebody else changed it meanwhile, RefusedError
    if the server cannot replace a file in one step or our account may not.
    """
    if POSIX_RENAME not in sftp.extensions:
        raise RefusedError("the server cannot replace a file in one step (posix-rename@openssh.com)", untouched=f"{show(path)}")
    try:
        _write_beside(sftp, path, old[1], new)
        label()
        if read_regular(sftp, path) != old:
            raise UnavailableError(
                f"{show(path)} was changed by somebody else just now", untouched="the file", todo="nothing; it is tried again"
            )
        if not into_place:
            return
        sftp.posix_rename(temporary(path), path)
    except OSError as exc:
        raise RefusedError(
            f"{show(path)} cannot be replaced ({exc or type(exc).__name__})",
            untouched=f"{show(path)}",
            todo=f"see that our account may write in its directory, and that {show(temporary(path))} is not somebody else's",
        ) from exc
    if read_regular(sftp, path)[0] != new:
        raise UnavailableError(f"{show(path)} was changed by somebody else right after us", todo="nothing; it is looked at again")


def put(sftp: Sftp, path: bytes, content: bytes) -> None:
    """Write a file of our own in a folder of our own, readable for its owner alone: whole or not at all. Raises OSError."""
    handle = _open_beside(sftp, temporary(path))
    try:
        sftp.emptied(handle, mode=0o600)
    except OSError:
        sftp.close(handle)
        raise
    sftp.write_out(handle, content)
    sftp.posix_rename(temporary(path), path)


def _write_beside(sftp: Sftp, path: bytes, like: Attributes, new: bytes) -> None:
    handle = _open_beside(sftp, temporary(path))
    try:
        made = sftp.emptied(handle, mode=stat.S_IMODE(like.mode))
        if (made.uid, made.gid) != (like.uid, like.gid):
            sftp.fsetstat(handle, owner=(like.uid, like.gid))
    except OSError:
        sftp.close(handle)
        raise
    sftp.write_out(handle, new)


def _open_beside(sftp: Sftp, path: bytes) -> bytes:
    """Make the file, or take over the one that an earlier, killed run left; never write through a link that somebody put there."""
    try:
        left = sftp.lstat(path)
    except FileNotFoundError:
        return sftp.open_to_write(path, new=True)
    if stat.S_ISREG(left.mode):
        handle = sftp.open_to_write(path, new=False)
        if sftp.fstat(handle) == left:
            return handle
        sftp.close(handle)
    raise PermissionError(f"{show(path)} is in the way")
