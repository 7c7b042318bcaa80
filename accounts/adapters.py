"""What allauth is told about this portal."""

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.clients import client_address
from accounts.models import User
from accounts.policies import has_second_factor
from accounts.step_up import is_fresh
from liveness.crypto import seal, unseal

CONTEXT = "accounts.second_factor"
_PROOFS = {
    "mfa_reauthenticate:webauthn": _("Use a passkey"),
    "mfa_reauthenticate": _("Use a code of your app, or a recovery code"),
    "reauthenticate": _("Use your password"),
}


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


class AccountAdapter(DefaultAccountAdapter):
    """allauth signs in; what a sign-in and a proof need is this portal's."""

    def get_login_stages(self) -> list[str]:
        return [*super().get_login_stages(), "accounts.stages.PolicyStage"]

    def get_client_ip(self, request: HttpRequest) -> str:
        """Behind our proxy the address that it saw: limits count people, not the proxy."""
        return client_address(request) or str(super().get_client_ip(request))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """What was given at the sign-in, minutes ago, counts like what was given again.

        Once in a request is enough: setting up a first second factor must not ask for it half-way.
        """
        request = context.request
        if not getattr(request, "proven_fresh", False):
            user = request.user
            request.proven_fresh = isinstance(user, User) and is_fresh(request.session, user)
        required = bool(super().is_reauthentication_required(app=app, **kwargs))
        return required and not request.proven_fresh

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:
        """The second factor where there is one, the surest first; the password only where there is none."""
        known = {row["id"]: row for row in super().get_reauthentication_methods(user)}
        chosen = [key for key in _PROOFS if key in known]
        second = [key for key in chosen if key != "reauthenticate"]
        if second and not has_second_factor(user):
            second = []  # Recovery codes that were left behind prove nothing by themselves.
        return [{**known[key], "description": str(_PROOFS[key])} for key in second or chosen]
