"""`offboard archive` as a person types it."""

from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from cli.archive import app

from .archive_workshop import Workshop, fill_hostile, snapshot


def offboard(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_create_verify_extract(workshop: Workshop, tmp_path: Path) -> None:
    fill_hostile(workshop.source)
    recipients = tmp_path / "recipients"
    recipients.write_text(f"# for Ann\n{workshop.recipient}\n")
    made = offboard("create", "-r", recipients, "--volume-size", "4KB", workshop.source, workshop.out)
    assert made.exit_code == 0, made.stderr
    assert f"Next: offboard archive verify {workshop.out}" in made.stdout
    assert not Path(f"{workshop.out}.journal").exists()
    assert offboard("verify", workshop.out).exit_code == 0
    checked = offboard("verify", "-i", workshop.key, workshop.out)
    assert "whole and unaltered" in checked.stdout
    assert offboard("extract", "-i", workshop.key, workshop.out, tmp_path / "back").exit_code == 0
    assert snapshot(tmp_path / "back/source") == snapshot(workshop.source)
    some = offboard("extract", "-i", workshop.key, workshop.out, tmp_path / "some", "source/plain*")
    assert [path.name for path in (tmp_path / "some/source").iterdir()] == ["plain.txt"], some.stderr
    nothing = offboard("extract", "-i", workshop.key, workshop.out, tmp_path / "none", "nothing")
    assert (nothing.exit_code, "nothing in the archive matches" in nothing.stderr) == (1, True)
    again = offboard("create", "-r", workshop.recipient, workshop.source, workshop.out)
    assert (again.exit_code, "already" in again.stderr) == (1, True)
    with workshop.volume(1).with_name("out-vol-000001.tar.zst.age").open("r+b") as volume:
        volume.seek(600)
        volume.write(b"!!!")
    bad = offboard("verify", workshop.out)
    assert bad.exit_code == 1
    assert "out-vol-000001.tar.zst.age was altered" in bad.stderr


def test_wrong_input_is_said_in_a_sentence(workshop: Workshop, tmp_path: Path) -> None:
    cases = [
        (("create", "-r", "AGE-SECRET-KEY-1XYZ", workshop.source, workshop.out), "PRIVATE"),
        (("create", "-r", workshop.recipient, workshop.source, workshop.source / "out"), "take in itself"),
        (("create", "-r", workshop.recipient, tmp_path / "absent", workshop.out), "no folder"),
        (("create", "-r", workshop.recipient, workshop.source), "destination"),
        (("create", "-r", workshop.recipient, "--volume-size", "big", workshop.source, workshop.out), "no size"),
        (("verify", "-i", tmp_path / "absent", workshop.source), "cannot be read"),
    ]
    for arguments, words in cases:
        done = offboard(*arguments)
        assert (done.exit_code, words in done.stderr) == (2, True), (arguments, done.stderr)
        assert isinstance(done.exception, SystemExit)
        assert "1XYZ" not in done.stdout + done.stderr
    assert offboard("verify", workshop.source).exit_code == 1
    assert not workshop.out.exists()
