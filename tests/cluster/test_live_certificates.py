"""Certificates and keys that a kubeconfig carries: they count, and nothing of them stays on disk."""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from selfheal.cluster.live import LiveCluster
from selfheal.errors import ConfigurationProblem, SelfhealError


class Pair:
    """A certificate with its key, signed by ``issuer`` or by itself."""

    def __init__(self, name: str, issuer: Pair | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        by = issuer or self
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name).issuer_name(by.name).public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                    key_agreement=False, key_cert_sign=issuer is None, crl_sign=issuer is None, encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )  # fmt: skip
        signed = builder.sign(by._key, hashes.SHA256())
        self.certificate = signed.public_bytes(serialization.Encoding.PEM)
        self.key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


class Version(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"gitVersion": "v1.30.1"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_parts: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def authority() -> Pair:
    return Pair("authority")


@pytest.fixture(scope="module")
def address(authority: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API server that wants a certificate of ours."""
    folder = tmp_path_factory.mktemp("server")
    own = Pair("server", authority)
    for name, data in {"ca": authority.certificate, "crt": own.certificate, "key": own.key}.items():
        (folder / name).write_bytes(data)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    context.load_verify_locations(folder / "ca")
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Version)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def kubeconfig(folder: Path, server: str, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    path = folder / "kubeconfig"
    document = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_they_count_and_nothing_of_them_stays_on_disk(
    authority: Pair, address: str, tmp_path: Path, temporary: Path
) -> None:
    own = Pair("selfheal", authority)
    user = {"client-certificate-data": coded(own.certificate), "client-key-data": coded(own.key)}
    path = kubeconfig(tmp_path, address, {"certificate-authority-data": coded(authority.certificate)}, user)
    cluster = LiveCluster(path)
    assert list(temporary.iterdir()) == []
    assert cluster.server_version() == "v1.30.1"
    assert list(temporary.iterdir()) == []


def test_files_that_the_kubeconfig_names_count_too(
    authority: Pair, address: str, tmp_path: Path, temporary: Path
) -> None:
    own = Pair("selfheal", authority)
    for name, data in {"ca": authority.certificate, "crt": own.certificate, "key": own.key}.items():
        (tmp_path / name).write_bytes(data)
    path = kubeconfig(
        tmp_path, address, {"certificate-authority": "ca"}, {"client-certificate": "crt", "client-key": "key"}
    )
    assert LiveCluster(path).server_version() == "v1.30.1"


def test_a_server_of_another_authority_is_not_believed(address: str, tmp_path: Path, temporary: Path) -> None:
    other = Pair("other")
    path = kubeconfig(
        tmp_path, address, {"certificate-authority-data": coded(other.certificate)}, {"token": "opaque"}
    )
    with pytest.raises(SelfhealError):
        LiveCluster(path).server_version()


@pytest.mark.parametrize("data", ["not base64!", coded(b"not a certificate")])
def test_a_certificate_that_is_none_is_said_and_not_shown(
    data: str, address: str, tmp_path: Path, temporary: Path
) -> None:
    path = kubeconfig(tmp_path, address, {"certificate-authority-data": data}, {"token": "opaque"})
    with pytest.raises(ConfigurationProblem) as caught:
        LiveCluster(path)
    assert data not in str(caught.value)
    assert list(temporary.iterdir()) == []
