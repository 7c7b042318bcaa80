"""Mails to the owner of an account that somebody keeps failing to get into, and what the owner answers."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from accounts import audit
from accounts.models import FailureNotice, User

_SALT = "accounts.notice"
_VALID = timedelta(days=7)


class NoticeError(LookupError):
    """The link is not ours, is too old, or its account is gone."""


def open_if_due(*, user: User, failures: int, client: str) -> FailureNotice | None:
    """A notice that is to be mailed, as soon as failures begin to cost a wait; at most one in LIVEGATE_NOTICE_HOURS.

    Call it in the transaction that counted the failure: the budget's lock keeps a second notice from being opened.
    """
    if failures < settings.LIVEGATE_FAILURES_ACCOUNT or not user.email or not user.has_face:
        return None
    recent = timezone.now() - timedelta(hours=settings.LIVEGATE_NOTICE_HOURS)
    if FailureNotice.objects.filter(user=user, created__gt=recent).exists():
        return None
    return FailureNotice.objects.create(user=user, failures=failures, client=client)


def send(notice: FailureNotice) -> None:
    """Mail the owner, in their own language, a signed link to a page that asks: was this you?"""
    with override(notice.user.language or settings.LANGUAGE_CODE):
        _send(notice)


def _send(notice: FailureNotice) -> None:
    path = reverse("accounts:notice", args=[signing.dumps(notice.pk, salt=_SALT)])
    context = {"notice": notice, "link": settings.SITE_URL + path, "days": _VALID.days}
    text = render_to_string("accounts/mail/failures.txt", context)
    send_mail(gettext("Was this you? Failed attempts to sign in"), text, None, [notice.user.email])
    FailureNotice.objects.filter(pk=notice.pk).update(sent=timezone.now())


def waiting(now: datetime | None = None) -> QuerySet[FailureNotice]:
    """Notices of the last day that should have been mailed by now: the queue or the mail server was away."""
    now = now or timezone.now()
    late, old = now - timedelta(minutes=2), now - timedelta(days=1)
    return FailureNotice.objects.filter(sent=None, created__lt=late, created__gt=old)


def read(token: str) -> FailureNotice:
    """The notice of a link. Raises NoticeError."""
    try:
        number = signing.loads(token, salt=_SALT, max_age=_VALID)
        return FailureNotice.objects.select_related("user").get(pk=number)
    except (signing.BadSignature, FailureNotice.DoesNotExist) as error:
        raise NoticeError from error


@transaction.atomic
def answer(notice: FailureNotice, answer: FailureNotice.Answer) -> bool:
    """Write the answer, once. "Not me" switches face sign-in off until the password is changed.

    Returns False when it was answered before.
    """
    waiting = FailureNotice.objects.filter(pk=notice.pk, answer="")
    if not waiting.update(answer=answer, answered=timezone.now()):
        return False
    if answer == FailureNotice.Answer.NOT_ME:
        User.objects.filter(pk=notice.user_id).update(face_off=timezone.now())
    audit.accepted("failures_answered", user=notice.user_id, answer=answer.value)
    return True


def face_on(user: User) -> None:
    """The password is new: a face counts again."""
    if User.objects.filter(pk=user.pk, face_off__isnull=False).update(face_off=None):
        audit.accepted("face_switched_on", user=user.pk)
