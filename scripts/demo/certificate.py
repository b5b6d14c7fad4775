"""A local certificate authority and a certificate for one address, so that a real phone may use its camera."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

VALID = dt.timedelta(days=90)


def ensure(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """Return (certificate chain, its key, the authority's certificate) for `host`, made anew when they are missing or old.

    The authority exists for this folder alone: install `authority.pem` on the phone, and remove it afterwards.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    slug = host.replace(":", "_")
    chain, key, authority = folder / f"{slug}.pem", folder / f"{slug}.key", folder / "authority.pem"
    if _still_valid(chain) and key.exists() and authority.exists():
        return chain, key, authority
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Touchstone demo authority")
    ca = (
        _builder(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    site_key = ec.generate_private_key(ec.SECP256R1())
    site = (
        _builder(_name(host), ca_name, site_key)
        .add_extension(x509.SubjectAlternativeName([_subject(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    authority.write_bytes(ca.public_bytes(pem))
    key.touch(mode=0o600)
    key.write_bytes(
        site_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    chain.write_bytes(site.public_bytes(pem) + ca.public_bytes(pem))
    return chain, key, authority


def _still_valid(path: Path) -> bool:
    if not path.exists():
        return False
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    return certificate.not_valid_after_utc > dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _subject(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + VALID)
    )
