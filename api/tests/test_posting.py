"""Where a POST may go, and where it never goes: tried on real sockets of this machine."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django.fixtures import Settings

from api import posting
from api.tests.receivers import Receiver, receiving

Names = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Names]:
    """The DNS, told by the test: each question gets the next answer and is noted."""
    asked: list[str] = []
    answers: list[list[str]] = []

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        asked.append(host)
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port))
            for each in addresses
        ]

    def say(*told: list[str]) -> None:
        answers[:] = told
        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return asked, say


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every address that a connection was tried to."""
    tried: list[tuple[str, int]] = []

    def connect(address: tuple[str, int], *args: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_not_on_the_public_internet_is_never_dialled(
    address: str, names: tuple[list[str], Names], dialled: list[tuple[str, int]]
) -> None:
    names[1]([address])
    with pytest.raises(posting.Refused, match="not on the public internet"):
        posting.post("https://shop.example/", b"{}", {})
    assert dialled == []


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_what_is_public_is_dialled_under_the_very_address_that_was_examined(
    address: str, names: tuple[list[str], Names], dialled: list[tuple[str, int]]
) -> None:
    names[1]([address])
    with pytest.raises(ConnectionRefusedError):
        posting.post("https://shop.example:8443/", b"{}", {})
    assert dialled == [(address, 8443)]


def test_a_name_that_turns_inwards_after_the_question_gains_nothing(
    names: tuple[list[str], Names], dialled: list[tuple[str, int]]
) -> None:
    asked, say = names
    say(["93.184.215.14"], ["127.0.0.1"])
    with pytest.raises(ConnectionRefusedError):
        posting.post("https://rebind.example/", b"{}", {})
    assert (asked, dialled) == (["rebind.example"], [("93.184.215.14", 443)])


def test_one_inner_address_among_public_ones_refuses_the_name(
    names: tuple[list[str], Names], dialled: list[tuple[str, int]]
) -> None:
    names[1](["93.184.215.14", "10.0.0.1"])
    with pytest.raises(posting.Refused):
        posting.post("https://mixed.example/", b"{}", {})
    assert dialled == []


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "localhost"]
)
def test_other_spellings_of_this_machine_are_refused(
    host: str, dialled: list[tuple[str, int]]
) -> None:
    with pytest.raises((posting.Refused, socket.gaierror)):
        posting.post(f"https://{host}/", b"{}", {})
    assert dialled == []


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/",
        "https://",
        "https://shop.example:99999/",
        "https://a:b@shop.example/",
        "https://shop.example/#part",
        "https://shop.example/a b",
        "https://shop.example/\r\nX-Own: 1",
        "https://shöp.example/",
        "https://[::1",
        "",
    ],
)
def test_what_is_no_address_for_events_is_refused(url: str) -> None:
    with pytest.raises(posting.Refused):
        posting.target(url)


def test_debug_allows_http_and_still_nothing_inside(
    settings: Settings, dialled: list[tuple[str, int]]
) -> None:
    settings.DEBUG = True
    assert posting.target("http://shop.example/").port == 80
    with pytest.raises(posting.Refused):
        posting.post("http://127.0.0.1:9/", b"{}", {})
    assert dialled == []


def test_the_allow_list_names_host_and_port(receiver: Receiver, settings: Settings) -> None:
    assert posting.post(receiver.url, b"{}", {"X-Kind": "test"}).status == 204
    assert receiver.got[0].path == "/hook?from=livegate"
    assert (receiver.got[0].body, receiver.got[0].headers["X-Kind"]) == (b"{}", "test")
    assert receiver.got[0].headers["Host"] == receiver.place
    with receiving() as other, pytest.raises(posting.Refused):
        posting.post(other.url, b"{}", {})


def test_a_redirect_is_not_followed(receiver: Receiver, settings: Settings) -> None:
    with receiving() as inner:
        settings.LIVEGATE_WEBHOOK_ALLOW += [inner.place]
        receiver.status, receiver.headers = 307, {"Location": inner.url}
        assert posting.post(receiver.url, b"{}", {}).status == 307
        assert inner.got == []


def test_of_a_long_answer_only_the_beginning_is_read(receiver: Receiver) -> None:
    receiver.status, receiver.body = 200, b"a\0\xff" * 500_000
    text = posting.post(receiver.url, b"{}", {}).text
    assert len(text) == 500
    assert "\0" not in text


def test_a_receiver_that_dawdles_is_left(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte now and then keeps every single wait short; the whole has an end all the same."""
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 1.0)
    with _dripping() as place:
        settings.LIVEGATE_WEBHOOK_ALLOW = [place]
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="longer than 1 second"):
            posting.post(f"http://{place}/", b"{}", {})
        assert time.monotonic() - began < 30


def test_when_to_come_again_is_read_in_seconds(receiver: Receiver) -> None:
    for text, seconds in (("120", 120.0), ("soon", 0.0), ("-5", 0.0), ("9" * 30, 0.0)):
        receiver.headers = {"Retry-After": text}
        assert posting.post(receiver.url, b"{}", {}).wait == seconds


def test_the_certificate_has_to_carry_the_name_that_was_typed(
    tmp_path: Path,
    names: tuple[list[str], Names],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pinned to an address, and still verified under the name."""
    names[1](["127.0.0.1"])
    with _tls(tmp_path, "shop.example") as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        settings.LIVEGATE_WEBHOOK_ALLOW = [f"shop.example:{port}", f"other.example:{port}"]
        assert posting.post(f"https://shop.example:{port}/", b"{}", {}).status == 204
        with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example"):
            posting.post(f"https://other.example:{port}/", b"{}", {})
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(ssl.SSLCertVerificationError):
            posting.post(f"https://shop.example:{port}/", b"{}", {})


@contextmanager
def _dripping() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            client, _ = server.accept()
            with client:
                try:
                    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    for _ in range(600):
                        client.sendall(b"a")
                        time.sleep(0.1)
                except OSError:
                    return

        Thread(target=drip, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def _tls(folder: Path, name: str) -> Iterator[int]:
    """A receiver with a certificate of its own making for ``name``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with receiving(context) as receiver:
        yield int(receiver.place.rpartition(":")[2])


def test_the_examples_are_what_they_are_called() -> None:
    assert not any(posting.is_public(text) for text in INSIDE)
    assert ip_address("93.184.215.14").is_global
