"""A real PostgreSQL server of Debian's `postgresql`, in a folder of its own, reached by a socket in it; nothing listens on any port."""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

NOBODY = 65534
ROLE = "ledger"  # no superuser, as anybody's would be


class Server:
    """A server and its folder."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._names = (f"ledger_{number}" for number in itertools.count())
        # PostgreSQL refuses to run as root.
        self._nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
        if self._nobody:
            os.chown(self._folder, NOBODY, NOBODY)
        data = ["-D", self._folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*self._nobody, program("initdb"), *data], check=True, cwd=self._folder, stdout=subprocess.DEVNULL)
        self.start()
        with self.connect() as connection:
            connection.execute(f"CREATE ROLE {ROLE} LOGIN")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # The writer of the log is slow on purpose: what nobody waits for is not flushed by chance.
        settings = ["-c", "listen_addresses=", "-c", "wal_writer_delay=10s"]
        command = [*self._nobody, program("postgres"), "-D", self._folder / "data", "-k", self._folder, *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        for _ in range(400):
            try:
                self.connect().close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail((self._folder / "log").read_text())

    def crash(self) -> None:
        """End it at once: it writes nothing more (https://www.postgresql.org/docs/15/server-shutdown.html, immediate)."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def remove(self) -> None:
        """End it and remove its folder."""
        self._process.send_signal(signal.SIGINT)  # ends its connections, and then itself
        self._process.wait()
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = next(self._names)
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {ROLE}")
        return f"postgresql://{ROLE}@/{name}?host={self._folder}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Connect as the server's superuser."""
        return psycopg.connect(host=str(self._folder), user="postgres", dbname=database, autocommit=True)


def program(name: str) -> str:
    """Find one of PostgreSQL's programs; Debian has them on no PATH."""
    places = [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.fail(f"the tests need PostgreSQL's {name}; as root: apt-get install postgresql")
    return found
