"""The register of hostile attempts: each a function that tries one thing once and says how it was refused."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from portal.attack.grounds import Grounds

Attempt = Callable[[Grounds, Random], str]
"""Tries one thing once; how it was refused. Raises LetIn when it was not, Broken when the server broke."""


@dataclass(frozen=True)
class Kind:
    """weight: how many of ten thousand attempts are of this kind, about."""

    name: str
    weight: int
    attempt: Attempt
    about: str


KINDS: dict[str, Kind] = {}


def kind(weight: int) -> Callable[[Attempt], Attempt]:
    """Register the function under its name; its docstring says in the report what it tries."""

    def register(attempt: Attempt) -> Attempt:
        name = attempt.__name__.replace("_", "-")
        KINDS[name] = Kind(name, weight, attempt, (attempt.__doc__ or "").strip())
        return attempt

    return register


def deck(count: int, only: list[str] | None = None) -> list[Kind]:
    """``count`` attempts, dealt by weight, in a fixed order of chance; every kind at least once where there is room.

    Raises ValueError for a name that is none.
    """
    chosen = [_named(name) for name in only] if only else list(KINDS.values())
    total = sum(kind.weight for kind in chosen)
    dealt = [max(1, round(count * kind.weight / total)) for kind in chosen]
    # What rounding and the least of one add or take, the most frequent kind evens out.
    dealt[dealt.index(max(dealt))] += count - sum(dealt)
    cards = [kind for kind, times in zip(chosen, dealt, strict=True) for _ in range(times)]
    Random(count).shuffle(cards)
    return cards[:count]


def _named(name: str) -> Kind:
    if name not in KINDS:
        raise ValueError(f"There is no kind {name}; there are: {', '.join(sorted(KINDS))}.")
    return KINDS[name]
