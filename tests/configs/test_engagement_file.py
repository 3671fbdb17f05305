import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.engagement_file import EngagementFile, find, load, slugs
from configs.settings import CHECKOUT, Settings
from core.errors import ConfigurationError
from core.model import Engagement, ReasonCode, Role

EXAMPLE = CHECKOUT / "docs" / "example-engagement.yaml"


def settings(folder: Path) -> Settings:
    return Settings.from_environment({"OFFBOARD_ENGAGEMENTS": str(folder), "OFFBOARD_STATE": str(folder / "state")})


def test_the_example_says_what_it_says() -> None:
    engagement = load(EXAMPLE)
    assert isinstance(engagement, Engagement)
    assert engagement.slug == "harbour-dental"
    assert engagement.decision.reason is ReasonCode.SECURITY_REFUSAL
    assert [person.role for person in engagement.people].count(Role.EXECUTIVE) == 2
    assert engagement.cutoff.instant == datetime(2028, 1, 1, 0, 0, tzinfo=UTC)
    assert engagement.cutoff.zone == "America/Vancouver"
    assert engagement.negative_login_consent is True
    assert engagement.second_check_after == timedelta(hours=2)
    assert [source.name for source in engagement.data_sources] == ["files", "scans"]
    assert [target.name for target in engagement.access_targets] == ["files", "aws"]


def test_relative_paths_count_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE, "there/acme.yaml")
    said = load(Path("there/acme.yaml")).model_dump(mode="json")
    there = tmp_path / "there"
    assert said["evidence_folder"] == str(there / "out/evidence")
    assert said["archive_store"]["path"] == str(there / "out/archive")
    assert said["obligation_sources"][0]["path"] == str(there / "obligations.yaml")
    assert said["credential_sources"][0]["path"] == str(there / "vault/harbour-dental.kdbx")
    assert said["data_sources"][0]["private_key"] == f"file:{there}/keys/worker_ed25519"
    assert said["data_sources"][1]["path"] == "/mnt/harbour-dental/scans"
    assert said["credential_sources"][0]["passphrase"] == "env:HARBOUR_DENTAL_VAULT"
    assert said["access_targets"][0]["authorized_keys"] == [
        "/home/northlight/.ssh/authorized_keys",
        {"path": "/etc/ssh/keys/backup", "account": "backup"},
    ]


def test_secrets_are_still_read_by_reference_after_the_path_is_settled(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path / "acme.yaml")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "worker_ed25519").write_text("the key\n")
    reference = getattr(load(tmp_path / "acme.yaml").data_sources[0], "private_key")  # noqa: B009 - only one kind of source has it
    assert reference.reveal() == "the key"


def test_a_cutoff_in_the_past_loads_since_the_engagement_lives_on(changed: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(changed(("cutoff: 2027-12-31T17:00", "cutoff: 2025-11-02T01:30-08:00")))
    assert load(path).cutoff.instant == datetime(2025, 11, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("reason", ["abuse", "crime", "unethical", "client_leaves"])
def test_some_reasons_need_no_remedies(reason: str, changed: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    tried = "  remedies_tried:\n    - 2027-06-15 offer to bring in multi-factor authentication free of charge\n"
    path.write_text(changed((tried, ""), ("reason: security_refusal", f"reason: {reason}")))
    assert load(path).decision.remedies_tried == ()


def test_sections_may_be_empty_and_lists_may_be_shared_by_alias(changed: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    key = "keys:\n      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICLV0wkZ4GkuONse+qUWT2QH8kho4JucKWTcLNUh/717 tess\n"
    text = changed(
        (key, key.replace("keys:", "keys: &tess")), (f"- name: Tess Marlow\n    {key}", "- name: Tess Marlow\n    keys: *tess\n")
    )
    begin, end = text.index("document_sources:"), text.index("obligation_sources:")
    path.write_text(text[:begin] + "document_sources: []\n" + text[end:])
    engagement = load(path)
    assert engagement.document_sources == ()
    assert engagement.holders[0].keys == engagement.people[2].keys


def test_documents_may_lie_in_folders_here_and_in_somebodys_drive(changed: Callable[..., str], tmp_path: Path) -> None:
    drive = """  - kind: microsoft365_documents
    name: handover
    tenant_id: 2f5b1c7e-6d0a-4a1e-9b7f-3c8d5e4f6a10
    access: {client_id: 8d3f0a52-1c4b-4e6f-a7d9-5b2e9c0f7a31, private_key: file:keys/o.key, certificate: keys/o.pem}
    drive: frontdesk@harbour-dental.example
    folder: /Handover
"""
    path = tmp_path / "acme.yaml"
    path.write_text(changed(("    path: documentation\n", f"    path: documentation\n{drive}")))
    here, there = load(path).document_sources
    assert (here.kind, getattr(here, "path")) == ("folder", tmp_path / "documentation")  # noqa: B009 - only this kind has it
    assert (there.kind, getattr(there, "folder")) == ("microsoft365_documents", "/Handover")  # noqa: B009 - the same
    assert getattr(there, "access").certificate == tmp_path / "keys/o.pem"  # noqa: B009 - the same


def test_what_was_checked_can_be_checked_again() -> None:
    engagement = load(EXAMPLE)
    assert EngagementFile.model_validate(engagement) == engagement
    assert EngagementFile.model_validate({name: getattr(engagement, name) for name in EngagementFile.model_fields}) == engagement
    assert EngagementFile.model_validate(engagement.model_dump(mode="json")) == engagement


def test_cross_checks_hold_however_it_is_made() -> None:
    engagement = load(EXAMPLE)
    parts = {name: getattr(engagement, name) for name in EngagementFile.model_fields}
    with pytest.raises(ValidationError) as refused:
        EngagementFile.model_validate(parts | {"people": engagement.people[1:], "successor": None})
    assert [error["loc"] for error in refused.value.errors()] == [("people",), ("recipients", 1, "party"), ("people", 3, "role")]
    with pytest.raises(ValidationError, match="the zone of the cutoff is not that of the client"):
        EngagementFile.model_validate(parts | {"cutoff": engagement.cutoff.model_copy(update={"zone": "UTC"})})


def test_slugs_are_the_names_of_files_and_none_is_opened(tmp_path: Path) -> None:
    for name in ("beta.yaml", "acme.yaml", "README.md", "old.yml"):
        (tmp_path / name).write_text("not: an engagement")
    assert slugs(settings(tmp_path)) == ("acme", "beta")
    assert slugs(settings(tmp_path / "nowhere")) == ()


def test_find_loads_by_slug(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path / "harbour-dental.yaml")
    assert find(settings(tmp_path), "harbour-dental").client.name == "Harbour Dental Group"


@pytest.mark.parametrize(
    ("slug", "hint"),
    [
        ("harbor-dental", "did you mean harbour-dental?"),
        ("zzz", "there are: harbour-dental"),
        ("../harbour-dental", "did you mean harbour-dental?"),
        ("acme", "rename acme.yml to acme.yaml"),
    ],
)
def test_an_unknown_engagement_is_told_with_the_nearest_and_the_folder(slug: str, hint: str, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE, tmp_path / "harbour-dental.yaml")
    (tmp_path / "acme.yml").write_text("")
    with pytest.raises(ConfigurationError) as refused:
        find(settings(tmp_path), slug)
    assert refused.value.problems == [
        f"{tmp_path}: there is no file for the engagement {slug!r}, which would be named after the client's slug; {hint}"
    ]


def test_a_file_must_be_named_after_its_client(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    shutil.copy(EXAMPLE, path)
    with pytest.raises(ConfigurationError) as refused:
        find(settings(tmp_path), "acme")
    line = EXAMPLE.read_text().split("slug:")[0].count("\n") + 1
    told = "the file is named acme.yaml, so write acme here, or rename the file to harbour-dental.yaml"
    assert refused.value.problems == [f"{path}:{line}:9: client.slug: {told}"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "acme.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError) as refused:
            load(path)
        assert refused.value.problems == [f"{path}: this file cannot be read ({why}); check its name and its permissions"]


def test_the_checkout_holds_no_engagement() -> None:
    assert not list((CHECKOUT / "configs" / "engagements").rglob("*.y*ml"))
