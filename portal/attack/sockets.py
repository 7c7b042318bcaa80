"""Attempts at the capture socket that hold nothing before a camera: tickets, origins, order, junk, floods, patience."""

import contextlib
import io
import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from liveness.chain import FrameChain
from portal.attack.attacker import CAPTURE_SOCKET, Attacker, Broken, LetIn, ending, start
from portal.attack.grounds import Grounds, nobody
from portal.attack.kinds import kind

_EVIL = "https://evil.example"
_BOMB = (
    b"\xff\xd8\xff\xc0\x00\x11\x08\x27\x10\x27\x10\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)
_START_SECONDS = 30.0
_CROWD = 16


@contextmanager
def running(day: Grounds, rng: Random) -> Iterator[tuple[ClientConnection, FrameChain]]:
    """A socket whose attempt has started under a name of nobody."""
    attacker = Attacker(day.url, rng)
    page = attacker.face_page(nobody(rng))
    with attacker.line() as line:
        answer = start(line, page.data["ticket"])
        yield line, FrameChain(page.data["ticket"], bytes.fromhex(answer["nonce"]))


def with_session(day: Grounds, rng: Random) -> Attacker:
    """Somebody whose session cookie is invented: enough for the socket to listen."""
    attacker = Attacker(day.url, rng)
    attacker.plant("session", f"{rng.randrange(36**16):032x}")
    return attacker


def refused(line: ClientConnection, *messages: str | bytes) -> str:
    """Send what must end the socket, and hear how it does."""
    with contextlib.suppress(ConnectionClosed):
        for message in messages:
            line.send(message)
    return ending(line)


def _ticket(line: ClientConnection, ticket: str) -> str:
    return refused(line, json.dumps({"type": "start", "ticket": ticket}))


@kind(weight=600)
def forged_ticket(day: Grounds, rng: Random) -> str:
    """A ticket made up, altered, or signed with a key that is not the portal's."""
    made_up = rng.randbytes(rng.randrange(1, 300)).hex()
    real = day.old[1]
    spot = rng.randrange(len(real))
    altered = real[:spot] + rng.choice("abcXYZ019_:-") * 2 + real[spot + 1 :]
    body = real.split(":")[0]
    unsigned = rng.choice(
        [body, f"{body}:", f"{body}::", f"{body}:1abc:{secrets.token_urlsafe(32)}"]
    )
    wild = rng.choice(["\x00", "\ud800", "ä" * 400, ":" * 9, "a:b:c:d", "." + real])
    with with_session(day, rng).line() as line:
        return _ticket(line, rng.choice([made_up, altered, unsigned, wild]))


@kind(weight=250)
def stolen_ticket(day: Grounds, rng: Random) -> str:
    """A ticket of somebody else's page, redeemed from another session."""
    ticket = Attacker(day.url, rng).face_page(day.somebody(rng)).data.get("ticket")
    if ticket is None:
        return "429 no camera page"
    with with_session(day, rng).line() as line:
        return _ticket(line, ticket)


@kind(weight=200)
def reused_ticket(day: Grounds, rng: Random) -> str:
    """A ticket is redeemed, and then once more."""
    attacker = Attacker(day.url, rng)
    ticket = attacker.face_page(nobody(rng)).data["ticket"]
    with attacker.line() as first, attacker.line() as second:
        start(first, ticket)
        return _ticket(second, ticket)


@kind(weight=200)
def expired_ticket(day: Grounds, rng: Random) -> str:
    """A true ticket of the own session, an hour old."""
    attacker, ticket = day.old
    with attacker.line() as line:
        return _ticket(line, ticket)


@kind(weight=350)
def another_origin(day: Grounds, rng: Random) -> str:
    """A page of another site opens the socket, with the visitor's cookies."""
    host = urlsplit(day.url).netloc
    origins = [_EVIL, "null", None, f"https://{host}.evil.example", f"{_EVIL}/{host}", "file://"]
    origins += [f"https://evil.example#@{host}", "http://0.0.0.0", f"{_EVIL}:80@{host}x"]
    path = rng.choice([CAPTURE_SOCKET, "/ws/embed/x/", "/ws/training/1/"])
    return with_session(day, rng).refused_handshake(path=path, origin=rng.choice(origins))


@kind(weight=150)
def no_session(day: Grounds, rng: Random) -> str:
    """The socket without a session cookie, or with one that cannot be one."""
    cookie = rng.choice(
        ["", "session=", "session=x", "session", "other=1", "=;;=", "session=" + "é" * 9]
    )
    attacker = Attacker(day.url, rng)
    with attacker.line(headers={"Cookie": cookie}) as line:
        return _ticket(line, day.old[1])


@kind(weight=150)
def no_such_socket(day: Grounds, rng: Random) -> str:
    """Sockets that are not there, and those of staff and of other sites' captures."""
    paths = ["/ws/", "/ws/liveness", "/ws/liveness/../training/1/", "/ws/training/1/", "/"]
    paths += [
        f"/ws/embed/{rng.randbytes(48).hex()}/",
        "/ws/embed/%00/",
        "/ws/training/9999999999999999999999/",
    ]
    attacker = rng.choice([with_session(day, rng), *day.lodgers])
    try:
        with attacker.line(rng.choice(paths)) as line:
            return _ticket(line, day.old[1])
    except InvalidStatus:
        return attacker.refused_handshake(path="/ws/nothing/")


@kind(weight=300)
def wrong_order(day: Grounds, rng: Random) -> str:
    """A frame before the start, a second start, text where a frame belongs, an end before the beginning."""
    before = rng.random() < 0.6
    begin = json.dumps({"type": "start", "ticket": day.old[1]})
    if before:
        with with_session(day, rng).line() as line:
            return refused(line, rng.choice([rng.choice(day.face), b"", b"\xff\xd8", b"{}"]), begin)
    with running(day, rng) as (line, _):
        again = [begin, "{}", "[]", '{"type":"pass"}', '{"type":"verdict","verdict":"pass"}', ""]
        return refused(line, rng.choice(again))


@kind(weight=250)
def broken_chain(day: Grounds, rng: Random) -> str:
    """A living frame put in without its link, with another's, or with the first one's twice."""
    with running(day, rng) as (line, chain):
        jpeg = rng.choice(day.face)
        first = chain.seal(jpeg)
        wrong = [jpeg, bytes(32) + jpeg, chain.seal(jpeg), rng.choice(day.recording), first[:31]]
        return refused(line, rng.choice(wrong))


@kind(weight=300)
def damaged_jpeg(day: Grounds, rng: Random) -> str:
    """Truncated, altered, tiny, of a hundred megapixels, of another format, or nothing at all."""
    with running(day, rng) as (line, chain):
        return refused(line, chain.seal(damaged(rng.choice(day.face), rng)), "{}")


@kind(weight=100)
def giant_message(day: Grounds, rng: Random) -> str:
    """Half a megabyte, two or eight of them, before or after the start; frames in pieces."""
    size = rng.choice([450_000, 2_000_000, 8_000_000])
    giant: Any = rng.choice([bytes(size), "x" * size])
    if rng.random() < 0.5:
        with with_session(day, rng).line() as line:
            return refused(line, giant)
    with running(day, rng) as (line, chain):
        return refused(line, chain.seal(bytes(size)))


@kind(weight=350)
def junk_text(day: Grounds, rng: Random) -> str:
    """Text that is no message: broken JSON, deep JSON, other types, no Unicode, control characters."""
    letters = "".join(chr(rng.randrange(1, 0xD7FF)) for _ in range(rng.randrange(1, 300)))
    junk = [letters, "[" * 4000, '{"a":' * 2000, "null", "1e999", "NaN", '{"type":"start"}']
    junk += ['{"type":"start","ticket":{}}', '{"type":["start"],"ticket":"x"}', '"\\ud800"']
    junk += [
        json.dumps({"type": "start", "ticket": letters, "camera": rng.choice([7, [], {}, letters])})
    ]
    with with_session(day, rng).line() as line:
        return refused(line, rng.choice(junk))


@kind(weight=350)
def junk_bytes(day: Grounds, rng: Random) -> str:
    """Not even websocket: unmasked frames, reserved bits, unknown opcodes, invalid UTF-8, endless control frames."""
    with _raw(day, with_session(day, rng).cookie_values["session"]) as line:
        choices = [rng.randbytes(rng.randrange(2, 2000)), b"\x81\x05hello", b"\xf1\x80\0\0\0\0"]
        choices += [
            b"\x83\x80\0\0\0\0",
            b"\x81\x84\0\0\0\0\xff\xfe\xfd\xfc",
            b"\x89\xfe\xff\xff" * 9,
        ]
        choices += [
            b"\x82\xff" + b"\x7f" * 8 + b"\0" * 64,
            b"\x88\x81\0\0\0\0x",
            b"\x80\x80\0\0\0\0",
        ]
        line.sendall(rng.choice(choices))
        line.shutdown(socket.SHUT_WR)
        return _until_closed(line)


@kind(weight=150)
def wild_handshake(day: Grounds, rng: Random) -> str:
    """Headers in the handshake that no browser sends: no ASCII, no end, extensions and versions that do not exist."""
    names = ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Daphne-Root-Path", "User-Agent"]
    names += [
        "X-Request-ID",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
        "Origin",
        "Host",
        "Cookie",
    ]
    values = [
        b"\xc3\xa9\xff",
        b"%ff%00",
        b"a" * 9000,
        b"",
        b'permessage-deflate; x="',
        b"-1",
        b",;,=",
    ]
    more = rng.choice(names).encode() + b": " + rng.choice(values) + b"\r\n"
    with _raw(day, with_session(day, rng).cookie_values["session"], more=more) as line:
        line.shutdown(socket.SHUT_WR)
        return _until_closed(line)


@kind(weight=120)
def flood_of_frames(day: Grounds, rng: Random) -> str:
    """Frame after frame of a phone, without waiting for an answer."""
    with running(day, rng) as (line, chain):
        return refused(line, *(chain.seal(jpeg) for jpeg in day.phone))


@kind(weight=8)
def crowd_of_sockets(day: Grounds, rng: Random) -> str:
    """Sixteen sockets of one session, all at once, each with the same ticket."""
    attacker = Attacker(day.url, rng)
    ticket = attacker.face_page(nobody(rng)).data["ticket"]
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(attacker.line()) for _ in range(_CROWD)]
        answers = [_first_word(line, ticket) for line in lines]
    if answers.count("ready") > 1:
        raise LetIn(f"one ticket started {answers.count('ready')} attempts")
    return f"{answers.count('ready')} started, the others refused"


def _first_word(line: ClientConnection, ticket: str) -> str:
    try:
        return str(start(line, ticket)["type"])
    except ConnectionClosed:
        return "closed"


@kind(weight=100)
def hang_up(day: Grounds, rng: Random) -> str:
    """Goes away in the middle: of a handshake, of a frame, while a frame is being judged."""
    where = rng.randrange(3)
    if where == 0:
        with _raw(day, "x" * 32, whole=False) as half:
            half.sendall(b"Sec-WebSocket-K")
        return "gone in the handshake"
    with running(day, rng) as (line, chain):
        if where == 1:
            line.socket.sendall(b"\x82\xfe\xff\xff\0\0\0\0half a frame")
        else:
            line.send(chain.seal(rng.choice(day.face)))
        line.socket.shutdown(socket.SHUT_RDWR)
    return "gone in a frame" if where == 1 else "gone while judged"


@kind(weight=25)
def silent_socket(day: Grounds, rng: Random) -> str:
    """A socket that opens and never says a word."""
    with with_session(day, rng).line() as line:
        return ending(line)


@kind(weight=25)
def slow_loris(day: Grounds, rng: Random) -> str:
    """A request, header by header, as slowly as it goes; meanwhile the portal answers others."""
    began = time.monotonic()
    with _raw(day, "x" * 32, whole=False) as line:
        for number in range(6):
            line.sendall(f"X-Slow-{number}: 1\r\n".encode())
            time.sleep(1.5)
            Attacker(day.url, rng).ask("GET", "/healthz", cookies=False)
    return f"held {time.monotonic() - began:.0f} s, harmed nobody"


def damaged(jpeg: bytes, rng: Random) -> bytes:
    """What a camera never sends."""
    middle = rng.randrange(600, len(jpeg) - 600)
    torn = jpeg[:middle] + rng.randbytes(400) + jpeg[middle + 400 :]
    other = io.BytesIO()
    Image.new("RGB", (640, 480)).save(other, rng.choice(["PNG", "GIF", "BMP", "TIFF"]))
    whole = [b"", b"\xff\xd8", jpeg[:middle], _BOMB, other.getvalue(), rng.randbytes(3000)]
    return rng.choice([*whole, jpeg[:200] + rng.randbytes(200), torn[:-2]])


@contextmanager
def _raw(
    day: Grounds, session: str, whole: bool = True, more: bytes = b""
) -> Iterator[socket.socket]:
    """A bare connection that has asked for the capture socket; whole: its handshake is complete and answered.

    more: further headers.
    """
    place = urlsplit(day.url)
    with socket.create_connection((place.hostname, place.port), timeout=_START_SECONDS) as line:
        head = f"GET {CAPTURE_SOCKET} HTTP/1.1\r\nHost: {place.netloc}\r\nOrigin: {day.url}\r\n"
        head += f"Cookie: session={session}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        line.sendall(head.encode() + more)
        if whole:
            line.sendall(
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            status = line.recv(4096)[9:12]
            if status.startswith(b"5") and status != b"503":
                raise Broken(f"{status.decode()} for a handshake with {more[:80]!r}")
        yield line


def _until_closed(line: socket.socket) -> str:
    """Read to the end; a pass among it would be one."""
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := line.recv(4096):
            heard += piece
    if b'"pass"' in heard:
        raise LetIn("the liveness check passed")
    return "hung up on"
