"""Whose attempts keep their pictures for review; of bona fide ones a small share, and only of people who agreed to it.

Without them reviewers would see refusals alone: an attack that passed would never be found, and a network that learns
from what was labelled would only ever learn from hard cases.
"""

import random
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


def drawn(user: Any) -> bool:
    """Is this attempt of ``user`` one of the LIVEGATE_SAMPLE_BONA_FIDE share? Call it inside a transaction."""
    return random.random() < settings.LIVEGATE_SAMPLE_BONA_FIDE and permitted(user)


def may_keep(user: Any) -> bool:
    """May pictures of an attempt about ``user`` be kept at all? Asks settings.LIVEGATE_MAY_KEEP, a dotted path.

    It is asked for nobody's name too. Call it inside a transaction.
    """
    return bool(import_string(settings.LIVEGATE_MAY_KEEP)(user))


def permitted(user: Any) -> bool:
    """Ask settings.LIVEGATE_MAY_SAMPLE, the dotted path of a function of the user; without one, or a user: no."""
    dotted: str = settings.LIVEGATE_MAY_SAMPLE
    return bool(dotted) and user is not None and bool(import_string(dotted)(user))
