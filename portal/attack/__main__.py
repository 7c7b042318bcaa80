"""`make attack-day`: a real site – portal, worker, PostgreSQL, Redis – and thousands of hostile attempts of all kinds.

Exit status 1 when anybody got in, the server broke, its memory grew, something changed that must not, or an owner was
kept out; then it says what.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from portal.attack import faces, pages, programs, sockets
from portal.attack.attacker import Broken
from portal.attack.day import Tally
from portal.attack.grounds import POSTGRES
from portal.attack.kinds import KINDS, deck
from portal.attack.report import table
from portal.attack.verdict import run
from portal.demo.client import VisitError
from portal.demo.server import ServerError

ATTEMPTS = (faces, sockets, pages, programs)
"""Where the kinds of attempts are: importing these registers them."""

_EVERY = 5.0


def main(words: list[str] | None = None) -> int:
    """0 when every attempt was refused and every promise was kept, 1 otherwise."""
    given = _arguments(words)
    if given.list:
        print("\n".join(f"{kind.name:26} {kind.weight:5}  {kind.about}" for kind in KINDS.values()))
        return 0
    try:
        cards = deck(given.count, given.only)
        with tempfile.TemporaryDirectory(prefix="livegate-attack-") as folder:
            found = run(cards, Path(folder), given, Progress(len(cards)).show)
    except (ServerError, VisitError, Broken, OSError, ValueError) as error:
        print(f"\nThe day broke off: {error}")
        return 1
    return _told(found, given.json)


class Progress:
    """A line every few seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began = self._next = 0.0
        self._told = 0

    def show(self, tally: Tally) -> None:
        for line in tally.trouble[self._told :]:
            print(f"         {line}", flush=True)
        self._told = len(tally.trouble)
        now = time.monotonic()
        self._began = self._began or now
        if now < self._next and tally.done < self._total:
            return
        self._next = now + _EVERY
        let_in, broken = tally.let_in.total(), tally.broken.total()
        print(
            f"{now - self._began:6.0f} s  {tally.done:6} of {self._total}  "
            f"{let_in} got in, {broken} broke the server",
            flush=True,
        )


def _told(found: dict[str, Any], out: Path | None) -> int:
    print("\n" + table(found))
    if out is not None:
        out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for line in found["shortfalls"]:
        print(f"NOT KEPT: {line}")
    print("\nNobody got in." if not found["shortfalls"] else "\nThe day falls short.")
    return 1 if found["shortfalls"] else 0


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make attack-day", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="attempts in all")
    parser.add_argument("--attackers", type=int, default=12, help="at a time")
    parser.add_argument("--only", type=lambda text: text.split(","), help="kinds, by commas")
    parser.add_argument("--list", action="store_true", help="list the kinds of attempts, and end")
    parser.add_argument("--json", type=Path, help="file for the result")
    parser.add_argument("--postgres", default=POSTGRES, help="server and account: %(default)s")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=lambda text: tuple(text.split("=", 1)),
        metavar="NAME=VALUE",
        help="a setting of the portal that is attacked",
    )
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
