"""When a face is not enough: who needs a second factor besides it."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings

from accounts.models import User


def has_second_factor(user: User) -> bool:
    """Is a passkey or an authenticator app set up? Then it is asked for after every face and every password."""
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


def needs_second_factor(user: User) -> bool:
    """May this person's face count only together with a second factor? The strictest rule that applies wins."""
    who = settings.LIVEGATE_SECOND_FACTOR
    if who == "everybody" or (who == "staff" and user.is_staff):
        return True
    return user.groups.filter(name__in=settings.LIVEGATE_SECOND_FACTOR_GROUPS).exists()


def face_is_not_enough(user: User) -> bool:
    """A second factor is needed and none is set up: only the password can open the door to do that."""
    return needs_second_factor(user) and not has_second_factor(user)
