"""Tells the operator at start what is wrong.

That faces cannot be judged is no refusal to start: passwords go on working. A setting that makes no sense is one.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from liveness.engine import bundle as bundles
from liveness.engine.flash import Ask
from liveness.models import default_folder


@register()
def the_default_bundle_is_whole(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    try:
        bundles.load(default_folder())
    except bundles.BundleError as error:
        hint = "Until a sound model is active, every attempt by face is refused as unavailable."
        return [
            Warning(f"The liveness model cannot be used: {error}", hint=hint, id="liveness.W001")
        ]
    return []


@register()
def the_settings_of_review_make_sense(
    app_configs: Sequence[Any] | None, **kwargs: Any
) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.LIVEGATE_REVIEWERS_NEEDED not in (1, 2):
        found.append(Error("LIVEGATE_REVIEWERS_NEEDED must be 1 or 2.", id="liveness.E001"))
    if not 0 <= settings.LIVEGATE_SAMPLE_BONA_FIDE <= 1:
        found.append(Error("LIVEGATE_SAMPLE_BONA_FIDE is a share from 0 to 1.", id="liveness.E002"))
    if settings.LIVENESS_FLASH not in list(Ask):
        found.append(Error(f"LIVENESS_FLASH must be one of {', '.join(Ask)}.", id="liveness.E003"))
    return found
