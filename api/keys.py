"""Making, finding and revoking API keys: ``lg_<prefix>_<secret>``, shown once, kept as a digest."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from accounts import audit
from accounts.models import User
from api.models import SCOPES, ApiKey

_MARK = "lg"
_NOTED = timedelta(minutes=1)


def create_key(
    *,
    owner: User,
    name: str,
    scopes: Iterable[str],
    expires: datetime | None = None,
    origins: Iterable[str] = (),
    per_minute: int = 600,
) -> tuple[ApiKey, str]:
    """A new key and its text, which nobody can read again. Raises ValueError with what to change."""
    wanted = sorted(set(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise ValueError(f"Unknown scope {', '.join(unknown)}; known are {', '.join(SCOPES)}.")
    if not wanted:
        raise ValueError("A key without a scope may do nothing: name at least one.")
    if not (owner.is_active and owner.is_staff):
        raise ValueError("Keys belong to active staff accounts alone.")
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        owner=owner,
        name=name[:100],
        prefix=prefix,
        digest=digest(secret),
        scopes=wanted,
        origins=[origin_of(text) for text in origins],
        per_minute=per_minute,
        expires=expires,
    )
    audit.accepted("api_key_created", user=owner.pk, key=prefix, scopes=wanted)
    return key, f"{_MARK}_{prefix}_{secret}"


def find_key(text: str) -> ApiKey | None:
    """The key of this text if it works and its owner is active staff. Its use is noted, once a minute."""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    key = ApiKey.objects.select_related("owner").filter(prefix=prefix[:12]).first()
    known = key.digest if key else digest("")
    right = hmac.compare_digest(known, digest(secret)) and mark == _MARK
    if key is None or not right or not key.works():
        return None
    if not (key.owner.is_active and key.owner.is_staff):
        return None
    _note_use(key)
    return key


def revoke_key(*, key: ApiKey, by: User | None = None) -> None:
    """From now on the key is refused; once revoked it stays so."""
    if ApiKey.objects.filter(pk=key.pk, revoked=None).update(revoked=timezone.now()):
        audit.accepted("api_key_revoked", user=by.pk if by else None, key=key.prefix)
    key.refresh_from_db()


def digest(secret: str) -> str:
    """SHA-256 hex. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def origin_of(text: str) -> str:
    """``https://host[:port]`` of an address; http is for the loopback alone. Raises ValueError."""
    parts = urlsplit(text.strip())
    host = parts.hostname or ""
    local = host in ("localhost", "127.0.0.1")
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    plain = all(mark.isalnum() or mark in ".-" for mark in host)
    if (
        not host
        or extra
        or not plain
        or not (parts.scheme == "https" or (local and parts.scheme == "http"))
    ):
        raise ValueError(f"{text!r} is no origin; write it as https://shop.example.")
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used is None or now - key.last_used > _NOTED:
        ApiKey.objects.filter(pk=key.pk).update(last_used=now)
