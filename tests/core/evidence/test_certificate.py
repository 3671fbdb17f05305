"""The certificate: an in-toto statement that stock tools read and check, and that says no more than was compared."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.v1.statement import Statement as InTotoStatement
from in_toto_attestation.v1.statement_pb2 import Statement as InTotoMessage
from made_up_exit import ORIGIN, NewStory, Story
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from core.errors import SignatureError
from core.evidence.certificate import certificate, statement
from core.evidence.dsse import IN_TOTO, pre_authentication_encoding, seal, unseal
from core.evidence.summary import Summary, summarise
from core.ledger.note import LogKey
from core.model import Action, EntryKind, GrantState
from core.signatures.statements import write_instant

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = LogKey(PRIVATE, ORIGIN)


def summary_of(story: Story) -> Summary:
    entries, checkpoint = story.ledger.entries(), story.ledger.checkpoint()
    return summarise(entries, story.engagement, checkpoint, story.ledger.document, now=story.now, audience="the client")


def stated(story: Story) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(statement(summary_of(story), story.ledger.checkpoint()))
    return read


@pytest.fixture(scope="module")
def envelope(closed: Story) -> bytes:
    return certificate(summary_of(closed), closed.ledger.checkpoint(), KEY.sign, KEY.vkey)


@pytest.fixture(scope="module")
def told(envelope: bytes) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(unseal(envelope, IN_TOTO, KEY.vkey))
    return read


def openssl(folder: Path, envelope: bytes, payload: bytes) -> int:
    read = json.loads(envelope)
    kind = read["payloadType"].encode()
    (folder / "pae").write_bytes(b"DSSEv1 " + b" ".join((str(len(kind)).encode(), kind, str(len(payload)).encode(), payload)))
    (folder / "sig").write_bytes(base64.b64decode(read["signatures"][0]["sig"]))
    (folder / "key.pem").write_bytes(KEY.public_pem)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-in", "pae", "-sigfile", "sig"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_openssl_checks_the_signature(envelope: bytes, tmp_path: Path) -> None:
    payload = base64.b64decode(json.loads(envelope)["payload"])
    assert openssl(tmp_path, envelope, payload) == 0
    assert openssl(tmp_path, envelope, payload.replace(b'"items":3', b'"items":4', 1)) != 0


def test_securesystemslib_checks_the_envelope(envelope: bytes) -> None:
    public = {"public": PRIVATE.public_key().public_bytes_raw().hex()}
    keyid = json.loads(envelope)["signatures"][0]["keyid"]
    Envelope.from_dict(json.loads(envelope)).verify([SSlibKey(keyid, "ed25519", "ed25519", public)], 1)
    altered = json.loads(envelope) | {"payload": base64.b64encode(b"{}").decode()}
    with pytest.raises(VerificationError):
        Envelope.from_dict(altered).verify([SSlibKey(keyid, "ed25519", "ed25519", public)], 1)


def test_in_toto_reads_the_statement(told: dict[str, Any]) -> None:
    read = json_format.ParseDict(told, InTotoMessage())
    InTotoStatement.copy_from_pb(read).validate()
    assert read.predicate_type == "urn:good-leaver:inventory-certificate:v1"


def test_its_subjects_are_files_of_the_bundle(told: dict[str, Any], closed: Story) -> None:
    bundle = closed.folder / "bundle"
    assert len(told["subject"]) == 3
    for one in told["subject"]:
        assert hashlib.sha256((bundle / one["name"]).read_bytes()).hexdigest() == one["digest"]["sha256"], one["name"]
    inventories = {told["predicate"]["datasets"][0][when]["digest"]["sha256"] for when in ("before", "after")}
    assert inventories == {one["digest"]["sha256"] for one in told["subject"][1:]}


def test_the_same_record_gives_the_same_bytes(closed: Story, envelope: bytes) -> None:
    assert certificate(summary_of(closed), closed.ledger.checkpoint(), KEY.sign, KEY.vkey) == envelope


def merkle_root(lines: Sequence[bytes]) -> bytes:
    """As RFC 6962 defines it in section 2.1, word by word."""
    if len(lines) < 2:
        return hashlib.sha256(b"\x00" + lines[0] if lines else b"").digest()
    half = 1
    while half * 2 < len(lines):
        half *= 2
    return hashlib.sha256(b"\x01" + merkle_root(lines[:half]) + merkle_root(lines[half:])).digest()


def test_its_roots_are_those_over_the_lines_of_the_inventories(told: dict[str, Any], closed: Story) -> None:
    for when in ("before", "after"):
        one = told["predicate"]["datasets"][0][when]
        lines = (closed.folder / "bundle/data/documents" / one["digest"]["sha256"]).read_bytes().splitlines()
        assert (one["items"], one["rootHash"]) == (3, merkle_root(lines).hex())


def test_without_a_foreign_log_every_difference_is_unexplained(told: dict[str, Any]) -> None:
    dataset = told["predicate"]["datasets"][0]
    assert [(one["how"], one["by"], one["items"], one["firstItems"]) for one in dataset["differences"]] == [
        ("removed", "unexplained", 1, [{"path": "gone.txt"}]),
        ("added", "unexplained", 1, [{"path": "c.txt"}]),
        ("changed", "unexplained", 1, [{"path": "b.txt"}]),
    ]
    words = " ".join(dataset["words"])
    assert "1 item was missing at the second: 0 by us" in words
    assert "1 could not be attributed" in words
    assert "No log of the system itself or of anybody else was brought" in words


def test_it_says_what_was_not_looked_at_and_nothing_of_deletion(told: dict[str, Any], envelope: bytes) -> None:
    dataset = told["predicate"]["datasets"][0]
    assert any("no sums were compared, and 3 items at first and 3 at the end" in one for one in dataset["notLookedAt"])
    assert any("outside these inventories" in one for one in told["predicate"]["notStated"])
    payload = base64.b64decode(json.loads(envelope)["payload"]).decode().lower()
    assert "nothing was deleted" not in payload
    assert "no data was deleted" not in payload


def test_it_says_when_our_access_ended_only_if_it_was_seen(
    told: dict[str, Any], closed: Story, new_story: NewStory, tmp_path: Path
) -> None:
    last = closed.ledger.entries(kind=EntryKind.RECEIPT, action=Action.REVOKE)[-1]
    assert told["predicate"]["accessEnded"]["endedAt"] == write_instant(last.at)
    story = new_story(tmp_path)
    story.begin()
    story.revoke((GrantState.REVOKED, GrantState.UNKNOWN))
    assert stated(story)["predicate"]["accessEnded"] is None


def test_one_inventory_is_compared_with_nothing(new_story: NewStory, tmp_path: Path) -> None:
    story = new_story(tmp_path)
    assert stated(story)["predicate"]["datasets"] == []
    story.begin()
    dataset = stated(story)["predicate"]["datasets"][0]
    assert (dataset["after"], dataset["differences"]) == (None, [])
    assert "no second one to compare it with" in dataset["words"][0]


def test_another_type_and_another_key_are_refused(envelope: bytes) -> None:
    with pytest.raises(SignatureError, match="not a text/plain"):
        unseal(envelope, "text/plain", KEY.vkey)
    with pytest.raises(SignatureError, match="not signed by"):
        unseal(envelope, IN_TOTO, LogKey(Ed25519PrivateKey.generate(), ORIGIN).vkey)


@settings(max_examples=50)
@given(
    st.one_of(
        st.binary(),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]), inner)
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_what_is_no_envelope_is_refused_and_breaks_nothing(garbage: bytes) -> None:
    with pytest.raises(SignatureError):
        unseal(garbage, IN_TOTO, KEY.vkey)


@pytest.mark.parametrize("seed", [8, 10, 11])
def test_a_key_whose_base64_holds_a_plus_sign_is_read_as_any_other(seed: int) -> None:
    key = LogKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), ORIGIN)
    assert key.vkey.count("+") > 2
    sealed = seal(b"{}", IN_TOTO, key.sign, key.vkey)
    assert unseal(sealed, IN_TOTO, key.vkey) == b"{}"
    assert key.vkey.startswith(json.loads(sealed)["signatures"][0]["keyid"] + "+")


@given(st.binary(max_size=200), st.text(max_size=40))
def test_whatever_is_sealed_is_read_back(payload: bytes, kind: str) -> None:
    assert unseal(seal(payload, kind, KEY.sign, KEY.vkey), kind, KEY.vkey) == payload


def test_the_encoding_is_that_of_the_specification() -> None:
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
