"""`make demo`: the real server and a visitor with pictures, from signing up to two refusals."""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.demo.client import VisitError
from portal.demo.server import ServerError, running
from portal.demo.story import Step, Story

_NOTE = (
    "The pictures are clips made from public-domain portraits, and the phone is a simulation: this tests the\n"
    "flow from end to end and proves nothing about accuracy."
)


def main() -> int:
    """0 when every step went as it should, 1 otherwise."""
    arguments = _arguments()
    try:
        with _portal(arguments.at, arguments.bundle) as url:
            surprises = tell(Story(url, training=bool(arguments.at)).steps())
    except (ServerError, VisitError, OSError) as error:
        print(f"\nThe demonstration broke off: {error}")
        return 1
    print(f"\n{_NOTE}")
    return 1 if surprises else 0


@contextmanager
def _portal(at: str, bundle: Path | None) -> Iterator[str]:
    """The address of the portal that runs ``at`` some address, or of a new one with ``bundle``, stopped at the end."""
    if at:
        yield at.rstrip("/")
        return
    settings = {"LIVENESS_BUNDLE": str(bundle.resolve())} if bundle else {}
    print("Starting a portal with an empty database …", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="livegate-demo-") as folder,
        running(Path(folder), **settings) as portal,
    ):
        print(f"It answers at {portal.url}.\n")
        yield portal.url


def tell(steps: Iterable[Step]) -> int:
    """Print each step as it happens; how many did not go as they should."""
    surprises = 0
    for number, step in enumerate(steps, 1):
        mark = "as it should be" if step.as_expected else "THIS IS NOT AS IT SHOULD BE"
        print(f"{number}. {step.done}:\n   {step.answer} – {mark}.", flush=True)
        surprises += not step.as_expected
    return surprises


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--bundle", type=Path, help="liveness bundle to use instead of the default")
    where.add_argument(
        "--at",
        default="",
        metavar="URL",
        help="visit a portal that runs already, and agree to training: what is refused waits in its review queue",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
