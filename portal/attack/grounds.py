"""The site under attack: an empty PostgreSQL database, Redis, a portal and a worker, and the people who live there."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import psycopg

from liveness.chain import FrameChain
from portal.attack.attacker import Attacker, hear, start
from portal.attack.owners import Ledger, Owner, lodger
from portal.demo import clips
from portal.demo.client import VisitError
from portal.demo.server import Server, ServerError
from portal.proof.site import site

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
_FRAMES = 32
# In the portal's own process: a ticket signed anew as if an hour ago, and the keys of a member of staff.
_LOST = """
import json, time
from datetime import timedelta
from unittest import mock
from django.utils import timezone
from accounts.models import User
from api import keys
from liveness import tickets
then = time.time() - 3600
with mock.patch("time.time", lambda: then):
    found = {"ticket": tickets.issue(tickets.read(TICKET))}
staff = User.objects.create_superuser("staff")
wide = ["captures:write", "checks:write", "people:read", "attempts:read"]
for name in ("revoked", "expired", "narrow", "program", "other"):
    scopes = {"narrow": ["drift:read"], "other": ["captures:write"]}.get(name, wide)
    ends = timezone.now() + timedelta(days=-1 if name == "expired" else 1)
    key, found[name] = keys.create_key(
        owner=staff, name=name, scopes=scopes, expires=ends, per_minute=1_000_000
    )
    if name == "revoked":
        keys.revoke_key(key=key)
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Keys:
    """API keys in the wrong hands: revoked, expired, of a narrow scope, and two of different programs."""

    revoked: str
    expired: str
    narrow: str
    program: str
    other: str


@dataclass(frozen=True)
class Grounds:
    """Everything an attacker may have found out, and what they hold up to the camera.

    victims: who is attacked by name; guests: owners whom nobody attacks; lodgers: hostile accounts without rights;
    attempts: ids of real attempts of other people; recording: what one passing conversation sent.
    """

    portal: Server
    ledger: Ledger
    victims: list[Owner]
    guests: list[Owner]
    lodgers: list[Attacker]
    attempts: list[str]
    recording: list[bytes]
    old: tuple[Attacker, str]
    keys: Keys
    phone: list[bytes]
    stranger: list[bytes]
    face: list[bytes]

    @property
    def url(self) -> str:
        return self.portal.url

    def somebody(self, rng: Random) -> str:
        """A victim's name, or a name of nobody: half and half."""
        if rng.random() < 0.5:
            return rng.choice(self.victims).name
        return nobody(rng)


def nobody(rng: Random) -> str:
    return f"owner-{rng.randrange(16**8):08x}"


@contextmanager
def prepared(
    folder: Path, victims: int, postgres: str, settings: Mapping[str, str]
) -> Iterator[tuple[Grounds, str]]:
    """Start it all and enrol everybody; the grounds and the database's address. Raises ServerError, Broken."""
    own = {"BEHIND_PROXY": "1", "LOG_FORMAT": "json", **settings}
    with _database(postgres) as url, site(folder, DATABASE_URL=url, **own) as running:
        yield _populated(running.portal, victims), url


@contextmanager
def _database(server: str) -> Iterator[str]:
    """The URL of a new, empty database, dropped at the end."""
    name = f"livegate_attack_{secrets.token_hex(4)}"
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        raise ServerError(
            "PostgreSQL is needed, and an account that may create a database: name it with "
            f"--postgres postgres://user:password@host/name. ({error})"
        ) from error
    with connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _populated(portal: Server, victims: int) -> Grounds:
    ledger, rng = Ledger(), Random(0)
    faces = [clips.live_clip(name, _FRAMES, 1) for name in (clips.PERSON, clips.STRANGER)]
    owners = [Owner(portal.url, faces[n % 2], ledger) for n in range(victims + 2)]
    for owner in owners:
        owner.enrol()
    recording, attempt = _recorded(owners[0])
    old, keys = _found(portal, rng)
    return Grounds(
        portal=portal,
        ledger=ledger,
        victims=owners[2:],
        guests=owners[:2],
        lodgers=[lodger(portal.url, ledger, rng) for _ in range(2)],
        attempts=[attempt, *_refused(owners[0])],
        recording=recording,
        old=old,
        keys=keys,
        phone=clips.recaptured_clip(clips.PERSON, _FRAMES, 5),
        stranger=clips.live_clip(clips.THIRD, _FRAMES),
        face=faces[0],
    )


def _recorded(owner: Owner) -> tuple[list[bytes], str]:
    """A sign-in of the owner with somebody listening: the binary messages, and the attempt's id."""
    visitor, sent = owner.visitor(), []
    page = visitor.get("/signin/face/")
    page = visitor.send(page.form("/signin/face/"), username=owner.name)
    with visitor.socket(page, owner.url) as line:
        answer = start(line, page.data["ticket"])
        chain = FrameChain(page.data["ticket"], bytes.fromhex(answer["nonce"]))
        for jpeg in [*owner.clip, *owner.clip]:
            sent.append(chain.seal(jpeg))
            line.send(sent[-1])
            answer = hear(line)
            if answer["type"] != "hint":
                return sent, str(answer.get("attempt", ""))
    raise VisitError("The capture that was listened to did not end.")


def _refused(owner: Owner) -> list[str]:
    """The id of an attempt of which pictures are kept: a phone held up under the owner's name."""
    visitor = owner.visitor()
    page = visitor.get("/signin/face/")
    page = visitor.send(page.form("/signin/face/"), username=owner.name)
    said = visitor.capture(page, clips.recaptured_clip(clips.PERSON, 12, 6))
    return [str(said["attempt"])] if "attempt" in said else []


def _found(portal: Server, rng: Random) -> tuple[tuple[Attacker, str], Keys]:
    """What lay about: an attacker with a true ticket of their session that is an hour old, and five API keys."""
    attacker = Attacker(portal.url, rng)
    ticket = attacker.face_page(nobody(rng)).data["ticket"]
    said = portal.manage("shell", "-v", "0", "-c", _LOST.replace("TICKET", repr(ticket)))
    made = json.loads(said.strip().splitlines()[-1])
    return (attacker, made.pop("ticket")), Keys(**made)
