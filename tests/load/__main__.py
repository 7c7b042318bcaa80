"""`make load`: how many cameras a server carries, how fair and how steady, with a line and with a second replica.

Exit status 1 where it falls short of what is promised, with words.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from portal import page
from portal.demo import clips
from portal.demo.server import Server, ServerError
from tests.e2e import needs
from tests.load import report, servers
from tests.load.figures import CAMERAS, Results, Window
from tests.load.measuring import merged, window

_NO_LINE = {"LIVENESS_CAPACITY": "100000", "LIVENESS_QUEUE": "1000"}
_LINE = {"LIVENESS_CAPACITY": "0"}
_ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    results, clip = Results(), clips.live_clip(clips.PERSON, frames=given.clip)
    try:
        for part in given.parts:
            _PARTS[part](given, clip, results)
    except ServerError as error:
        print(f"The measurement broke off: {error}")
        return 1
    return _tell(given, results)


def _tell(given: argparse.Namespace, results: Results) -> int:
    if given.picture:
        report.draw(results, given.picture)
    picture = given.picture.name if given.picture and not given.page else ""
    if given.picture and given.page:
        picture = given.picture.relative_to(given.page.parent).as_posix()
    text = report.markdown(results, picture)
    print(text)
    if given.page:
        page.rewrite(given.page, "load", text)
    if given.json:
        given.json.write_text(json.dumps(results.as_dict(), indent=2) + "\n", "utf-8")
    for words in results.shortfalls():
        print(f"FALLS SHORT: {words}.")
    return 1 if results.shortfalls() else 0


def _curve(given: argparse.Namespace, clip: Sequence[bytes], results: Results) -> None:
    """More and more cameras at one server, without a line: everybody slows down."""
    with _portal(given, _NO_LINE) as portals:
        for cameras in given.cameras:
            row, _ = window("one server", portals, cameras, clip, seconds=given.seconds)
            results.curve.append(_said(row))


def _line(given: argparse.Namespace, clip: Sequence[bytes], results: Results) -> None:
    """The most cameras once more, where a line keeps what one server carries; attempts are short enough to take turns."""
    crowd = max(given.cameras)
    for what, own in (("no line", _NO_LINE), ("a line", _LINE)):
        with _portal(given, own, given.clip // 3) as portals:
            row, seen = window(what, portals, crowd, clip, seconds=given.seconds, warm=6.0)
            results.line.append(_said(row))
            results.waits += [wait for one in seen for wait in one.waits]


def _replicas(given: argparse.Namespace, clip: Sequence[bytes], results: Results) -> None:
    """One server on one processor, and two on two, in turn, over one PostgreSQL and one Redis, as fast as they answer."""
    try:
        with needs.postgres() as database, needs.redis_database() as redis, ExitStack() as stack:
            shared = {"DATABASE_URL": database, "REDIS_URL": redis, **_NO_LINE}
            shared |= {"LIVENESS_WORKERS": "1"}
            var = stack.enter_context(_folder())
            portals = [
                stack.enter_context(servers.serving(var, given.clip, shared, {core}))
                for core in (0, 1)
            ]
            rows: list[list[Window]] = [[], []]
            for _ in range(_ROUNDS):
                for place, count in enumerate((1, 2)):
                    words = ("one replica", "two replicas")[place]
                    seconds = given.seconds / _ROUNDS
                    row, _ = window(
                        words, portals[:count], 4 * count, clip, seconds=seconds, pace=0
                    )
                    rows[place].append(_said(row))
            results.replicas = [merged(row[0].what, row) for row in rows]
    except pytest.skip.Exception as missing:
        print(f"Replicas are left out: {missing}")


def _memory(given: argparse.Namespace, clip: Sequence[bytes], results: Results) -> None:
    """Many frames at one server; its memory every half second."""
    with _portal(given, _NO_LINE) as portals:
        process = portals[0].process.pid

        def sample(frames: int) -> None:
            results.memory.append((frames, servers.resident_megabytes(process)))

        words = f"{given.frames:,} frames"
        row, _ = window(
            words, portals, CAMERAS, clip, seconds=1, until=given.frames, pace=0, tick=sample
        )
        _said(row)
        results.memory = results.memory[:: max(1, len(results.memory) // 500)]


_PARTS = {"curve": _curve, "line": _line, "replicas": _replicas, "memory": _memory}


@contextmanager
def _portal(
    given: argparse.Namespace, own: Mapping[str, str], frames: int = 0
) -> Iterator[list[Server]]:
    """One server on all processors, as the list of one."""
    with _folder() as var, servers.serving(var, frames or given.clip, own) as portal:
        yield [portal]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="livegate-load-") as name:
        yield Path(name)


def _said(row: Window) -> Window:
    print(
        f"{row.what}: {row.cameras} cameras, {row.frames:,} frames in {row.seconds:.0f} s, p95 {row.p95:.0f} ms, "
        f"{row.cost:.1f} ms of processor a frame, {len(row.lost)} lost",
        flush=True,
    )
    return row


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    add = parser.add_argument
    add("--cameras", type=int, nargs="+", default=[4, 8, 16, CAMERAS, 36], help="of the curve")
    add("--seconds", type=float, default=20.0, help="of every measurement")
    add("--frames", type=int, default=5000, help="over which memory is watched")
    add("--clip", type=int, default=120, help="frames of an attempt")
    add("--parts", nargs="+", choices=list(_PARTS), default=list(_PARTS))
    add("--json", type=Path, help="file for the figures")
    add("--picture", type=Path, help="file for the curves, a PNG")
    add("--page", type=Path, help="Markdown page whose table is made anew")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
