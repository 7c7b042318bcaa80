"""What time takes away: faces that nobody uses, accounts that were never confirmed, old records, and what no consent covers.

Pictures and attempts have their own clock in ``liveness.services.purge``.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from accounts import audit, budgets, remains, renewal, services
from accounts.consent import Purpose
from accounts.models import Consent, FaceTemplate, FailureNotice, SignIn, User

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What a sweep took away: faces, accounts and consents; told: people who were warned that their face will go."""

    faces: int
    accounts: int
    consents: int
    told: int


def sweep(now: datetime | None = None) -> Swept:
    """Hold every promise of this room. Safe to repeat, and to run beside another."""
    now = now or timezone.now()
    told = sum(map(warn, list(_to_warn(now))))
    faces = services.delete_unused_faces(now) + _delete_unpermitted_faces()
    accounts = _delete_pending_accounts(now)
    consents, _ = Consent.objects.filter(
        withdrawn__lt=_ago(now, settings.LIVEGATE_CONSENT_DAYS)
    ).delete()
    _delete_records(now)
    transaction.on_commit(remains.wipe, robust=True)
    return Swept(faces, accounts, consents, told)


def goes_on(template: FaceTemplate) -> datetime:
    """When a face goes if nobody uses it."""
    return template.last_used + timedelta(days=settings.LIVEGATE_TEMPLATE_DAYS)


def warn(template: FaceTemplate) -> bool:
    """Mail the owner, once a period of disuse, that their face will be deleted; False if it was done meanwhile.

    A mail that cannot be sent is tried again by the next sweep; the face goes in time all the same.
    """
    waiting = FaceTemplate.objects.filter(pk=template.pk, warned=None, last_used=template.last_used)
    if not waiting.update(warned=timezone.now()):
        return False
    context = {
        "user": template.user,
        "until": goes_on(template),
        "link": settings.SITE_URL + reverse("accounts:signin_face"),
    }
    with override(template.user.language or settings.LANGUAGE_CODE):
        subject = gettext("Your face will be deleted soon")
        text = render_to_string("accounts/mail/face_expires.txt", context)
    try:
        send_mail(subject, text, None, [template.user.email])
    except OSError as error:
        logger.warning("no mail about the end of a face could be sent: %s", error)
        FaceTemplate.objects.filter(pk=template.pk).update(warned=None)
        return False
    return True


def pending_accounts(now: datetime) -> QuerySet[User]:
    """Signed up with an address that nobody ever confirmed, never signed in, and older than LIVEGATE_PENDING_DAYS."""
    addresses = EmailAddress.objects.filter(user=OuterRef("pk"))
    return User.objects.filter(
        Exists(addresses),
        ~Exists(addresses.filter(verified=True)),
        last_login=None,
        is_staff=False,
        is_superuser=False,
        face_template=None,
        date_joined__lt=_ago(now, settings.LIVEGATE_PENDING_DAYS),
    )


def _to_warn(now: datetime) -> QuerySet[FaceTemplate]:
    notice = settings.LIVEGATE_TEMPLATE_DAYS - settings.LIVEGATE_TEMPLATE_NOTICE_DAYS
    rows = FaceTemplate.objects.filter(warned=None, last_used__lte=_ago(now, notice))
    rows = rows.filter(last_used__gt=_ago(now, settings.LIVEGATE_TEMPLATE_DAYS))
    return rows.exclude(user__email="").select_related("user")


def _delete_unpermitted_faces() -> int:
    """Whoever takes consent back has the face erased at once; this is for a consent that ended in any other way."""
    given = Consent.objects.filter(
        user=OuterRef("user"), purpose=Purpose.SIGNIN, withdrawn__isnull=True
    )
    deleted, _ = FaceTemplate.objects.filter(~Exists(given)).delete()
    if deleted:
        audit.accepted("faces_without_consent_deleted", count=deleted)
    return deleted


def _delete_pending_accounts(now: datetime) -> int:
    found = list(pending_accounts(now))
    for user in found:
        services.delete_account(user=user)
    return len(found)


def _delete_records(now: datetime) -> None:
    """Sign-ins and questions about failures as old as attempts may be, sessions that ran out, budgets that are quiet."""
    oldest = _ago(now, settings.LIVENESS_ATTEMPT_DAYS)
    with transaction.atomic():
        SignIn.objects.filter(at__lt=oldest).delete()
        FailureNotice.objects.filter(created__lt=oldest).delete()
    renewal.forget_unconfirmed(now)
    budgets.forget_old(now)
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def _ago(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)
