"""An account whose owner has lost every second factor: an administrator takes them off, and the owner is told."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from accounts import audit, sessions
from accounts.models import User


class NotAllowed(Exception):
    """Nobody resets themselves, and a superuser is reset by another one alone."""


@transaction.atomic
def reset(*, user: User, by: User | None) -> int:
    """Take passkeys, apps and recovery codes off an account and end its sessions; says how many factors there were.

    Sign-in with the face is off until the owner has chosen a new password by mail: whoever talked an administrator
    into this needs the owner's mail too. by: the administrator; None at a terminal. The caller has ``tell`` mailed
    after the commit. Raises NotAllowed.
    """
    if by is not None and (by.pk == user.pk or (user.is_superuser and not by.is_superuser)):
        raise NotAllowed
    rows = Authenticator.objects.filter(user=user)
    count = rows.exclude(type=Authenticator.Type.RECOVERY_CODES).count()
    rows.delete()
    user.set_unusable_password()
    user.face_off = timezone.now()
    user.save(update_fields=["password", "face_off"])
    sessions.end_all(user)
    audit.accepted("factors_reset", user=user.pk, by=by.pk if by else None, factors=count)
    return count


def tell(user: User) -> None:
    """Mail the owner, at every address the account knows: one of them may have been changed by somebody else."""
    known = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    link = settings.SITE_URL + reverse("account_reset_password")
    with override(user.language or settings.LANGUAGE_CODE):
        subject = gettext("The ways into your account were reset")
        text = render_to_string("accounts/mail/reset.txt", {"user": user, "link": link})
    for address in sorted({address for address in (user.email, *known) if address}):
        send_mail(subject, text, None, [address])
