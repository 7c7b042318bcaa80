"""When a face is not enough: who needs a second factor besides it."""

from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings

from accounts.models import User
from liveness.flash import was_skipped
from liveness.models import Attempt


def has_second_factor(user: User) -> bool:
    """Is a passkey or an authenticator app set up? Then it is asked for after every face and every password."""
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


def needs_second_factor(user: User) -> bool:
    """May this person's face count only together with a second factor? The strictest rule that applies wins."""
    who = settings.LIVEGATE_SECOND_FACTOR
    if who == "everybody" or (who == "staff" and user.is_staff):
        return True
    return user.groups.filter(name__in=settings.LIVEGATE_SECOND_FACTOR_GROUPS).exists()


def face_is_not_enough(user: User, attempt: UUID | None = None) -> bool:
    """A second factor is needed and none is set up: only the password can open the door to do that.

    It is needed, too, where an attempt skipped the colours that were wanted.
    """
    needed = needs_second_factor(user) or skipped_the_colours(attempt)
    return needed and not has_second_factor(user)


def skipped_the_colours(attempt: UUID | None) -> bool:
    """Did the person skip colours that this attempt wanted?"""
    made = Attempt.objects.filter(pk=attempt).first() if attempt else None
    return made is not None and was_skipped(made)
