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


OURS = (
    "our-automation's SSH key",
    "our-technician's SSH key",
    "northwind-monitoring's access key",
    "tariq's access key",
    "our account's role northwind-support",
    "our application at Microsoft, with a new token,",
    "our application at Microsoft, with a token from before,",
    "tariq, our guest at Microsoft,",
    "nora, who came in by our partner tenant (GDAP),",
)
THE_CLIENTS = (
    "client-admin's SSH key",
    "dana's access key",
    "dana's account at Microsoft",
    "the client's own application at Microsoft",
)


def test_it_tells_that_the_ways_in_of_ours_are_refused_and_the_clients_are_not(demo: tuple[Path, str]) -> None:
    told = demo[1]
    assert [what for what in OURS if f"{what} is tried: refused" not in told] == []
    assert [what for what in THE_CLIENTS if f"{what} is tried: comes in" not in told] == []
    assert told.count(" is tried: ") == len(OURS) + len(THE_CLIENTS)
    assert "WRONG" not in told


def test_it_tells_what_nothing_puts_back_and_who_signed_for_it(demo: tuple[Path, str]) -> None:
    lines = demo[1].splitlines()
    (ending,) = (line for line in lines if "13 ways in of ours end" in line)
    assert [one for one in ("5 in aws", "2 in files-server", "6 in microsoft") if one not in ending] == []
    assert len([line for line in lines if "nothing puts this back, so two executives sign for it by itself" in line]) == 1
    signed = [line for line in lines if "approval" in line and "It is for what nothing puts back." in line]
    assert [name for name in ("Alice Ng", "Bob Okafor") if not any(name in line for line in signed)] == []
    assert len(signed) == 2


def test_it_tells_that_the_client_looked_itself_and_that_it_closed(demo: tuple[Path, str]) -> None:
    told = demo[1]
    assert "AWS and Microsoft's cloud are simulated" in told
    assert told.count("On record: look, signed by Dana Reyes") == 2
    assert "aws: 0 of 5 ways in of the provider's are still there" in told
    assert "microsoft: 0 of 6 ways in of the provider's are still there" in told
    assert "13 grants of ours are gone" in told
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


def test_the_clients_tenant_is_in_the_archive_and_opens_with_age(demo: tuple[Path, str], tmp_path: Path) -> None:
    folder = demo[0]
    each = f"for one in data/*.tar.zst.age; do age -d -i ../keys/client.txt $one | zstd -d | tar -x -C {tmp_path} || exit; done"
    shell(each, folder / "archive")
    (users,) = tmp_path.glob("*/data/microsoft365/configuration/users.csv")
    text = users.read_text(encoding="utf-8-sig")
    assert [name for name in ("dana@acme-dental.example", "omar@", "emergency@", "tariq_northwind.example#EXT#") if name not in text] == []
    assert len(list(tmp_path.glob("*/data/microsoft365/mailboxes/*/Inbox/*.eml"))) == 5
    assert len(list(tmp_path.glob("*/data/microsoft365/logs/*.csv"))) == 2


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
    secrets = [
        line.encode()
        for key in (folder / "keys").glob("*")
        if key.is_file() and not key.suffix
        for line in key.read_text().splitlines()[1:3]
    ]
    secrets += [key.read_bytes() for key in (folder / "keys").glob("aws-*.secret")]
    tenants = [line.encode() for key in (folder / "keys/microsoft").glob("*.key") for line in key.read_text().splitlines()[1:3]]
    tenants += [key.read_bytes() for key in (folder / "keys/microsoft").glob("*.secret")]
    assert len(tenants) > 4
    assert len(secrets) > 4
    secrets += tenants
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
