"""What allauth is told about this portal."""

import base64

from allauth.mfa.adapter import DefaultMFAAdapter

from liveness.crypto import seal, unseal

CONTEXT = "accounts.second_factor"


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keys of authenticator apps are sealed like templates: a stolen database signs nobody in."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), CONTEXT)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises liveness.crypto.SealError when no configured key sealed it."""
        return unseal(base64.b64decode(encrypted_text), CONTEXT).decode()
