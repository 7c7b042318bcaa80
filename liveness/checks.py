"""Tells the operator at start that faces cannot be judged; passwords go on working, so it is no refusal to start."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from liveness.engine import bundle as bundles
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
