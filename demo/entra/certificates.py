"""Certificates: of the simulated service, and those by which applications sign in."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


def serve_with(folder: Path, address: str) -> Path:
    """Write server.pem and server.key for an address, and give the file of the authority that clients trust."""
    authority_key, authority = _make("Simulated Microsoft, authority", None, None)
    key, certificate = _make(
        address, (authority_key, authority), x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    )
    (folder / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _keep(folder / "server.key", key)
    return folder / "authority.pem"


def sign_in_with(folder: Path, name: str, days: int = 365) -> bytes:
    """Write NAME.key and NAME.pem for an application, and give the certificate (DER). Negative days: expired long since."""
    key, certificate = _make(name, None, None, days)
    _keep(folder / f"{name}.key", key)
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.public_bytes(serialization.Encoding.DER)


def _keep(path: Path, key: rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def _make(
    name: str,
    issuer: tuple[rsa.RSAPrivateKey, x509.Certificate] | None,
    more: x509.ExtensionType | None,
    days: int = 365,
) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, issued_by = (issuer[0], issuer[1].subject) if issuer else (key, subject)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issued_by, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days))
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    if issuer is None:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)  # noqa: FBT003 - as the RFC has them
        builder = builder.add_extension(usage, critical=True)
    if more:
        builder = builder.add_extension(more, critical=False)
    return key, builder.sign(signer, hashes.SHA256())
