"""The measuring itself: that it measures what runs, notices what is wrong, and names what is not there."""

import ctypes
import json
import mmap
import os
import subprocess
import sys
from pathlib import Path
from shutil import which
from statistics import median
from tempfile import TemporaryDirectory

import pytest

from bench.archives import create, verify
from bench.data import make
from bench.measure import PROJECT, Figures, WrongResultError, forget
from bench.pull import expected
from bench.pulls import arrived, own
from bench.report import cells, summary
from bench.rows import Contender, Place, Row, compared, contest, measured
from bench.s3 import s3
from bench.sftp import delayed, many_files, serving
from bench.workplace import Workplace, missing

TINY = 0.001
MEGABYTE = 1 << 20
A_CHILD_OF_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace.prepare(tmp_path, scale=TINY, runs=1, tell=lambda _: None)


@pytest.fixture
def place(workplace: Workplace) -> Place:
    return workplace.place(None)


def python(code: str, *more: str) -> list[str]:
    return [sys.executable, "-c", code, *more]


def cost(command: list[str], place: Place) -> Figures:
    return measured(Contender("it", command), place)


def test_memory_of_the_whole_tree_is_counted(place: Place) -> None:
    taking = "import time; held = b'x' * (150 << 20); time.sleep(0.5)"
    assert cost(python(A_CHILD_OF_A_CHILD, taking), place).peak > 150 * MEGABYTE


def test_memory_that_is_shared_counts_once(place: Place) -> None:
    forking = "import os, time; held = b'x' * (100 << 20); [os.fork() for _ in range(2)]; time.sleep(0.5)"
    assert 100 * MEGABYTE < cost(python(forking), place).peak < 150 * MEGABYTE


def test_processor_time_of_those_left_behind_is_counted(place: Place) -> None:
    working = "import os, time\nif os.fork() == 0:\n    while time.process_time() < 0.5: pass\n"
    assert cost(python(working), place).cpu >= 0.5


def test_what_fails_is_a_wrong_result_with_its_words(place: Place) -> None:
    with pytest.raises(WrongResultError, match=r"(?s)status 3.*no such thing"):
        cost(python("import sys; print('no such thing'); sys.exit(3)"), place)


def test_a_run_finds_its_place_empty_and_its_output_is_weighed(place: Place) -> None:
    writing = "import os; assert not os.listdir(os.environ['OUT']); open(os.environ['OUT'] + '/made', 'wb').write(b'x' * 1000)"
    assert [cost(python(writing), place).size for _ in range(2)] == [1000, 1000]


def test_all_take_turns_after_a_warm_up(place: Place, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    ours, often, once = (
        Contender(name, python("import sys; open(sys.argv[1], 'a').write(sys.argv[2])", str(diary), name), runs=runs)
        for name, runs in (("o", 9), ("p", 9), ("q", 1))
    )
    absent = Contender("r", ["no-such-program"], missing="no-such-program", goal=0.5)
    rows = contest("work", ours, (often, once, absent), place, runs=3, tell=lambda _: None)
    assert diary.read_text() == "op" + "opq" + "op" + "op"
    assert [len(row.theirs) for row in rows] == [3, 1, 0]
    assert rows[-1][:5] == ("work", "r", "no-such-program not installed", "≤ 0.50", None)
    assert "no-such-program" in summary(rows, 1)


def test_the_ratio_is_that_of_the_medians_with_its_range() -> None:
    ours, theirs = ([Figures(wall, 1, 1, 1) for wall in walls] for walls in ((1.0, 2.0, 9.0), (4.0, 4.0, 3.0)))
    row = compared("work", "peer", ours, theirs, 0.5)
    assert (row.result, row.goal, row.met) == ("0.50 (0.25-3.00)", "≤ 0.50", True)
    assert compared("work", "peer", ours, theirs, 0.49).met is False
    assert cells(row)[5] == "2.00 / 4.00"


def test_goals_of_less_data_are_said_to_mean_less() -> None:
    rows = [Row("a", "b", "1.00", "≤ 2.00", met=True), Row("a", "c", "3.00", "≤ 2.00", met=False), Row("a", "d", "3.00")]
    assert summary(rows, 1) == "1 of 2 goals met."
    assert "0.1" in summary(rows, 0.1)


@pytest.mark.parametrize("name", ["large", "small", "office", "million", "one"])
def test_a_data_set_is_the_same_wherever_it_is_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there" / f"{name}.part").mkdir(parents=True)
    (tmp_path / "there" / f"{name}.part" / "left behind").touch()
    came = [expected(make(name, tmp_path / where, 0.0005)) for where in ("here", "there")]
    assert came[0] == came[1]
    assert came[0].bytes > 0


def cached(path: Path) -> bool:
    """Whether the first page of a file is in the page cache: mincore(2)."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), mmap.PAGESIZE, access=mmap.ACCESS_COPY) as mapped:
        start, told = ctypes.c_char.from_buffer(mapped), ctypes.c_ubyte()
        assert ctypes.CDLL(None).mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(mmap.PAGESIZE), ctypes.byref(told)) == 0
        del start
        return bool(told.value & 1)


def test_dropped_pages_are_read_again_from_the_disk() -> None:
    (PROJECT / "build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=PROJECT / "build") as folder:  # on a disk: files of a tmpfs are in memory for good
        path = Path(folder, "below", "file")
        path.parent.mkdir()
        path.write_bytes(os.urandom(8 * MEGABYTE))
        before = cached(path)
        forget(Path(folder))
        assert (before, cached(path)) == (True, False)


def test_creating_is_compared_with_every_peer_there_is(workplace: Workplace) -> None:
    rows = create(workplace, ("office",))
    assert len(rows) == 8
    for row in rows:
        assert row.ours[0].size > 0
        if row.theirs:
            assert all(figures.wall > 0 and figures.size > 0 for figures in row.theirs)
        else:
            assert [which(program) for program in row.result.removesuffix(" not installed").split(", ")] == [None]


def test_verifying_is_compared(workplace: Workplace) -> None:
    (row,) = verify(workplace, ("small",))
    assert row.ours[0].wall > 0
    assert row.theirs[0].wall > 0
    assert not missing("age", "zstd", "tar")


def test_an_archive_that_does_not_verify_is_a_wrong_result(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    def damage(ours: str) -> list[str]:
        return ["bash", "-c", f'{ours} && truncate -s -1 "$OUT"/ours/data/*.age']

    monkeypatch.setattr("bench.archives.creating", lambda workplace, source, output: damage(_spelled(workplace, source, output)))
    with pytest.raises(WrongResultError, match="does not verify"):
        create(workplace, ("office",))


def _spelled(workplace: Workplace, source: Path, output: Path) -> str:
    return f"{sys.executable} -m cli.main archive create -r {workplace.recipient} {source} {output}/ours"


def test_pulling_from_a_host_is_compared_behind_a_long_line(workplace: Workplace) -> None:
    with serving(workplace) as near, delayed(near) as far:
        rows = many_files(workplace, far, "far", "1000", 1)
    assert [row.work for row in rows] == ["far, by tar"] * 2 + ["far, SFTP alone"] * 2
    assert all(row.theirs or row.result == "rsync not installed" for row in rows)
    assert rows[0].theirs[0].wall > 0.2  # ten round trips of 20 ms and more, from the greeting to the last file


def test_pulling_from_a_bucket_is_compared(workplace: Workplace) -> None:
    rows = s3(workplace)
    assert [row.against for row in rows] == ["s5cmd", "aws s3 sync"] * 2
    assert all(row.theirs or row.result.endswith("not installed") for row in rows)


def test_what_was_pulled_must_be_what_is_there(workplace: Workplace) -> None:
    data = workplace.data("1000")
    source = {"kind": "folder", "name": "bench", "path": str(data)}
    place = workplace.place(None)
    assert json.loads(_said(own(workplace, "ours", source, data), place)) == expected(data)._asdict()
    one = next(path for path in data.rglob("*.txt"))
    contender = own(workplace, "ours", source, data)
    one.write_bytes(one.read_bytes()[::-1])
    with pytest.raises(WrongResultError, match="was to come"):
        measured(contender, place)
    with pytest.raises(WrongResultError, match="0 bytes arrived"):
        measured(Contender("peer", ["true"], check=arrived(data)), place)


def _said(contender: Contender, place: Place) -> str:
    measured(contender, place)
    return place.said.read_text("utf-8")


def test_the_whole_program_shows_and_saves_what_it_found(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--only", "memory", "--scale", "0.0001", "--runs", "1", "--folder", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 goals met." in done.stdout
    told = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert [row["met"] for row in told["rows"]] == [True, True]
    assert median(one["wall"] for one in told["rows"][0]["ours"]) > 0
    assert "| memory, create a million files |" in (tmp_path / "results.md").read_text("utf-8")


def test_a_wrong_result_ends_with_status_1_and_a_word_of_nonsense_with_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--folder", str(tmp_path), "--scale", "0.0001", "--only"]
    assert subprocess.run([*command, "speed"], cwd=PROJECT, capture_output=True, check=False).returncode == 2
    (tmp_path / "data-0.0001").mkdir()
    (tmp_path / "data-0.0001" / "million").write_text("a file, where a folder should be")
    done = subprocess.run([*command, "memory"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "WRONG RESULT" in done.stdout
