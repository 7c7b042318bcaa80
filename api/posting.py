"""One POST to an address that somebody typed: never into our own network, never on to elsewhere, never for long.

The name is resolved once, every address it has must be public, and the connection goes to one of those very addresses.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
_MOST_ADDRESSES = 3
_MOST_BYTES = 2000
_MOST_WORDS = 500
_NAT64 = IPv6Network("64:ff9b::/96")


class Refused(ValueError):
    """This address is not called; the text says why and what would be."""


@dataclass(frozen=True)
class Target:
    """Where a POST goes. path: with its query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def trusted(self) -> bool:
        """The operator has named it in LIVEGATE_WEBHOOK_ALLOW: it may be inside, and without TLS."""
        return f"{self.host}:{self.port}" in settings.LIVEGATE_WEBHOOK_ALLOW


@dataclass(frozen=True)
class Answer:
    """status: 100–599; text: the beginning of the body; wait: seconds of a Retry-After, 0 without one."""

    status: int
    text: str
    wait: float


def target(url: str) -> Target:
    """Read an address, without asking for its name. Raises Refused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Refused("This is no address; write it as https://shop.example/hook.") from error
    strange = any(mark.isspace() or not mark.isprintable() or ord(mark) > 126 for mark in url)
    if strange or not host or parts.scheme not in ("http", "https"):
        raise Refused("This is no address; write it as https://shop.example/hook.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Refused("An address has no user name, password or fragment here.")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    found = Target(secure, host, (443 if secure else 80) if port is None else port, path)
    if not (secure or settings.DEBUG or found.trusted):
        raise Refused("Events go to https addresses alone.")
    return found


def resolve(found: Target) -> list[str]:
    """The IP addresses to connect to. Raises Refused where any of the name's is not public, OSError without one."""
    try:
        answers = socket.getaddrinfo(found.host, found.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise Refused("This is no name of a host.") from error
    addresses = [str(answer[4][0]) for answer in answers]
    inside = [address for address in addresses if not is_public(address)]
    if inside and not found.trusted:
        raise Refused(f"{found.host} leads to {inside[0]}, which is not on the public internet.")
    return list(dict.fromkeys(addresses))[:_MOST_ADDRESSES]


def is_public(text: str) -> bool:
    """Is this IP address on the public internet, also where it is an IPv4 address in IPv6 clothes?"""
    address = ip_address(text.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in _meanings(address))


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send it and read the beginning of the answer; redirects are answers like any other.

    Raises Refused, OSError (timeouts and TLS too) and http.client.HTTPException.
    """
    found = target(url)
    connection = _Pinned(found, resolve(found))
    try:
        with connection.open():
            connection.request("POST", found.path, body, dict(headers))
            response = connection.getresponse()
            text = response.read(_MOST_BYTES).decode("utf-8", "replace")
        return Answer(response.status, _words(text), _seconds(response.headers["Retry-After"]))
    finally:
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to given addresses, under the name that the certificate must carry; over after TOTAL_SECONDS."""

    def __init__(self, found: Target, addresses: list[str]) -> None:
        super().__init__(found.host, found.port)
        self.default_port = 443 if found.secure else 80
        self._found, self._addresses = found, addresses

    @contextmanager
    def open(self) -> Iterator[None]:
        plain = self._reach()
        plain.settimeout(TOTAL_SECONDS)
        twin = plain.dup()
        late = threading.Event()
        end = threading.Timer(TOTAL_SECONDS, _shut, [twin, late])
        end.start()
        try:
            self.sock = self._wrapped(plain)
            yield
            if late.is_set():
                raise TimeoutError(f"The receiver took longer than {TOTAL_SECONDS:.0f} seconds.")
        finally:
            end.cancel()
            twin.close()
            plain.close()

    def _reach(self) -> socket.socket:
        """The first address that answers."""
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return socket.create_connection((address, self._found.port), CONNECT_SECONDS)
        return socket.create_connection((self._addresses[-1], self._found.port), CONNECT_SECONDS)

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        if not self._found.secure:
            return plain
        context = ssl.create_default_context()
        return context.wrap_socket(plain, server_hostname=self._found.host)


def _shut(twin: socket.socket, late: threading.Event) -> None:
    """Whoever waits for this connection goes on at once, and finds that it was too late."""
    late.set()
    with suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


def _meanings(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address itself and every IPv4 address that is written inside it."""
    yield address
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        yield from (each for each in inner if each is not None)


def _words(text: str) -> str:
    return text.replace("\0", "")[:_MOST_WORDS]


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0.0
