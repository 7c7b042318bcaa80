"""Somebody comes, is enrolled, refused, reviewed and trained on, and is erased; then every byte is searched for them.

Run in a process of its own, on a site of its own, with the portal's own settings: the database's guards are in place, and
what happens after a commit does happen. Everybody is played by a portrait in the public domain, in frames of their own.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Q
from django.test import Client, override_settings
from numpy.typing import NDArray
from PIL import Image

from accounts import consent, erasure, matching, remains, renewal, services
from accounts.models import FaceTemplate, User
from api import erasure as answers
from api import keys
from api.models import SCOPES
from liveness import crypto, reviewing
from liveness import services as liveness
from liveness.engine import exhibits
from liveness.engine.capture import Capture
from liveness.engine.session import Verdict
from liveness.keyring import Sealed
from liveness.models import Attempt, ModelVersion
from liveness.runtime import rules_for
from liveness.tests.fakes import SESSION, FakeEngine, live, spoof
from liveness.tests.fakes import person as embedding_of
from portal.demo import clips
from portal.management.commands.rotate_keys import SEALED
from training import prepared, reviewed
from training import services as training
from training.models import TrainingRun
from training.tests.synthetic import row, write_manifest

SECRETS = Sealed(Attempt, "secret", lambda a: liveness._secret_context(a.pk))
PEOPLE = "/api/v1/people/"
_WINDOW = 32


@dataclass
class Somebody:
    """Who is looked for. sealed: what was sealed about them, noted before the erasure."""

    name: str
    portrait: str
    seed: int
    frames: list[bytes] = field(default_factory=list)
    sealed: list[bytes] = field(default_factory=list)
    user: User = field(default_factory=User)
    pseudonym: str = ""
    learned: list[str] = field(default_factory=list)

    @property
    def email(self) -> str:
        return f"{self.name}@example.org"

    @property
    def embedding(self) -> Any:
        return embedding_of(self.seed)


def arrive(who: Somebody, staff: Client) -> Somebody:
    """Everything the portal can come to hold of a person."""
    who.frames = clips.live_clip(who.portrait, frames=6, seed=who.seed)
    refused(who, None)  # before there is an account of that name
    register(who, staff)
    claimed = attempt(who, "enrol", FakeEngine(live(), [who.embedding]))
    services.enrol(user=who.user, attempt_id=claimed.pk, session_key=SESSION)
    renewal.propose(who.user, who.embedding)
    attempt(who, "enrol", FakeEngine(live(), [who.embedding]))  # passed, and never claimed
    train(who, [refused(who, who.user), refused(who, who.user)])
    leave_traces(who)
    who.sealed = [sealed for _, sealed, _ in opened(about=who.user)]
    return who


def register(who: Somebody, staff: Client) -> None:
    """Through the API with repeatable requests, whose answers are kept."""
    post(staff, PEOPLE, {"username": who.name, "email": who.email}, f"{who.name}-1")
    answers = {"text_version": consent.VERSION, "evidence": True, "training": True}
    post(staff, f"{PEOPLE}{who.name}/consents/", answers, f"{who.name}-2")
    who.user = User.objects.get(username=who.name)
    who.pseudonym = reviewed.subject_of(who.user.pk)


def post(staff: Client, path: str, body: dict[str, Any], token: str) -> None:
    response = staff.post(
        path, body, "application/json", headers={"Idempotency-Key": f"T{hash(token)}"}
    )
    assert response.status_code == 201, response.content


def attempt(who: Somebody, purpose: str, engine: Any, user: User | None = None) -> Attempt:
    user = user or (who.user if purpose == "enrol" else None)
    _, ticket = liveness.open_attempt(
        purpose=purpose, session_key=SESSION, claimed=who.name, user=user
    )
    running = liveness.start_attempt(ticket=ticket, session_key=SESSION)
    capture = Capture(engine, rules_for(purpose), 0.43)
    for number in range(1000):
        decision = capture.add(who.frames[number % len(who.frames)], number * 0.4)
        if decision.verdict is not Verdict.MORE:
            break
    return liveness.close_attempt(attempt=running, decision=decision, capture=capture)


def refused(who: Somebody, user: User | None) -> Attempt:
    return attempt(who, "signin", FakeEngine([spoof(0.3), spoof(0.1)]), user)


def train(who: Somebody, attempts: list[Attempt]) -> None:
    """Labelled, exported by hand, and copied for a run that is done and has a model; a copy broke off half-way."""
    for found, label in zip(attempts, ("screen", "live"), strict=True):
        reviewing.review_attempt(attempt=found, reviewer=None, label=label)
    home = Path(settings.VAR) / "training"
    reviewed.export_reviewed(home / f"set-{who.seed}", attempts)
    base = Path(settings.VAR) / f"base-{who.seed}"
    base.mkdir()
    rows = [row(f"{kind}.jpg", "cam1", kind) for kind in (True, False)]
    data = write_manifest(base / "manifest.csv", rows)
    run = training.request_run(
        data=data, options={"calibration_domains": []}, reviewed=[a.pk for a in attempts]
    )
    prepared.prepare(run)
    model = ModelVersion.objects.create(name=f"pupil-{who.seed}", sha256=f"{who.seed:064x}")
    TrainingRun.objects.filter(pk=run.pk).update(state="done", model=model)
    half = home / f"run-{run.pk}" / "reviewed" / "frames" / f".{who.pseudonym}-1.jpg.part"
    half.write_bytes(who.frames[0][: len(who.frames[0]) // 2])


def leave_traces(who: Somebody) -> None:
    """Sessions, a second factor, an address, and lines of the administration's log, also as they were once written."""
    browser().force_login(who.user, "django.contrib.auth.backends.ModelBackend")
    browser().post("/signin/face/", {"username": who.name.upper()})
    TOTP.activate(who.user, "JBSWY3DPEHPK3PXP")
    EmailAddress.objects.create(user=who.user, email=who.email, primary=True)
    for about, words in ((User, who.name), (FaceTemplate, f"Face of {who.name}")):
        LogEntry.objects.create(
            user=User.objects.get(username="root"),
            content_type=ContentType.objects.get_for_model(about),
            object_id=str(who.user.pk if about is User else 0),
            object_repr=words,
            action_flag=CHANGE,
        )


def browser(**headers: str) -> Client:
    return Client(SERVER_NAME="127.0.0.1", headers=headers)


def search(who: Somebody, face_only: bool) -> list[str]:
    """Where something of this person is found, and what. face_only: the name may stay."""
    names = [] if face_only else [who.name.encode(), who.pseudonym.encode()]
    faces = list(windows(who))
    thumbs = [thumbnail(frame) for frame in who.frames]
    found = []
    for place, content in haystacks():
        low = content.lower()
        found += [f"{place}: name" for name in names if name in low]
        found += [f"{place}: {what}" for what, needle in faces if needle in content]
        if content[:2] == b"\xff\xd8" and shows(content, thumbs):
            found.append(f"{place}: picture")
    found += [f"{place}: embedding" for place in embeddings(who)]
    return sorted(set(found))


def windows(who: Somebody) -> Iterator[tuple[str, bytes]]:
    """Pieces out of the middle of everything that was ever a picture, a measure or a sealed value of this person."""
    for frame in who.frames:
        for jpeg in (frame, exhibits.clean_jpeg(frame), exhibits.small_jpeg(frame, 320)[0]):
            yield from (("jpeg", jpeg[at : at + _WINDOW]) for at in _places(jpeg))
    measured = who.embedding.tobytes()
    yield from (("embedding", measured[at : at + _WINDOW]) for at in _places(measured))
    for sealed in who.sealed:
        yield from (("sealed", sealed[at : at + _WINDOW]) for at in _places(sealed))


def _places(content: bytes) -> list[int]:
    return [len(content) * part // 4 for part in (1, 2, 3) if len(content) > 2 * _WINDOW]


def haystacks() -> Iterator[tuple[str, bytes]]:
    """Every value of every row, what sessions say, what seals hold, and every file with its path."""
    opened_now = list(opened())
    yield from ((place, plain) for place, _, plain in opened_now)
    yield from rows({sealed for _, sealed, _ in opened_now})
    for session in Session.objects.all():
        yield "a session", json.dumps(session.get_decoded()).encode()
    for path in Path(settings.VAR).rglob("*"):
        if path.is_file() and "secrets" not in path.parts:
            yield str(path.relative_to(settings.VAR)), str(path).encode() + b"\n"
            yield str(path.relative_to(settings.VAR)), path.read_bytes()


def rows(known: set[bytes]) -> Iterator[tuple[str, bytes]]:
    """Every value of every table. A sealed value that was not opened would be a place that nobody searches."""
    ids = {bytes.fromhex(name) for name in crypto.key_ids()}
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            for values in cursor.fetchall():
                for column, value in zip(columns, values, strict=True):
                    content = as_bytes(value)
                    if content[:1] == b"\x01" and content[1:9] in ids:
                        assert content in known, f"{table}.{column} is sealed and was not opened"
                    yield f"{table}.{column}", content


def as_bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def opened(about: User | None = None) -> Iterator[tuple[str, bytes, bytes]]:
    """Every sealed value with what is in it: (place, sealed, plain). about: of this person's own rows alone."""
    for column in (*SEALED, SECRETS):
        every = column.model._default_manager.all()
        for found in every if about is None else every.filter(_of(column, about)):
            if sealed := column.read(found):
                yield str(column), sealed, crypto.unseal(sealed, column.context(found))


def _of(column: Sealed, user: User) -> Q:
    name = column.model.__name__
    if name == "Evidence":
        return Q(attempt__user=user)
    return Q(pk=None) if name in ("StoredAnswer", "Webhook") else Q(user=user)


def embeddings(who: Somebody) -> Iterator[str]:
    """Sealed vectors that are this person's, as they are or under any rotation whose seed is still there."""
    plains = [(place, plain) for place, _, plain in opened()]
    seeds = [plain for _, plain in plains if len(plain) == 32]
    forms = [who.embedding, *(matching.protect(who.embedding, seed) for seed in seeds)]
    for place, plain in plains:
        if len(plain) == 4 * matching.DIMENSIONS:
            vector = np.frombuffer(plain, "<f4")
            if max(float(vector @ form) for form in forms) > 0.9:
                yield place


def thumbnail(jpeg: bytes) -> NDArray[np.float64]:
    """32×24 grey values, 0–255."""
    return np.asarray(Image.open(BytesIO(jpeg)).convert("L").resize((32, 24)), dtype=np.float64)


def shows(jpeg: bytes, thumbs: list[NDArray[np.float64]]) -> bool:
    try:
        seen = thumbnail(jpeg)
    except OSError:
        return False
    return min(float(np.abs(seen - thumb).mean()) for thumb in thumbs) < 1.5


def _secure_delete_off() -> AbstractContextManager[Any]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA secure_delete=OFF")
    return nullcontext()


def _nothing(*args: Any, **values: Any) -> None:
    return None


@dataclass(frozen=True)
class Sabotage:
    """A way to erase in which something is left out, and where the search has to find it."""

    how: str
    spoil: Callable[[], AbstractContextManager[Any]]
    left: str = ""


HONEST = {how: Sabotage(how, nullcontext) for how in ("face", "withdraw", "account")}
SABOTAGE = {
    "the template stays": Sabotage(
        "face", lambda: patch.object(erasure, "FaceTemplate"), "face template sealed: embedding"
    ),
    "attempts stay": Sabotage(
        "face", lambda: patch.object(liveness, "erase_user", _nothing), "evidence jpeg: jpeg"
    ),
    "copies stay": Sabotage(
        "withdraw", lambda: override_settings(LIVEGATE_ERASE_COPIES=""), ".jpg.part: jpeg"
    ),
    "attempts under the name stay": Sabotage(
        "account",
        lambda: patch.object(liveness, "_about", lambda user: Q(user_id=user.pk)),
        "liveness_attempt.claimed: name",
    ),
    "kept answers stay": Sabotage(
        "account", lambda: patch.object(answers, "forget", _nothing), "stored answer body: name"
    ),
    "lessons stay": Sabotage(
        "account",
        lambda: override_settings(LIVEGATE_FORGET_LESSONS=""),
        "training_lesson.subject: name",
    ),
    "sessions stay": Sabotage(
        "account", lambda: patch.object(erasure, "sessions", _nothing), "a session: name"
    ),
    "the log stays": Sabotage(
        "account", lambda: patch.object(erasure, "log_entries", _nothing), "django_admin_log"
    ),
}
ON_SQLITE = {
    "the write-ahead log stays": Sabotage(
        "account", lambda: patch.object(remains, "wipe", _nothing), "sqlite3-wal: sealed"
    ),
    # The last one: it stays switched off.
    "free pages stay": Sabotage("account", _secure_delete_off, "livegate.sqlite3: sealed"),
}
WAYS: dict[str, Callable[..., Any]] = {
    "face": services.delete_face,
    "withdraw": services.withdraw_consent,
    "account": services.delete_account,
}


def main() -> None:
    """Prints a JSON object: case → what was found of that person; before, what was found of one who stays."""
    root = User.objects.create_superuser("root", "root@example.com", None)
    _, text = keys.create_key(owner=root, name="test", scopes=SCOPES, per_minute=10_000)
    staff = browser(Authorization=f"Bearer {text}")
    stays = arrive(Somebody("witness-vqz", "obama-2012", 900), staff)
    cases = HONEST | SABOTAGE | (ON_SQLITE if connection.vendor == "sqlite" else {})
    found = {}
    for number, (case, sabotage) in enumerate(cases.items(), 1):
        who = arrive(Somebody(f"nobody-{number:02}-xkq", "obama-2010", 20 * number), staff)
        with sabotage.spoil():
            told = WAYS[sabotage.how](user=who.user)
        found[case] = search(who, face_only=sabotage.how != "account")
        found[f"{case}: told"] = told or []
    found["who stays"] = search(stays, face_only=False)
    json.dump(found, sys.stdout)
