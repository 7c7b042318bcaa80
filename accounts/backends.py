"""Sign in with a face: an attempt that passed liveness is claimed once, and only then matched."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts import audit, matching, renewal
from accounts.models import User
from liveness.crypto import SealError
from liveness.engine.faces import Embedding
from liveness.models import Attempt
from liveness.services import ClaimError, claim_attempt, record_match


class FaceBackend(ModelBackend):
    """Authenticates the session that made the attempt. Every refusal is the same None."""

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, face_attempt: UUID | None = None, **credentials: Any
    ) -> User | None:
        if request is None or face_attempt is None:
            return None
        try:
            attempt, embedding = claim_attempt(
                attempt_id=face_attempt,
                session_key=request.session.session_key or "",
                purpose=Attempt.Purpose.SIGNIN,
            )
        except ClaimError as error:
            audit.refused("face_claim_refused", attempt=str(face_attempt), code=error.code)
            return None
        return self._recognise(attempt, embedding)

    def _recognise(self, attempt: Attempt, embedding: Embedding) -> User | None:
        user = self._candidate(attempt)
        matched = _matches(user, embedding)
        record_match(attempt=attempt, matched=matched)
        if not matched:
            audit.refused("face_refused", attempt=str(attempt.pk), claimed=attempt.claimed)
        elif user is not None:
            renewal.propose(user, embedding)
        return user if matched else None

    def _candidate(self, attempt: Attempt) -> User | None:
        user = User.objects.filter(liveness_attempts=attempt).first()
        if user is None or user.face_off or not self.user_can_authenticate(user):
            return None
        return user


def _matches(user: User | None, embedding: Embedding) -> bool:
    try:
        return matching.match(user, embedding)
    except SealError:
        audit.refused("face_template_damaged", user=user.pk if user else None)
        return False
