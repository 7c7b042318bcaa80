"""One day from the first owner to the last, and what was not kept of what was promised."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException

from portal.attack import watch
from portal.attack.attacker import Broken
from portal.attack.day import Tally, Visits, play
from portal.attack.grounds import Grounds, prepared
from portal.attack.kinds import Kind
from portal.attack.timing import CLOCK
from portal.demo.client import VisitError
from portal.demo.server import ServerError

_SIGN_INS = "SELECT count(*) FROM accounts_signin"
# Shorter days say nothing about memory.
_LONG_ENOUGH = 120.0
_MORE_FILES = 40
_SETTLE = 12.0


def run(
    cards: Sequence[Kind],
    folder: Path,
    given: argparse.Namespace,
    progress: Callable[[Tally], None],
) -> dict[str, Any]:
    """The whole day: what was found, with ``shortfalls`` in words. Raises ServerError, VisitError, Broken."""
    CLOCK.forget()
    print("Starting a portal, a worker, Redis and an empty database; people enrol …", flush=True)
    victims = min(12, 3 + len(cards) // 500)
    with prepared(folder, victims, given.postgres, dict(given.set)) as (grounds, database):
        grounds.guests[0].sign_in()
        print(
            f"{victims + 2} people live at {grounds.url}, and one has signed in. {len(cards)} attempts:"
        )
        before, began = watch.holdings(database), time.monotonic()
        with watch.memory_of(grounds.portal.process.pid) as memory:
            tally, visits = play(grounds, cards, given.attackers, progress)
        seconds = time.monotonic() - began
        time.sleep(_SETTLE)
        after = owners_return(grounds)
        shortfalls = [
            *attempts_shortfalls(tally),
            *site_shortfalls(grounds, database, before),
            *log_shortfalls(folder),
            *memory_shortfalls(memory, seconds),
            *timing_shortfalls(),
            *visits.failed,
            *after,
        ]
    return _found(cards, tally, visits, memory, seconds) | {"shortfalls": shortfalls}


def owners_return(grounds: Grounds) -> list[str]:
    """After the day: one whom nobody attacked signs in with the face, one who was attacked with password, then face."""
    troubles = []
    for owner, attacked in ((grounds.guests[0], False), (grounds.victims[0], True)):
        try:
            if attacked:
                owner.sign_in_with_password()
            owner.sign_in()
        except (Broken, VisitError, WebSocketException, OSError) as error:
            troubles.append(f"an owner could not sign in after the day: {error}")
    return troubles


def attempts_shortfalls(tally: Tally) -> list[str]:
    """Whoever got in, and whatever broke."""
    found = []
    if tally.let_in:
        found.append(f"{tally.let_in.total()} attempts got in: {dict(tally.let_in)}")
    if tally.broken:
        found.append(f"{tally.broken.total()} attempts broke the server: {dict(tally.broken)}")
    return found + tally.trouble


def site_shortfalls(grounds: Grounds, database: str, before: dict[str, Any]) -> list[str]:
    """What the database knows: sign-ins that no owner made, things that changed, a trail that was torn."""
    found = []
    sign_ins, owners = watch.counted(database, _SIGN_INS), grounds.ledger.sign_ins
    if sign_ins != owners:
        found.append(f"{sign_ins} sign-ins on record, but owners made {owners}")
    now = watch.holdings(database)
    found += [f"{name} are not what they were" for name in before if before[name] != now[name]]
    try:
        grounds.portal.manage("verify_audit")
    except ServerError as error:
        found.append(f"the audit trail does not verify: {error}")
    return found


def log_shortfalls(folder: Path) -> list[str]:
    """Tracebacks and errors in the logs of the portal and its worker."""
    logs = [*folder.glob("server-*.log"), folder / "worker.log"]
    faults = [f"{log.name}: {line}" for log in logs for line in watch.faults(log)]
    more = [f"… and {len(faults) - 10} more lines like these"] if len(faults) > 10 else []
    return [f"a fault in the log: {line}" for line in faults[:10]] + more


def memory_shortfalls(memory: watch.Memory, seconds: float) -> list[str]:
    """Growth after the warm-up, and files left open. A short day says nothing."""
    if seconds < _LONG_ENOUGH:
        return []
    found, summary = [], memory.summary()
    if memory.growth() > watch.GROWTH:
        found.append(f"the server's memory grew by {memory.growth():.1%}: {json.dumps(summary)}")
    if summary["files_at_the_end"] > summary["files_after_warm_up"] + _MORE_FILES:
        found.append(f"the server left files open: {json.dumps(summary)}")
    return found


def timing_shortfalls() -> list[str]:
    """Steps whose time tells a name of somebody from a name of nobody."""
    return [
        f"the time of {step} tells who exists: AUC {found.auc:.2f} ± {found.error:.2f}"
        for step, found in CLOCK.told_apart().items()
        if found.tells
    ]


def _found(
    cards: Sequence[Kind], tally: Tally, visits: Visits, memory: watch.Memory, seconds: float
) -> dict[str, Any]:
    kinds = {kind.name: kind for kind in cards}
    return {
        "attempts": len(cards),
        "seconds": round(seconds, 1),
        "let_in": tally.let_in.total(),
        "broken": tally.broken.total(),
        "kinds": {
            name: {
                "about": kind.about,
                "tries": tally.ways[name].total() + tally.let_in[name] + tally.broken[name],
                "refused": dict(tally.ways[name].most_common()),
                "let_in": tally.let_in[name],
                "broken": tally.broken[name],
            }
            for name, kind in sorted(kinds.items())
        },
        "memory": memory.summary(),
        "owners_seconds": [round(value, 1) for value in visits.seconds],
        "timing": {
            step: {name: round(value, 4) for name, value in vars(apart).items()}
            for step, apart in CLOCK.told_apart().items()
        },
    }
