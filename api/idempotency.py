"""A POST that is sent twice with one ``Idempotency-Key`` is carried out once and answered twice."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from api import keys
from api.authentication import bearer
from api.models import ApiKey, StoredAnswer
from api.problems import MEDIA_TYPE
from liveness.crypto import seal, unseal
from liveness.keyring import Sealed

KEPT = timedelta(hours=24)
_STALE = timedelta(minutes=5)
_TOKEN = re.compile(r"[\x21-\x7e]{1,255}")
# These say nothing about the request itself, so a repetition is worth another try.
_PASSING = {401, 403, 408, 429}


def once(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Middleware for POSTs below /api/v1/ that come with an API key and an Idempotency-Key."""

    def respond(request: HttpRequest) -> HttpResponse:
        key = _caller(request)
        if key is None:
            return get_response(request)
        token = request.headers["Idempotency-Key"]
        if not _TOKEN.fullmatch(token):
            return _problem(400, "bad_idempotency_key", "Use 1 to 255 visible ASCII characters.")
        if request.content_type == "multipart/form-data":
            return _problem(
                400, "not_idempotent", "Uploads create nothing; send no Idempotency-Key."
            )
        return _answer(key, token, request, get_response)

    return respond


def forget_old() -> int:
    """Delete the answers older than a day; says how many."""
    deleted, _ = StoredAnswer.objects.filter(created__lt=timezone.now() - KEPT).delete()
    return deleted


def _caller(request: HttpRequest) -> ApiKey | None:
    """The working key of a POST that asks to be carried out once; everything else is left to the view."""
    asked = request.method == "POST" and "Idempotency-Key" in request.headers
    text = bearer(request) if asked and request.path.startswith("/api/v1/") else None
    return keys.find_key(text) if text else None


def _answer(
    key: ApiKey, token: str, request: HttpRequest, work: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse:
    fingerprint = hashlib.sha256(
        request.get_full_path().encode() + b"\n" + request.body
    ).hexdigest()
    row = _begin(key, token, fingerprint)
    if row is None:
        return _again(key, token, fingerprint)
    try:
        response = work(request)
    except BaseException:
        row.delete()
        raise
    if response.status_code >= 500 or response.status_code in _PASSING:
        row.delete()
    else:
        _keep(row, response)
    return response


def _begin(key: ApiKey, token: str, fingerprint: str) -> StoredAnswer | None:
    """The row of a request that nobody has begun; None when somebody has. What a dead process left is removed."""
    now = timezone.now()
    rows = StoredAnswer.objects.filter(key=key, token=token)
    rows.filter(created__lt=now - KEPT).delete()
    rows.filter(status=None, created__lt=now - _STALE).delete()
    try:
        with transaction.atomic():
            return StoredAnswer.objects.create(key=key, token=token, fingerprint=fingerprint)
    except IntegrityError:
        return None


def _again(key: ApiKey, token: str, fingerprint: str) -> HttpResponse:
    row = StoredAnswer.objects.filter(key=key, token=token).first()
    if row is not None and row.fingerprint != fingerprint:
        return _problem(
            409, "idempotency_conflict", "This Idempotency-Key was used for another request."
        )
    if row is None or row.status is None:
        return _problem(
            409, "under_way", "The first request is still being worked on; ask again soon."
        )
    body = opened(row)
    response = HttpResponse(body, status=row.status, content_type=row.content_type)
    response["Idempotent-Replayed"] = "true"
    return response


def opened(row: StoredAnswer) -> bytes:
    """The body of a kept answer. Raises liveness.crypto.SealError."""
    return unseal(row.body or b"", _context(row))


def _keep(row: StoredAnswer, response: HttpResponse) -> None:
    row.status = response.status_code
    row.content_type = response.headers.get("Content-Type", "")[:100]
    row.body = seal(response.content, _context(row))
    row.save(update_fields=["status", "content_type", "body"])


def _context(row: StoredAnswer) -> str:
    return f"answer:{row.pk}"


SEALED = (Sealed(StoredAnswer, "body", _context),)
"""What a rotation of keys seals anew."""


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    title = {400: "Bad Request", 409: "Conflict"}[status]
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
