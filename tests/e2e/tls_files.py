"""Certificates for tests: an authority of our own, and servers' certificates from it."""
import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Writes what it issues into a folder: ca.pem, cert.pem with the chain, key.pem for its owner only."""

    def __init__(self, folder, name="Test authority"):
        self.folder = folder
        self.name = _name(name)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._issue(self.name, self.key.public_key(), [
            (x509.BasicConstraints(ca=True, path_length=None), True)], days=30)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self._pem(self.certificate))
        self.cert_file, self.key_file = folder / "cert.pem", folder / "key.pem"

    def _issue(self, subject, public_key, extensions, days):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=days)))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    @staticmethod
    def _pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, days=10, replace=("certificate", "key")):
        """A new certificate and key for 127.0.0.1 and localhost in the place of the ones before. Gives the serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = self._issue(_name("waybill"), key.public_key(), [(x509.SubjectAlternativeName(names), False)], days)
        if "certificate" in replace:
            self._replace(self.cert_file, self._pem(certificate) + self._pem(self.certificate))
        if "key" in replace:
            self._replace(self.key_file, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                           serialization.NoEncryption()))
        return certificate.serial_number

    def _replace(self, path, content):
        new = path.with_suffix(".new")
        new.write_bytes(content)
        os.chmod(new, 0o600)
        os.replace(new, path)

    def settings(self):
        return ["--tls-certificate", self.cert_file, "--tls-key", self.key_file]
