"""Certificates that nobody should have, and those that somebody should not show
where he does: made with a CA's key, or found beside it."""
import datetime
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .falseend import Shown

USAGES = {"server": x509.ExtendedKeyUsageOID.SERVER_AUTH,
          "client": x509.ExtendedKeyUsageOID.CLIENT_AUTH}


def issued(pki, name):
    """What `pharos pki` has made in that folder."""
    return Shown(pki / f"{name}.crt", pki / f"{name}.key")


def write(folder, name, leaf, key):
    """A certificate that somebody has, as files."""
    shown = Shown(folder / f"{name}.crt", folder / f"{name}.key")
    shown.cert.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    shown.key.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return shown


def forge(folder, pki, label, realm=None, hosts=("bridge.pharos",),
          usages=("server", "client")):
    """A leaf of that CA for pharos://REALM/LABEL: `label` is "role/name", and
    the realm is the CA's own unless it is given."""
    ca = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    ca_key = serialization.load_pem_private_key(
        (pki / "ca.key").read_bytes(), None)
    realm = realm or hashlib.sha256(
        ca.public_bytes(serialization.Encoding.DER)).hexdigest()
    key, now = ec.generate_private_key(ec.SECP256R1()), \
        datetime.datetime.utcnow()
    names = [x509.UniformResourceIdentifier(f"pharos://{realm}/{label}"),
             *map(x509.DNSName, hosts)]
    builder = x509.CertificateBuilder(
        ca.subject, x509.Name([]), key.public_key(),
        x509.random_serial_number(), now - datetime.timedelta(minutes=5),
        now + datetime.timedelta(hours=1))
    for extension, critical in (
            (x509.BasicConstraints(False, None), True),
            (x509.SubjectAlternativeName(names), True),
            (x509.ExtendedKeyUsage([USAGES[one] for one in usages]), False)):
        builder = builder.add_extension(extension, critical)
    leaf = builder.sign(ca_key, hashes.SHA256())
    return write(folder, f"{leaf.serial_number:x}", leaf, key)
