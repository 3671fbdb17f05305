"""The folder that all runs share: data sets, keys, results; and which programs there are."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pyrage

from bench.data import make
from bench.measure import PROJECT, empty, forget
from bench.rows import Place

HERE = PROJECT / "build" / "bench"


class Workplace(NamedTuple):
    """Everything that a benchmark needs to know about where it runs. `scale` is the data's part of the full size."""

    folder: Path
    scale: float
    runs: int
    tell: Callable[[str], None]

    @classmethod
    def prepare(cls, folder: Path, *, scale: float, runs: int, tell: Callable[[str], None]) -> "Workplace":
        """Make the folder and an age key in it."""
        empty(folder / "runs")
        identity = pyrage.x25519.Identity.generate()
        (folder / "runs" / "key").write_text(f"{identity}\n", "ascii")
        (folder / "runs" / "recipient").write_text(str(identity.to_public()), "ascii")
        return cls(folder, scale, runs, tell)

    @property
    def scratch(self) -> Path:
        """Where what is not measured lies: keys, servers, homes."""
        return self.folder / "runs"

    @property
    def key(self) -> Path:
        """The file with the age identity that opens what is made."""
        return self.scratch / "key"

    @property
    def recipient(self) -> str:
        """Its public half."""
        return (self.scratch / "recipient").read_text("ascii")

    def data(self, name: str) -> Path:
        """Give a data set's folder; it is made if it is not there."""
        folder = self.folder / "data" if self.scale == 1 else self.folder / f"data-{self.scale:g}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            self.tell(f"making the data set {name}")
        return make(name, folder, self.scale)

    def place(self, source: Path | None, **more: str) -> Place:
        """Give an empty place for runs that read `source`; None: there is nothing of which the cache should be evened out."""
        output = self.scratch / "output"
        environment = {
            "PATH": search_path(),
            "HOME": str(self.scratch / "home"),
            "GNUPGHOME": gpg_home(self.folder),
            "LC_ALL": "C.UTF-8",
            "OUT": str(output),
            "KEY": str(self.key),
            "RECIPIENT": self.recipient,
            **({"SRC": str(source)} if source else {}),
            **more,
        }
        (self.scratch / "home").mkdir(mode=0o700, exist_ok=True)
        return Place(output, self.scratch / "said", environment, os.sync if source is None else lambda: forget(source))


@cache
def gpg_home(_workplace: Path) -> str:
    """Give a folder for gpg's keys whose path is short enough for the socket of its agent."""
    folder = tempfile.mkdtemp(prefix="gpg-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def search_path() -> str:
    """Name where programs are looked for: the peers' own virtual environment first, so that no other version is measured."""
    return os.pathsep.join((str(HERE / "venv" / "bin"), os.environ.get("PATH", os.defpath), "/usr/sbin"))


def missing(*programs: str) -> str:
    """Name those of these programs that are not installed, or nothing."""
    return ", ".join(program for program in programs if shutil.which(program, path=search_path()) is None)
