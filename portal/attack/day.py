"""The day itself: the deck is played by several attackers at once, owners come by, and everything is tallied."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from websockets.exceptions import WebSocketException

from portal.attack.attacker import Broken, LetIn
from portal.attack.grounds import Grounds
from portal.attack.kinds import Kind
from portal.demo.client import VisitError

# How often, as a share of the day, an owner whom nobody attacks signs in.
_VISITS = (0.25, 0.5, 0.75)
_KEPT = 20


@dataclass
class Tally:
    """What became of the attempts of each kind. trouble: let in or broken, in words, of some of them."""

    ways: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    let_in: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, kind: str, way: str) -> None:
        with self._lock:
            self.ways[kind][way] += 1
            self.done += 1

    def note_trouble(self, kind: str, count: Counter[str], text: str) -> None:
        with self._lock:
            count[kind] += 1
            self.done += 1
            self.trouble += [f"{kind}: {text}"] if len(self.trouble) < _KEPT else []


@dataclass
class Visits:
    """Owners who sign in during the day: seconds that each visit took, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def make(self, grounds: Grounds, number: int) -> None:
        began = time.monotonic()
        try:
            grounds.guests[number % len(grounds.guests)].sign_in()
        except (Broken, VisitError, WebSocketException, OSError, TimeoutError) as error:
            self.failed.append(f"an owner could not sign in during the day: {error}")
        self.seconds.append(time.monotonic() - began)


def play(
    grounds: Grounds,
    cards: Sequence[Kind],
    attackers: int,
    progress: Callable[[Tally], None],
) -> tuple[Tally, Visits]:
    """Every card once, ``attackers`` at a time. progress is called after every attempt."""
    tally, visits = Tally(), Visits()
    due = {round(len(cards) * share): n for n, share in enumerate(_VISITS)}

    def one(number: int) -> None:
        if number in due:
            visits.make(grounds, due[number])
        attempt(grounds, cards[number], Random(number), tally)
        progress(tally)

    crowd = ThreadPoolExecutor(attackers, thread_name_prefix="attacker")
    try:
        list(crowd.map(one, range(len(cards))))
    finally:
        crowd.shutdown(cancel_futures=True)
    return tally, visits


def attempt(grounds: Grounds, kind: Kind, rng: Random, tally: Tally) -> None:
    """One attempt, tallied. A connection that the server dropped is a refusal."""
    try:
        tally.note(kind.name, kind.attempt(grounds, rng))
    except LetIn as error:
        tally.note_trouble(kind.name, tally.let_in, f"LET IN: {error}")
    except (WebSocketException, OSError) as error:
        tally.note(kind.name, f"dropped ({type(error).__name__})")
    except Exception as error:
        # Whatever it is, it is no refusal: Broken, a page without its form, or a fault of the attack itself.
        tally.note_trouble(kind.name, tally.broken, f"{type(error).__name__}: {error}")
