"""The main job as people run it: the demo in a folder of its own, then what it left, opened with stock tools."""

import email
import email.policy
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.services import PROJECT


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    environment = {name: value for name, value in os.environ.items() if name != "KEEP"}
    done = subprocess.run(
        [sys.executable, "-m", "demo", str(folder)], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def shell(command: str, folder: Path) -> str:
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_it_tells_that_the_keys_of_ours_are_refused_and_the_clients_is_not(demo: tuple[Path, str]) -> None:
    told = demo[1]
    ours = ("our-automation's SSH key", "our-technician's SSH key", "northwind-monitoring's access key", "tariq's access key")
    assert [what for what in (*ours, "our account's role northwind-support") if f"{what} is tried: refused" not in told] == []
    assert [what for what in ("client-admin's SSH key", "dana's access key") if f"{what} is tried: comes in" not in told] == []
    assert "On record: look, signed by Dana Reyes" in told
    assert "7 grant(s) of ours are gone" in told
    assert "The exit closed and its evidence verified." in told


def test_the_archive_opens_with_stock_tools_and_holds_every_file(demo: tuple[Path, str], tmp_path: Path) -> None:
    folder = demo[0]
    assert "OK" in shell("sha256sum -c manifest-sha256.txt", folder / "archive")
    shell(f"age -d -i ../keys/successor.txt data/*000001.tar.zst.age | zstd -d | tar -x -C {tmp_path}", folder / "archive")
    chart = next(tmp_path.glob("*/data/files-server/**/chart-0100.txt"))
    assert chart.read_bytes() == (folder / "source/patients/02/chart-0100.txt").read_bytes()
    offboard = [sys.executable, "-m", "cli.main", "archive", "extract", "-i", str(folder / "keys/client.txt"), str(folder / "archive")]
    subprocess.run([*offboard, str(tmp_path / "out")], cwd=PROJECT, capture_output=True, check=True)
    taken_out = tmp_path / "out" / "files-server" / str((folder / "source").resolve()).lstrip("/")
    compared = subprocess.run(
        ["diff", "-r", "--no-dereference", "--exclude=appointments.log", str(folder / "source"), str(taken_out)],
        capture_output=True,
        text=True,
        check=False,
    )
    # Links that lead out of what was exported are listed and not made again; everything else is the same.
    assert {line for line in compared.stdout.splitlines() if "outside" not in line and "upwards" not in line} == set()


def test_a_stranger_verifies_the_evidence(demo: tuple[Path, str]) -> None:
    evidence = demo[0] / "evidence"
    assert "All checks" in shell("./verify.sh", evidence)
    assert "All checks OK." in shell("python3 verify.py .", evidence)


def test_the_keys_from_the_first_letter_fit_the_evidence(demo: tuple[Path, str], tmp_path: Path) -> None:
    mail = next(path for path in sorted((demo[0] / "mail").glob("*.eml")) if b"exit-keys.txt" in path.read_bytes())
    letter = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    keys = next(part.get_content() for part in letter.walk() if part.get_filename() == "exit-keys.txt")
    (tmp_path / "keys.txt").write_bytes(keys if isinstance(keys, bytes) else keys.encode())
    assert "prove nothing" not in shell(f"python3 verify.py . --keys {tmp_path / 'keys.txt'}", demo[0] / "evidence")


def test_no_secret_is_in_prefects_database_or_logs(demo: tuple[Path, str]) -> None:
    folder = demo[0]
    secrets = [line.encode() for key in (folder / "keys").glob("*") if not key.suffix for line in key.read_text().splitlines()[1:3]]
    secrets += [key.read_bytes() for key in (folder / "keys").glob("aws-*.secret")]
    assert len(secrets) > 4
    secrets += [b"a simulated provider's vault", b"Kiefer-Molar-42"]
    for place in ("prefect", "state", "evidence"):
        for path in (folder / place).rglob("*"):
            if path.is_file():
                held = path.read_bytes()
                assert not [secret for secret in secrets if len(secret) > 12 and secret in held], path


def test_it_cleans_up_after_itself(demo: tuple[Path, str]) -> None:
    folder = os.fsencode(demo[0])
    assert not [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if folder in _read(entry)]


def _read(entry: Path) -> bytes:
    try:
        return entry.read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return b""
