"""Where the embedded Prefect server listens, and its login: kept in one small file."""

import json
import os
import secrets
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from core.errors import RefusedError, UnavailableError

DEFAULT_PORT = 4200
ANY_PORT = 0


@dataclass(frozen=True, slots=True)
class Connection:
    """A port on 127.0.0.1, and what the login page asks for, `admin:…`."""

    port: int
    login: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file. Raises UnavailableError if no server has been started here yet, RefusedError if the file is damaged."""
        try:
            match json.loads(path.read_bytes()):
                case {"port": int(port), "login": str(login)} if 0 < port < 1 << 16 and all(login.partition(":")):
                    return cls(port, login)
        except FileNotFoundError:
            raise UnavailableError("no Prefect server has been started here", todo="run `make up` first") from None
        except ValueError:
            pass  # it is said below, without the text: that holds the login
        raise RefusedError(
            f"{path} is damaged: it does not hold a port and a login",
            untouched="every engagement, and Prefect's database",
            todo="delete that file; the next start makes a new login",
        )

    @classmethod
    def choose(cls, path: Path, wanted: int = DEFAULT_PORT) -> Self:
        """Take the wanted port if it is free, else any that is, with the login of the first start, and save both.

        The file is whole at every instant.
        """
        login = cls.load(path).login if path.exists() else f"admin:{secrets.token_urlsafe(18)}"
        chosen = cls(_free_port(wanted), login)
        descriptor, temporary = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # with mode 0600
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(asdict(chosen), out)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(path)
        return chosen


def _free_port(wanted: int) -> int:
    for port in (wanted, ANY_PORT):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UnavailableError("no free port on 127.0.0.1", untouched="every engagement")
