"""Our signatures and ssh-keygen's are the same; what ssh-keygen lets pass, ours does not."""

import base64
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from core.errors import SignatureError
from core.signatures.sshsig import examine, fingerprint, normalise, sign, tidy, verify
from core.signatures.wire import mpint, string

from .conftest import Key
from .security_key import NOBODY, TOUCHED, TOUCHED_AND_UNLOCKED, UNLOCKED, SecurityKey, armor

Signer = Callable[[bytes], bytes]

NAMESPACE = "offboard-approval@msp.example"
TEXT = b"offboard-approval/v1\nclient: acme\n"
KINDS = [("ed25519", "256"), ("rsa", "2048"), ("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521")]


def keygen(*arguments: str | Path, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=text, capture_output=True, check=False)


def stock_verify(folder: Path, signature: str, public: str, text: bytes = TEXT, namespace: str = NAMESPACE) -> bool:
    (folder / "allowed_signers").write_text(f'alice@msp.example namespaces="{NAMESPACE}" {public}\n')
    (folder / "text.sig").write_text(signature)
    arguments = ("-Y", "verify", "-f", folder / "allowed_signers", "-I", "alice@msp.example", "-n", namespace, "-s", folder / "text.sig")
    return keygen(*arguments, text=text).returncode == 0


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def key(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id"
    kind, bits = request.param
    assert keygen("-q", "-t", kind, "-b", bits, "-N", "", "-C", "a comment with blanks", "-f", path).returncode == 0
    return path


def public_line(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


def test_ssh_keygen_takes_what_we_sign(key: Path, tmp_path: Path) -> None:
    signature = sign(key.read_bytes(), TEXT, NAMESPACE)
    assert stock_verify(tmp_path, signature, public_line(key))
    assert not stock_verify(tmp_path, signature, public_line(key), text=TEXT + b"x")
    assert verify(signature, TEXT, NAMESPACE) == normalise(public_line(key))


def test_we_take_what_ssh_keygen_signs_with_either_hash(key: Path) -> None:
    for algorithm in ("sha256", "sha512"):
        made = keygen("-Y", "sign", "-O", f"hashalg={algorithm}", "-f", key, "-n", NAMESPACE, text=TEXT)
        assert verify(made.stdout.decode(), TEXT, NAMESPACE) == normalise(public_line(key))


def test_fingerprints_are_those_of_ssh_keygen(key: Path) -> None:
    assert fingerprint(public_line(key)) == keygen("-l", "-f", key.with_suffix(".pub")).stdout.decode().split()[1]


def test_another_text_or_namespace_is_refused(key: Path) -> None:
    signature = sign(key.read_bytes(), TEXT, NAMESPACE)
    with pytest.raises(SignatureError, match="does not fit the text"):
        verify(signature, TEXT + b"\n", NAMESPACE)
    with pytest.raises(SignatureError, match=r"made for 'offboard-approval@msp.example', not for 'offboard-waiver@msp.example'"):
        verify(signature, TEXT, "offboard-waiver@msp.example")
    with pytest.raises(SignatureError):
        verify(sign(key.read_bytes(), TEXT, ""), TEXT, "")


def test_every_flipped_bit_is_refused(key: Path) -> None:
    blob = dearmor(sign(key.read_bytes(), TEXT, NAMESPACE))
    for at in range(len(blob)):
        for bit in (0x01, 0x80):
            damaged = blob[:at] + bytes([blob[at] ^ bit]) + blob[at + 1 :]
            with pytest.raises(SignatureError):
                verify(armor(damaged), TEXT, NAMESPACE)


def test_every_cut_and_every_byte_too_many_is_refused(key: Path) -> None:
    blob = dearmor(sign(key.read_bytes(), TEXT, NAMESPACE))
    for at in range(len(blob)):
        with pytest.raises(SignatureError, match=r"damaged|public key"):
            verify(armor(blob[:at]), TEXT, NAMESPACE)
    with pytest.raises(SignatureError, match="bytes after its end"):
        verify(armor(blob + b"\x00"), TEXT, NAMESPACE)


def test_a_passphrase_opens_the_key_and_is_never_repeated(tmp_path: Path) -> None:
    path = tmp_path / "id"
    keygen("-q", "-t", "ed25519", "-N", "hunter2-secret", "-f", path)
    assert verify(sign(path.read_bytes(), TEXT, NAMESPACE, b"hunter2-secret"), TEXT, NAMESPACE) == normalise(public_line(path))
    for password in (None, b"wrong-secret"):
        with pytest.raises(SignatureError, match="cannot be used") as caught:
            sign(path.read_bytes(), TEXT, NAMESPACE, password)
        assert "secret" not in str(caught.value)
    with pytest.raises(SignatureError, match="cannot be used"):
        sign(b"no key at all", TEXT, NAMESPACE)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("BEGIN", "BEGAN"),
        lambda text: text.replace("-----END SSH SIGNATURE-----", ""),
        lambda text: "some words before\n" + text,
        lambda text: text + "some words after\n",
        lambda text: text + "\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("U1NI", "U1N!"),
        lambda text: text.replace("U1NI", "U1N"),
        lambda text: text.replace("U1NI", "U1N=I"),
        lambda _: "",
        lambda _: "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        lambda text: text.replace("U1NI", "Ü1NI"),
    ],
)
def test_damaged_armor_is_refused(damage: Callable[[str], str], keys: dict[str, Key]) -> None:
    signature = sign(keys["alice"].private, TEXT, NAMESPACE)
    with pytest.raises(SignatureError):
        verify(damage(signature), TEXT, NAMESPACE)


def test_what_forms_and_mail_do_to_a_signature_is_undone(keys: dict[str, Key]) -> None:
    signature = sign(keys["alice"].private, TEXT, NAMESPACE)
    pasted = "\r\n  " + signature.replace("\n", "  \r\n") + "\r\n\r\n"
    assert tidy(pasted) == signature
    assert verify(tidy(pasted), TEXT, NAMESPACE)


def dearmor(signature: str) -> bytes:
    return base64.b64decode("".join(signature.strip().split("\n")[1:-1]))


def craft(public: bytes, signer: Signer, *, algorithm: bytes = b"sha512", reserved: bytes = b"", version: int = 1) -> str:
    """Build a signature of any make; `signer` maps the covered bytes to the signature blob."""
    digest = hashlib.new(algorithm.decode(), TEXT).digest()
    head = string(NAMESPACE.encode()) + string(reserved) + string(algorithm)
    covered = b"SSHSIG" + head + string(digest)
    return armor(b"SSHSIG" + version.to_bytes(4, "big") + string(public) + head + string(signer(covered)))


def ed25519_pair() -> tuple[ed25519.Ed25519PrivateKey, bytes]:
    private = ed25519.Ed25519PrivateKey.generate()
    return private, string(b"ssh-ed25519") + string(private.public_key().public_bytes_raw())


def test_an_unknown_hash_version_or_reserved_field_is_refused() -> None:
    private, public = ed25519_pair()

    def signer(covered: bytes) -> bytes:
        return string(b"ssh-ed25519") + string(private.sign(covered))

    assert verify(craft(public, signer), TEXT, NAMESPACE)
    for algorithm in (b"sha1", b"md5", b"sha384", b"sha3_512"):
        with pytest.raises(SignatureError, match="neither sha256 nor sha512"):
            verify(craft(public, signer, algorithm=algorithm), TEXT, NAMESPACE)
    with pytest.raises(SignatureError, match="version other than 1"):
        verify(craft(public, signer, version=2), TEXT, NAMESPACE)
    with pytest.raises(SignatureError, match="reserved field is not empty"):
        verify(craft(public, signer, reserved=b"x"), TEXT, NAMESPACE)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_security_key_counts_only_if_somebody_touched_it(tmp_path: Path, kind: Literal["ed25519", "ecdsa"]) -> None:
    key = SecurityKey(kind)
    for flags, verified in ((TOUCHED, False), (TOUCHED_AND_UNLOCKED, True)):
        touched = key.sign(TEXT, NAMESPACE, flags)
        assert examine(touched, TEXT, NAMESPACE) == (normalise(key.line), verified)
        assert stock_verify(tmp_path, touched, key.line)  # what was made is what OpenSSH calls a security key's signature
    for flags in (NOBODY, UNLOCKED):
        untouched = key.sign(TEXT, NAMESPACE, flags)
        with pytest.raises(SignatureError, match="without anybody touching it"):
            verify(untouched, TEXT, NAMESPACE)
        flipped = dearmor(untouched)
        with pytest.raises(SignatureError, match="does not fit"):
            verify(armor(flipped[:-5] + b"\x05" + flipped[-4:]), TEXT, NAMESPACE)


def test_no_other_key_tells_who_touched_it(key: Path) -> None:
    assert not examine(sign(key.read_bytes(), TEXT, NAMESPACE), TEXT, NAMESPACE).user_verified


def test_a_security_key_for_no_application_has_to_be_touched_too() -> None:
    scheme = b"sk-ssh-ed25519@openssh.com"
    private = ed25519.Ed25519PrivateKey.generate()
    public = string(scheme) + string(private.public_key().public_bytes_raw()) + string(b"")
    with pytest.raises(SignatureError, match="ends too early"):
        verify(craft(public, lambda covered: string(scheme) + string(private.sign(covered))), TEXT, NAMESPACE)


def test_weak_rsa_is_refused() -> None:
    def blob(private: rsa.RSAPrivateKey) -> bytes:
        numbers = private.public_key().public_numbers()
        return string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)

    def signer(private: rsa.RSAPrivateKey, scheme: bytes, algorithm: hashes.HashAlgorithm) -> Signer:
        return lambda covered: string(scheme) + string(private.sign(covered, padding.PKCS1v15(), algorithm))

    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - it is made to be refused
    with pytest.raises(SignatureError, match="1024 bits is too short"):
        verify(craft(blob(short), signer(short, b"rsa-sha2-512", hashes.SHA512())), TEXT, NAMESPACE)
    pem = short.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    with pytest.raises(SignatureError, match="1024 bits is too short"):
        sign(pem, TEXT, NAMESPACE)
    good = rsa.generate_private_key(65537, 2048)
    assert verify(craft(blob(good), signer(good, b"rsa-sha2-256", hashes.SHA256())), TEXT, NAMESPACE)
    with pytest.raises(SignatureError, match="must be rsa-sha2-256 or rsa-sha2-512, not 'ssh-rsa'"):
        verify(craft(blob(good), signer(good, b"ssh-rsa", hashes.SHA1())), TEXT, NAMESPACE)  # noqa: S303 - as above


def test_a_key_signs_under_its_own_type_only() -> None:
    private, public = ed25519_pair()
    with pytest.raises(SignatureError, match="cannot make a signature of type"):
        verify(craft(public, lambda covered: string(b"ssh-ed448") + string(private.sign(covered))), TEXT, NAMESPACE)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 not-base64!",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOBSgGYAuyT6RLKkS6nfD4BnxW0v2Ztv1kTNFEBxfXTa",
        "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdsu3vq6sxzmxqz",
    ],
)
def test_what_is_no_public_key_is_refused(line: str) -> None:
    with pytest.raises(SignatureError):
        normalise(line)


def test_options_certificates_and_private_keys_are_no_public_key(keys: dict[str, Key], tmp_path: Path) -> None:
    public = keys["alice"].public
    assert normalise(public) == " ".join(public.split()[:2])
    secret = keys["alice"].private.decode()
    for line in (f'from="10.0.0.1" {public}', public + "\n" + public, secret, secret.replace("\n", " ")):
        with pytest.raises(SignatureError) as caught:
            normalise(line)
        assert secret.split("\n")[2] not in str(caught.value)
    copy = tmp_path / "alice.pub"
    copy.write_text(public)
    keygen("-q", "-s", keys["mallory"].path, "-I", "id", copy)
    with pytest.raises(SignatureError, match="its type is not"):
        normalise((tmp_path / "alice-cert.pub").read_text())


def test_random_bytes_are_refused_and_nothing_else_happens() -> None:
    for length in (0, 1, 6, 10, 64, 500):
        for _ in range(20):
            with pytest.raises(SignatureError):
                verify(armor(b"SSHSIG\x00\x00\x00\x01" + os.urandom(length)), TEXT, NAMESPACE)
