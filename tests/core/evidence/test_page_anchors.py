"""Anchors, hardware keys and limited keys on the review page: what others hold of the record is compared with it in the browser."""

import hashlib
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anchored import anchor, bundled
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from forgery import Forger
from made_up_exit import NewStory, Story
from page_in_chromium import check, failed, put_page
from playwright.sync_api import Page

from core.evidence.bundle import expected_keys, write_bundle
from core.evidence.redaction import Audience, shows
from core.ledger.note import LogKey
from core.model import EntryKind, Person, Role
from core.signatures.statements import Statement
from core.signatures.wire import mpint, string
from demo.time_stamp_server import TimeStampServer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TimeStampServer:
    return TimeStampServer(tmp_path_factory.mktemp("authority"))


def test_each_way_of_anchoring_is_compared_with_the_ledger(
    viewer: Page, authority: TimeStampServer, new_story: NewStory, tmp_path: Path
) -> None:
    story = new_story(tmp_path)
    story.begin()
    for how in ("time-stamp", "cosignature", "copy", "mail"):
        anchor(story, how, authority)
    found = check(viewer, bundled(story))
    assert failed(found) == set(), found
    assert "4 anchored checkpoints, each a beginning of this log; 1 time stamps are over exactly these, stating 20" in found["anchors"][1]


FORGED = {
    "a time stamp over other bytes": ("time-stamp", {"over": b"another checkpoint"}, "of other bytes than this checkpoint"),
    "another time than stamped": ("time-stamp", {"stamped-at": "2020-01-01T00:00:00Z"}, "states another time"),
    "another root": ("copy", {"root": "0" * 64}, "not the one that it names"),
    "a signature over something else": ("cosignature", {"over": b"another checkpoint"}, "it does not fit the text"),
    "a stranger's name": ("cosignature", {"by": "tess@msp.example"}, "tess@msp.example may not sign for checkpoint"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_false_anchor_shows(viewer: Page, authority: TimeStampServer, new_story: NewStory, tmp_path: Path, forged: str) -> None:
    how, more, words = FORGED[forged]
    story = new_story(tmp_path)
    story.begin()
    anchor(story, how, authority, **more)
    found = check(viewer, bundled(story))
    assert failed(found) == {"anchors"}
    assert words in found["anchors"][1]


def test_a_log_that_forked_after_it_was_anchored_shows(viewer: Page, new_story: NewStory, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    story = new_story(tmp_path / "one")
    story.begin()
    note = story.key.sign_checkpoint(story.ledger.size(), bytes(32))
    anchor(story, "copy", note=note, root="0" * 64)
    found = check(viewer, bundled(story))
    assert failed(found) == {"anchors"}
    assert "of another log: entries were changed since" in found["anchors"][1]


def hardware(kind: str, flags: int, text: str) -> tuple[str, str]:
    """A public key and a signature as a FIDO key makes them (PROTOCOL.u2f): it signs whether it was touched."""
    key: Any = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    raw = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    point = key.public_key().public_bytes_raw() if kind == "ed25519" else key.public_key().public_bytes(*raw)
    name = b"sk-ssh-ed25519@openssh.com" if kind == "ed25519" else b"sk-ecdsa-sha2-nistp256@openssh.com"
    curve = b"" if kind == "ed25519" else string(b"nistp256")
    blob = string(name) + curve + string(point) + string(b"ssh:")
    space = string(b"offboard-election@msp.example")
    covered = b"SSHSIG" + space + string(b"") + string(b"sha512") + string(hashlib.sha512(text.encode()).digest())
    state = bytes([flags]) + bytes(4)
    signed = hashlib.sha256(b"ssh:").digest() + state + hashlib.sha256(covered).digest()
    if kind == "ed25519":
        inner = key.sign(signed)
    else:
        inner = b"".join(map(mpint, decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))))
    whole = b"SSHSIG" + (1).to_bytes(4, "big") + string(blob) + space + string(b"") + string(b"sha512")
    return encoded(name, blob), armored(whole + string(string(name) + string(inner) + state))


def encoded(name: bytes, blob: bytes) -> str:
    return f"{name.decode()} {b64encode(blob).decode()}"


def armored(blob: bytes) -> str:
    return f"-----BEGIN SSH SIGNATURE-----\n{b64encode(blob).decode()}\n-----END SSH SIGNATURE-----\n"


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
@pytest.mark.parametrize(("flags", "faults"), [(1, set()), (5, set()), (0, {"signatures"})])
def test_a_hardware_key_counts_only_if_it_was_touched(
    viewer: Page, new_story: NewStory, tmp_path: Path, kind: str, flags: int, faults: set[str]
) -> None:
    story = new_story(tmp_path)
    story.plan()
    text = Statement.parse(
        "offboard-election/v1\nclient: acme\nprincipal: hana@acme.example\n"
        f"plan-sha256: {story.digest}\ndeliver-to: client\ncopies: return\nnonce: {'0' * 32}\nmade-at: 2026-11-02T10:00:00Z\n"
    ).text
    key, signature = hardware(kind, flags, text)
    hana = Person(principal="hana@acme.example", name="Hana", role=Role.CLIENT, keys=(key,))
    story.engagement = story.engagement.model_copy(update={"people": (*story.engagement.people, hana)})
    data = {"principal": hana.principal, "key": key, "text": text, "signature": signature}
    story.entry(EntryKind.STATEMENT, data | {"text-sha256": hashlib.sha256(text.encode()).hexdigest()}, subject="election")
    found = check(viewer, bundled(story))
    assert failed(found) == faults, found
    if faults:
        assert "without anybody touching it" in found["signatures"][1]


@pytest.mark.parametrize(("limits", "faults"), [(("20260101", "20270101Z"), set()), (("20270101000000Z", "20280101"), {"signatures"})])
def test_a_key_that_was_not_valid_when_it_signed_does_not_count(
    viewer: Page, closed: Story, copy: Path, limits: tuple[str, str], faults: set[str]
) -> None:
    path = copy / "data/allowed_signers"
    after, before = limits
    path.write_text(path.read_text().replace(" ssh-ed25519 ", f',valid-after="{after}",valid-before="{before}" ssh-ed25519 '))
    put_page(copy, closed.engagement, closed.key)
    Forger.everything(copy, closed.key)
    found = check(viewer, copy)
    assert failed(found) == faults


def test_the_key_received_at_kick_off_still_counts_after_it_was_replaced(viewer: Page, rotated: Story) -> None:
    path, first = bundled(rotated), rotated.ledger.key_history()[0].vkey
    keys = first + "\n" + (path / "data/allowed_signers").read_text()
    found = check(viewer, path, keys)
    assert failed(found) == set(), found
    assert "1 replacements of the log's key" in found["rotations"][1]
    assert found["keys"][0] == "OK"


def test_a_replacement_that_the_old_key_did_not_sign_shows(viewer: Page, rotated: Story, tmp_path: Path) -> None:
    path, stranger = bundled(rotated), LogKey.load_or_create(tmp_path / "stranger.pem", rotated.key.origin)
    first = rotated.ledger.key_history()[0].vkey
    number = next(one.number for one in rotated.ledger.entries(kind=EntryKind.ROTATION))
    note = stranger.sign_checkpoint(number, rotated.ledger.root(), f"next-key {rotated.key.vkey}")
    Forger.edit(path, number, lambda entry: entry["data"].update({"old-signature": note}))
    Forger.everything(path, rotated.key)
    found = check(viewer, path, first + "\n" + (path / "data/allowed_signers").read_text())
    assert {"rotations", "keys"} <= failed(found)


def test_a_bundle_that_withholds_entries_shows_the_others_in_their_places(viewer: Page, closed: Story, tmp_path: Path) -> None:
    bundle = write_bundle(
        closed.ledger,
        closed.engagement,
        tmp_path / "part",
        key=closed.key,
        now=closed.now,
        audience=Audience.SUCCESSOR,
        shows=partial(shows, Audience.SUCCESSOR),
    )
    found = check(viewer, bundle.path, expected_keys(closed.engagement, closed.key.vkey))
    assert failed(found) == set(), found
    assert {name for name, (status, _) in found.items() if status == "WITHHELD"} >= {"order", "approvals", "grants", "closing", "page"}
    assert "rules need entries that are withheld" in found[""][1]
    assert viewer.locator("h1").inner_text() == "A record of which entries are withheld"
    assert not viewer.locator("#answers").is_visible()
    viewer.evaluate("location.hash = 'entry-0'")
    viewer.wait_for_selector("#entry:has-text('Entry 0 is withheld')")
    leaves = bundle.path / "data/leaves.txt"
    leaves.write_text("0" * 64 + leaves.read_text()[64:])
    assert {"files", "tree"} <= failed(check(viewer, bundle.path))
