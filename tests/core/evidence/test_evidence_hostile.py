"""Bundles made to break the verifiers."""

import os
from pathlib import Path

import pytest
from forgery import LEDGER, Forger, RunScripts, examine

from core.evidence.verifier import verify_bundle

HOSTILE = {
    "a huge line": (LEDGER, b'{"a":"' + b"x" * 3_000_000 + b'"}\n'),
    "deep JSON": (LEDGER, b"[" * 60_000 + b"\n"),
    "no JSON": (LEDGER, b"\xff\xfe{\n\n\n"),
    "floats": (LEDGER, b'{"data":{},"number":1e400}\n'),
    "a list": (LEDGER, b"[]\n"),
    "numbers as names": (LEDGER, b'{"at":1,"data":{},"engagement":2,"kind":[],"number":{},"subject":null}\n'),
    "an empty ledger": (LEDGER, b""),
    "a bad note": ("data/checkpoint", b"x\n\n\xe2\x80\x94 x !!!\n"),
    "a huge size": ("data/checkpoint", b"msp.example/offboard/acme\n" + b"9" * 100_000 + b"\n\n\n"),
    "a bad key": ("data/log.vkey", b"msp.example/offboard/acme+zz+%%%\n"),
    "an empty key": ("data/log.vkey", b""),
    "terminal codes": ("data/log.vkey", b"\x1b]0;owned\x07\x1b[2J+00000000+AA==\n"),
    "bad signers": ("data/allowed_signers", b"* ssh-ed25519 AAAA\n"),
    "an authority": ("data/allowed_signers", b"*@msp.example cert-authority ssh-ed25519 AAAA\n"),
    "a bad plan": ("data/plan.json", b"[" * 100_000),
    "a manifest that climbs out": ("manifest-sha256.txt", b"0" * 64 + b"  ../../../etc/passwd\n"),
    "a manifest of options": ("manifest-sha256.txt", b"0" * 64 + b"  -rf\n"),
    "an empty manifest": ("manifest-sha256.txt", b""),
    "a manifest of zeros": ("tagmanifest-sha256.txt", b"\0" * 5000),
    "a bad signature": ("data/statements/1-approval-alice@msp.example.txt.sig", b"-----BEGIN SSH SIGNATURE-----\n%\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_gives_a_failure_and_no_traceback(copy: Path, run_scripts: RunScripts, forger: type[Forger], name: str) -> None:
    path, body = HOSTILE[name]
    (copy / path).write_bytes(body)
    if "manifest" not in path:
        forger.sums(copy)
    outcome = run_scripts(copy)
    assert (outcome.python, outcome.shell) == (1, 1), outcome.python_text + outcome.shell_text
    for text in (outcome.python_text, outcome.shell_text):
        assert "Traceback" not in text
        assert "\x1b" not in text
        assert len(text) < 20_000
    assert not verify_bundle(copy, None).ok


@pytest.mark.parametrize("name", ["data/plan.json", "data/ledger.jsonl", "data/documents", "README.txt", "data"])
def test_links_out_of_the_bundle_are_not_followed(copy: Path, run_scripts: RunScripts, tmp_path: Path, name: str) -> None:
    (copy / name).rename(tmp_path / "outside")
    (copy / name).symlink_to(tmp_path / "outside")
    examine(copy, run_scripts, found_by={"files"})


def test_a_pipe_does_not_hang_them(copy: Path, run_scripts: RunScripts) -> None:
    (copy / "data/plan.json").unlink()
    os.mkfifo(copy / "data/plan.json")
    examine(copy, run_scripts, found_by={"files", "plan"})


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    report = verify_bundle(tmp_path, None)
    assert not report.ok
    assert not verify_bundle(tmp_path / "nowhere", None).ok
