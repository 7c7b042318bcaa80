"""allauth's forms for passkeys, which answer what is no passkey with a message instead of an error page."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms

_NONSENSE = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a forged or broken credential may end with; a wrong one is a ValidationError."""


class AddForm(forms.AddWebAuthnForm):
    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except _NONSENSE as error:
            raise get_adapter().validation_error("incorrect_code") from error


class _UseForm(forms.AuthenticateWebAuthnForm):
    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()
        except _NONSENSE as error:
            raise get_adapter().validation_error("incorrect_code") from error


class UseForm(_UseForm):
    """At sign-in."""


class UseAgainForm(_UseForm, forms.ReauthenticateWebAuthnForm):
    """By somebody who is signed in."""
