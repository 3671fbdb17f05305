"""Secrets in wrong places: refused or not, what is said never repeats them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from configs.engagement_file import load
from core.errors import ConfigurationError

PASSWORD = "hunter2-Correct-Horse"
LONG = 12
"""Parts of a key longer than this are secret enough to look for."""

PLACES = [
    ("  name: Northlight IT Services", f"  {PASSWORD}: x"),
    ("  name: Northlight IT Services", f"  {PASSWORD}"),
    ("  name: Northlight IT Services", f"  name: *{PASSWORD}"),
    ("  name: Northlight IT Services", f"  name: !{PASSWORD} x"),
    ("  name: Northlight IT Services", f"  name: !{PASSWORD}!x y"),
    ("  name: Northlight IT Services", f"  name: '{PASSWORD}"),
    ("  name: Northlight IT Services", f"  name: [{PASSWORD}"),
    ("  name: Northlight IT Services", f"  name: @{PASSWORD}"),
    ("domain: northlight.example", f"domain: {PASSWORD}"),
    ("time_zone: America/Vancouver", f"time_zone: {PASSWORD}"),
    ("cutoff: 2027-12-31T17:00", f"cutoff: {PASSWORD}"),
    ("reason: security_refusal", f"reason: {PASSWORD}"),
    ("role: executive", f"role: {PASSWORD}"),
    ("principal: ada@northlight.example", f"principal: {PASSWORD}"),
    ("      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+n0U", f"      - {PASSWORD} A"),
    ("party: client", f"party: {PASSWORD}"),
    ("age: age1lx7", f"age: {PASSWORD}"),
    ("decided_on: 2027-10-01", f"decided_on: {PASSWORD}"),
    ("second_check_after: 02:00:00", f"second_check_after: {PASSWORD}"),
    ("negative_login_consent: yes", f"negative_login_consent: {PASSWORD}"),
    ("  - kind: ssh_host", f"  - kind: {PASSWORD}"),
    ("port: 22", f"port: {PASSWORD}"),
    ("private_key: file:keys/worker_ed25519", f"private_key: {PASSWORD}"),
    ("host_key: ssh-ed25519", f"host_key: {PASSWORD}"),
    ("passphrase: env:HARBOUR_DENTAL_VAULT", f"passphrase: {PASSWORD}"),
    ("passphrase: env:HARBOUR_DENTAL_VAULT", f"password: {PASSWORD}"),
    ("password: env:OFFBOARD_MAIL_PASSWORD", f"password: {PASSWORD}"),
    ("  kind: smtp", f"  kind: {PASSWORD}"),
    ("security: starttls", f"security: {PASSWORD}"),
    ("sender: exits@northlight.example", f"sender: {PASSWORD}"),
]


@pytest.mark.parametrize(("place", "secret"), PLACES)
def test_a_password_in_the_wrong_place_is_refused_unsaid(
    place: str, secret: str, changed: Callable[..., str], problems: Callable[[str], str]
) -> None:
    told = problems(changed((place, secret)))
    assert PASSWORD.lower() not in told.lower()
    assert "hunter2" not in told.lower()


@pytest.fixture(scope="module")
def private_keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("keys")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "ssh"], check=True)
    subprocess.run(["age-keygen", "-o", folder / "age"], check=True, capture_output=True)
    return {"ssh": (folder / "ssh").read_text(), "age": (folder / "age").read_text().splitlines()[-1]}


@pytest.mark.parametrize("kind", ["ssh", "age"])
@pytest.mark.parametrize(
    ("place", "field", "path"),
    [
        ("      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIl+n0UxYXe7uPROrrz2dhWIT5Rg7ibhzB6e3UmuRmO0 ada", "      - ", "people.0.keys.0"),
        ("    age: age1lx7ajn8fyepyj4ep276ztucvs09063w4dzrugnjrma7fyym4pecqd4d320", "    age: ", "recipients.0.age"),
        ("    private_key: file:keys/worker_ed25519", "    private_key: ", "data_sources.0.private_key"),
        ("    passphrase: env:HARBOUR_DENTAL_VAULT", "    passphrase: ", "credential_sources.0.passphrase"),
        ("  name: Harbour Dental Group", "  name: ", "client.name"),
        ("    - Tideline Technology, Vancouver", "    - ", "transition.recommended_providers.0"),
    ],
)
def test_a_private_key_is_refused_wherever_it_stands(
    kind: str, place: str, field: str, path: str, private_keys: dict[str, str], changed: Callable[..., str], problems: Callable[[str], str]
) -> None:
    secret = private_keys[kind]
    block = "|\n" + "".join(f"          {line}\n" for line in secret.splitlines())
    for value in (block, '"' + secret.replace("\n", "\\n") + '"'):
        told = problems(changed((place, field + value)))
        line = next(line for line in told.splitlines() if f": {path}: " in line)
        assert "a private key stands here; remove it and make a new one" in line
        assert not any(part in told for part in secret.split() if len(part) > LONG)


@pytest.mark.parametrize("kind", ["ssh", "age"])
def test_a_private_key_pasted_as_it_is_breaks_the_file_unsaid(
    kind: str, private_keys: dict[str, str], changed: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "acme.yaml"
    lines = changed().splitlines()
    for at in range(len(lines)):
        path.write_text("\n".join([*lines[:at], private_keys[kind], *lines[at:]]))
        with pytest.raises(ConfigurationError) as refused:
            load(path)
        said = str(refused.value) + repr(refused.value)
        assert not any(part in said for part in private_keys[kind].split() if len(part) > LONG)
