"""What allauth is told about this portal."""

import base64

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from accounts.models import User
from liveness.crypto import seal, unseal

CONTEXT = "accounts.second_factor"


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keys of authenticator apps are sealed like templates: a stolen database signs nobody in."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), CONTEXT)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises liveness.crypto.SealError when no configured key sealed it."""
        return unseal(base64.b64decode(encrypted_text), CONTEXT).decode()

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """What a passkey is called until its owner gives it a better name."""
        return f"Passkey {Authenticator.objects.filter(user=user, type=type).count() + 1}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """A passkey is bound to the host name; the name of the portal is what browsers show beside it."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": settings.MFA_TOTP_ISSUER}
