"""Refusals to start that a person can act on."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@register()
def a_public_site_uses_https(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Passwords and faces never travel unencrypted, and browsers give a camera to secure pages alone."""
    site = urlsplit(settings.SITE_URL)
    if site.scheme == "https" or site.hostname in _LOOPBACK or settings.DEBUG:
        return []
    hint = "Put a TLS proxy in front and set SITE_URL=https://…, BEHIND_PROXY=1."
    return [Error(f"SITE_URL is {settings.SITE_URL}: not https.", hint=hint, id="portal.E001")]


@register()
def encryption_keys_have_32_bytes(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    if all(len(key) == 32 for key in settings.LIVENESS_ENCRYPTION_KEYS):
        return []
    hint = "Each entry of LIVENESS_ENCRYPTION_KEYS is base64 of 32 random bytes."
    return [Error("An encryption key has the wrong length.", hint=hint, id="portal.E002")]


@register()
def second_factor_is_for_somebody_known(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    """A misspelt rule must not silently be no rule."""
    if settings.LIVEGATE_SECOND_FACTOR in {"nobody", "staff", "everybody"}:
        return []
    hint = "Set LIVEGATE_SECOND_FACTOR to nobody, staff or everybody."
    return [Error("LIVEGATE_SECOND_FACTOR is unknown.", hint=hint, id="portal.E003")]


@register()
def debug_is_for_one_machine(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    if not settings.DEBUG or urlsplit(settings.SITE_URL).hostname in _LOOPBACK:
        return []
    return [Warning("DEBUG is on for a public SITE_URL.", hint="Unset DEBUG.", id="portal.W001")]
