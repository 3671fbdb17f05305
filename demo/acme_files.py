"""What the simulated client's file server holds: a few hundred files, hostile ones among them, and one that never rests."""

import os
import random
import threading
from pathlib import Path
from typing import Self

LARGE_FILE_BYTES = 200_000_000
PATIENTS = 240


def write_files(root: Path, *, large: int = LARGE_FILE_BYTES) -> None:
    """Fill a folder. The same content each time but for times."""
    chance = random.Random(2026)  # noqa: S311 - made-up office files, not secrets
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(400)]
    for number in range(PATIENTS):
        path = root / f"patients/{number // 40:02}/chart-{number:04}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b" ".join(chance.choices(words, k=chance.randint(40, 2000))))
    (root / "imaging").mkdir(parents=True)
    with (root / "imaging/panorama.raw").open("wb") as out:  # half noise, half words: like pictures with their headers
        for _ in range(large // 2_000_000):
            out.write(chance.randbytes(1_000_000))
            out.write((b" ".join(words) * 500)[:1_000_000])
    _write_hostile(root / "odd names")


def _write_hostile(root: Path) -> None:
    root.mkdir()
    names = [
        "Größe - 歯科.txt",
        "two\nlines.txt",
        "-rf",
        "100%.txt",
        "%0a.txt",
        "quote\"and'back\\slash",
        "trailing space ",
        "trailing dot.",
        "CON",
        "star*?.txt",
    ]
    for name in names:
        (root / name).write_text(f"a file named {name!r}\n", encoding="utf-8")
    (Path(os.fsdecode(os.fsencode(root) + b"/not-utf8-\xff.txt"))).write_bytes(b"a name that is not UTF-8\n")
    (root / "nothing in it").write_bytes(b"")
    (root / "an empty folder").mkdir()
    (root / "loop").symlink_to("loop")
    (root / "upwards").symlink_to("..")
    (root / "outside").symlink_to("/etc/passwd")


class RestlessFile:
    """A file that is written all the time: an appointment log that nobody stops for us."""

    def __init__(self, path: Path, size: int = 8_000_000) -> None:
        path.write_bytes(b"appointment\n" * (size // 12))
        self._path, self._rest = path, threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._rest.set()
        self._thread.join()

    def _write(self) -> None:
        with self._path.open("ab", buffering=0) as out:
            while not self._rest.wait(0.005):
                out.write(b"one more appointment\n")
