"""The requests of SFTP 3 by which a host is read.

Source: draft-ietf-secsh-filexfer-02, section 6.
"""

from typing import NamedTuple

from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_LSTAT,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_READLINK,
    CMD_STATUS,
    SFTP_FLAG_READ,
)

from connectors.ssh_host.packets import string


class Request(NamedTuple):
    """One question to the server: the packet's kind, what follows the request's number, and the kind of packet that answers it."""

    kind: int
    arguments: bytes
    answer: int


def lstat(path: bytes) -> Request:
    """Ask what a path is, following no link."""
    return Request(CMD_LSTAT, string(path), CMD_ATTRS)


def fstat(handle: bytes) -> Request:
    """Ask what an open file is."""
    return Request(CMD_FSTAT, string(handle), CMD_ATTRS)


def readlink(path: bytes) -> Request:
    """Ask where a link points."""
    return Request(CMD_READLINK, string(path), CMD_NAME)


def open_directory(path: bytes) -> Request:
    """Ask for a handle of a directory."""
    return Request(CMD_OPENDIR, string(path), CMD_HANDLE)


def read_directory(handle: bytes) -> Request:
    """Ask for the next names of an open directory."""
    return Request(CMD_READDIR, string(handle), CMD_NAME)


def open_file(path: bytes) -> Request:
    """Ask for a handle of a file, to read it."""
    return Request(CMD_OPEN, string(path) + SFTP_FLAG_READ.to_bytes(4, "big") + bytes(4), CMD_HANDLE)


def read(handle: bytes, offset: int, size: int) -> Request:
    """Ask for bytes of an open file."""
    return Request(CMD_READ, string(handle) + offset.to_bytes(8, "big") + size.to_bytes(4, "big"), CMD_DATA)


def close(handle: bytes) -> Request:
    """Give a handle back."""
    return Request(CMD_CLOSE, string(handle), CMD_STATUS)
