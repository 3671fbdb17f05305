"""Opening a connection to an SSH server that proves to hold its host key (RFC 4253); nobody is logged in by it."""

import logging
import socket
from typing import Final

from paramiko import SSHException
from paramiko.ssh_exception import IncompatiblePeer

from connectors.ssh_host import dropped
from connectors.ssh_host.arriving import ReadAhead
from connectors.ssh_host.authorized_keys import fingerprint
from connectors.ssh_host.guard import GuardedTransport, RareRekeying
from core.errors import RefusedError, UnavailableError
from core.signatures.public_key import PublicKey

CONNECT_SECONDS: Final = 10.0
KEEPALIVE_SECONDS: Final = 15
POLL_SECONDS: Final = 1.0
"""How often paramiko's thread looks up from an idle connection; its own tenth of a second costs much with hundreds of them."""
WINDOW: Final = 8 * 1024 * 1024
PACKET: Final = 256 * 1024

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its errors reach people as ours, not as tracebacks on the terminal


def connect(host: str, port: int, host_key: PublicKey, address: str) -> GuardedTransport:
    """Reach a server and have it prove its host key. `address` is how messages name it.

    Raises DroppedError when it ends the connection before it says who it is, UnavailableError when there is no SSH server to talk to,
    RefusedError for another host key or no common algorithm.
    """
    try:
        sock = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        # Else a small packet waits until the one before it is acknowledged: 40 ms where the other side has nothing to say.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = ReadAhead(sock)
        transport = _transport(line, host_key.type)
    except OSError as exc:
        raise UnavailableError(f"{address} cannot be reached ({type(exc).__name__}: {exc.strerror or exc})") from exc
    try:
        transport.start_client(timeout=CONNECT_SECONDS)
        _check_host_key(transport, host_key, f"{host}:{port}", address)
    except IncompatiblePeer as exc:
        transport.close()
        raise RefusedError(f"{address} and we have no algorithm in common ({exc})", untouched="the host") from exc
    except (SSHException, OSError, EOFError) as exc:
        transport.close()
        if not transport.remote_version and dropped.is_dropped(line.greeting):
            raise dropped.DroppedError(dropped.shown(line.greeting)) from exc
        raise UnavailableError(f"{address} broke off the key exchange ({type(exc).__name__})") from exc
    except (RefusedError, UnavailableError):
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE_SECONDS)
    transport.sock.settimeout(POLL_SECONDS)
    return transport


def _transport(line: ReadAhead, host_key_type: str) -> GuardedTransport:
    transport = GuardedTransport(line, default_window_size=WINDOW, default_max_packet_size=PACKET, packetizer_class=RareRekeying)
    options = transport.get_security_options()
    fast = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
    options.ciphers = fast
    wanted = ("rsa-sha2-512", "rsa-sha2-256") if host_key_type == "ssh-rsa" else (host_key_type,)
    # the pinned type comes first, so that a server with several host keys shows that one; the others stay, so that a mismatch can be named
    options.key_types = tuple(kind for kind in wanted if kind in options.key_types) + tuple(
        kind for kind in options.key_types if kind not in wanted
    )
    return transport


def _check_host_key(transport: GuardedTransport, expected: PublicKey, place: str, address: str) -> None:
    if not transport.initial_kex_done:
        raise UnavailableError(f"{address} did not finish the key exchange in {CONNECT_SECONDS:.0f} seconds")
    seen = transport.get_remote_server_key().asbytes()
    if seen != expected.blob:
        raise RefusedError(
            f"{place} shows the host key {fingerprint(seen)}, but {expected.fingerprint} is expected",
            untouched="everything; nothing was read and nobody was logged in",
            todo="ask the client whether the host was set up anew; if it was, put the new host key into the engagement file",
        )
