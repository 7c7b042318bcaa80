"""Captures that another web application orders: opened here, shown in its page, redeemed by its server, once.

A browser in a foreign page's frame has no session of ours. What binds its attempt instead is the token in the address
of the frame: 256 bits that the other server got over its own connection.
"""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit, budgets, matching, services
from accounts.models import User
from api.models import ApiKey, Capture
from liveness import services as liveness
from liveness.crypto import SealError
from liveness.models import Attempt

TRIES = 3
capture_redeemed = Signal()
"""``capture``, ``verdict``: its result is given out; inside the transaction that says so."""

_ENDED = {
    Attempt.State.FAILED: "refused",
    Attempt.State.ABSTAINED: "abstained",
    Attempt.State.ERROR: "error",
    Attempt.State.ABANDONED: "abandoned",
}


class CaptureError(Exception):
    """The capture does not allow this step. ``code``: for programs; the text says what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def open_capture(
    *,
    key: ApiKey,
    purpose: str,
    person: User | None = None,
    reference: str = "",
    origin: str = "",
    seconds: int = 600,
) -> Capture:
    """A capture that may be shown for ``seconds`` by a page of ``origin``, one of the key's; "" for no frame at all.

    Raises CaptureError: person_missing, origin_not_allowed, no_consent or no_face.
    """
    if purpose != Capture.Purpose.LIVENESS and person is None:
        raise CaptureError(
            "person_missing", f"A capture for {purpose} is about a person: name one."
        )
    if origin and origin not in key.origins:
        raise CaptureError(
            "origin_not_allowed", f"This key's captures may not be shown by {origin}."
        )
    if person is not None:
        _check_person(purpose, person)
    return Capture.objects.create(
        key=key,
        purpose=purpose,
        person=person,
        reference=reference,
        origin=origin,
        expires=timezone.now() + timedelta(seconds=seconds),
    )


def token_of(capture: Capture) -> str:
    """What the address of the frame ends with; it cannot be guessed from the id."""
    secret = salted_hmac("api.capture", capture.pk.hex, algorithm="sha256").hexdigest()
    return f"{capture.pk.hex}{secret}"


def by_token(token: str) -> Capture | None:
    """The capture of a token, None for a forged one."""
    try:
        capture = Capture.objects.select_related("key", "person", "attempt").get(
            pk=UUID(token[:32])
        )
    except (ValueError, Capture.DoesNotExist):
        return None
    return capture if hmac.compare_digest(token_of(capture).encode(), token.encode()) else None


def session_key(token: str) -> str:
    """What takes the place of a browser's session for this capture's attempts."""
    return f"embedded:{token}"


def begin(*, capture: Capture, client: str, user_agent: str) -> tuple[Attempt, str]:
    """Open the next attempt of this capture and issue its ticket; a few are allowed, none after a verdict of live.

    Raises CaptureError: over, liveness.services.TooManyAttempts, and accounts.budgets.Exhausted for verify.
    """
    with transaction.atomic():
        capture = Capture.objects.select_for_update(of=("self",)).get(pk=capture.pk)
        if state(capture) not in ("open", "refused", "abstained", "error", "abandoned"):
            raise CaptureError("over", "This capture is over.")
        if capture.tries >= TRIES or capture.expires <= timezone.now():
            raise CaptureError("over", "This capture is over.")
        who = _charged(capture, client)
        if who is not None:
            budgets.check(who)
        attempt, ticket = liveness.open_attempt(
            purpose=_purpose(capture),
            session_key=session_key(token_of(capture)),
            claimed=capture.person.get_username() if capture.person else "",
            user=capture.person,
            client=client,
            user_agent=user_agent,
        )
        if who is not None:
            budgets.announce(attempt.pk, who)
        capture.attempt, capture.tries = attempt, capture.tries + 1
        capture.save(update_fields=["attempt", "tries"])
    return attempt, ticket


def state(capture: Capture) -> str:
    """open, running, live, refused, abstained, error, abandoned, expired or redeemed."""
    now, attempt = timezone.now(), capture.attempt
    if capture.redeemed:
        return "redeemed"
    if attempt is None or (attempt.state == Attempt.State.PENDING and attempt.expires > now):
        return "open" if capture.expires > now else "expired"
    if attempt.state == Attempt.State.PASSED:
        return "live" if attempt.expires > now else "expired"
    if attempt.state == Attempt.State.RUNNING and attempt.expires > now:
        return "running"
    return _ENDED.get(Attempt.State(attempt.state), "abandoned")


def redeem(*, capture: Capture) -> dict[str, Any]:
    """The result, given out once. For ``verify`` the face is compared now, for ``enrol`` it becomes the person's.

    Raises CaptureError: not_ended, redeemed or no_consent.
    """
    before = state(capture)
    if before in ("open", "running"):
        raise CaptureError("not_ended", "Nobody has finished this capture yet; ask again later.")
    if capture.purpose == Capture.Purpose.ENROL and capture.person:
        _check_person(capture.purpose, capture.person)
    now = timezone.now()
    with transaction.atomic():
        if not Capture.objects.filter(pk=capture.pk, redeemed=None).update(redeemed=now):
            raise CaptureError("redeemed", "This capture was redeemed before; order a new one.")
        capture.redeemed = now
        capture_redeemed.send(Capture, capture=capture, verdict=before)
        audit.accepted(
            "capture_redeemed", capture=str(capture.pk), key=capture.key.prefix, was=before
        )
    found = _use(capture) if before == "live" else {}
    return {
        "id": str(capture.pk),
        "purpose": capture.purpose,
        "person": capture.person.get_username() if capture.person else None,
        "reference": capture.reference,
        "verdict": before,
        "matched": found.get("matched"),
        "enrolled": found.get("enrolled"),
        "attempt": str(capture.attempt_id) if capture.attempt_id else None,
        "redeemed": now.isoformat(),
    }


def sign(result: dict[str, Any], key: ApiKey) -> str:
    """The result as a JSON Web Token: HS256 under the SHA-256 hex of the key's secret, which both sides know."""
    claims = {
        "iss": settings.SITE_URL,
        "aud": key.prefix,
        "jti": result["id"],
        "iat": int(timezone.now().timestamp()),
        "result": result,
    }
    head = {"alg": "HS256", "typ": "JWT", "kid": key.prefix}
    text = ".".join(
        _encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims)
    )
    mac = hmac.new(key.digest.encode(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_encoded(mac)}"


def _use(capture: Capture) -> dict[str, bool]:
    assert capture.attempt_id is not None  # noqa: S101  (state() said live)
    key = session_key(token_of(capture))
    try:
        if capture.purpose == Capture.Purpose.ENROL and capture.person:
            services.enrol(user=capture.person, attempt_id=capture.attempt_id, session_key=key)
            return {"enrolled": True}
        attempt, embedding = liveness.claim_attempt(
            attempt_id=capture.attempt_id, session_key=key, purpose=_purpose(capture)
        )
    except services.FaceInUse:
        return {"enrolled": False}
    except (liveness.ClaimError, services.ConsentMissing, services.NotYours) as error:
        raise CaptureError("not_usable", "The capture can no longer be used.") from error
    if capture.person is None:
        attempt.evidence.all().delete()
        return {}
    matched = _matches(capture.person, embedding)
    liveness.record_match(attempt=attempt, matched=matched)
    return {"matched": matched}


def _matches(person: User, embedding: Any) -> bool:
    try:
        return person.is_active and matching.match(person, embedding)
    except SealError:
        audit.refused("face_template_damaged", user=person.pk)
        return False


def _charged(capture: Capture, client: str) -> budgets.Subjects | None:
    """Whose budget of face attempts this one is taken from, as at sign-in."""
    if capture.purpose != Capture.Purpose.VERIFY or capture.person is None:
        return None
    name, network = capture.person.get_username(), liveness.truncate_address(client)
    return budgets.subjects(user=capture.person, name=name, device="", network=network)


def _check_person(purpose: str, person: User) -> None:
    if purpose == Capture.Purpose.ENROL and services.consent_of(person) is None:
        raise CaptureError("no_consent", "This person has given no consent; record it first.")
    if purpose == Capture.Purpose.VERIFY and not person.has_face:
        raise CaptureError("no_face", "This person has no face on record; enrol it first.")


def _purpose(capture: Capture) -> Attempt.Purpose:
    enrols = capture.purpose == Capture.Purpose.ENROL
    return Attempt.Purpose.ENROL if enrols else Attempt.Purpose.SIGNIN


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
