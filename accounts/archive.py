"""All that is held of a person, to take away: a ZIP with data, texts and pictures, and a page that says what is what."""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import history, ledger, matching
from accounts.models import Consent, User
from liveness import evidence, runtime
from liveness.crypto import SealError
from liveness.engine import frames
from liveness.engine.faces import Embedding
from liveness.engine.frames import FrameError
from liveness.engine.look import Engine
from liveness.models import Evidence

NAME = "livegate-data.zip"


def build(user: User, *, pictures: bool = True) -> bytes:
    """The ZIP. pictures: with those kept pictures that show this person and nobody else.

    Raises liveness.runtime.Busy and EngineUnavailable when pictures cannot be compared at the moment.
    """
    now = timezone.now()
    shown = list(_showing(user)) if pictures else []
    texts = dict(_texts(user))
    parts: dict[str, bytes | str] = {"README.txt": _readme(user, now, shown, texts)}
    parts["data.json"] = json.dumps(history.export(user), indent=2, ensure_ascii=False)
    parts |= texts | dict(shown)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name, now.timetuple()[:6]), part, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def _texts(user: User) -> Iterator[tuple[str, str]]:
    """Every text this person agreed to, word for word, as far as it was kept: (file, text)."""
    for row in Consent.objects.filter(user=user):
        words = ledger.words_of(row.digest)
        if words is not None:
            yield f"consents/{row.purpose}-{row.version}-{row.digest[:8]}.txt", words + "\n"


def _showing(user: User) -> Iterator[tuple[str, bytes]]:
    """Kept pictures of attempts about this person on which their face, and no other, is found: (file, JPEG)."""
    rows = Evidence.objects.filter(attempt__user=user).order_by("attempt__created", "at", "pk")
    if not rows or not user.has_face:
        return
    _, engine = runtime.get_engine()
    for row in rows:
        try:
            jpeg = evidence.open_frame(row)
        except SealError:
            continue
        face = runtime.run_now(_only_face, engine, jpeg)
        if face is not None and _is_theirs(user, face):
            yield f"pictures/{row.attempt_id}/{row.kind}-{round(row.at * 1000):06}.jpg", jpeg


def _only_face(engine: Engine, jpeg: bytes) -> Embedding | None:
    """The face of a picture that shows one person; None for any other picture. Runs on a thread of the pool."""
    try:
        picture = frames.decode(jpeg)
    except FrameError:
        return None
    faces = engine.detector.detect(picture)
    return engine.embed_at(picture, faces[0]) if len(faces) == 1 else None


def _is_theirs(user: User, face: Embedding) -> bool:
    """Whoever was refused under this name may be somebody else."""
    try:
        return matching.match(user, face)
    except SealError:
        return False


def _readme(user: User, now: datetime, shown: list[Any], texts: dict[str, str]) -> str:
    kept = Evidence.objects.filter(attempt__user=user).count()
    digests = Consent.objects.filter(user=user).values("digest").distinct().count()
    context = {
        "user": user,
        "now": now,
        "site": settings.SITE_URL,
        "shown": len(shown),
        "left_out": kept - len(shown),
        "texts": len(texts),
        "lost_texts": digests - len({name.rsplit("-", 1)[1] for name in texts}),
        "face": getattr(user, "face_template", None),
    }
    return render_to_string("accounts/archive_readme.txt", context)
