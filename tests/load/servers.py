"""The servers under load: on which processor they run, how much of it they took, how much memory they hold."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from portal.demo.server import Server, running

_ENTRY = ("-m", "tests.load.patient")
_TICKS = os.sysconf("SC_CLK_TCK")
_NO_LIMIT = "1000000"
SETTINGS = {
    "LOG_LEVEL": "WARNING",
    "LIVENESS_ATTEMPTS_PER_MINUTE": _NO_LIMIT,
    "LIVENESS_DEADLINE_SECONDS": "900",
    "LIVENESS_MAX_FRAMES_PER_SECOND": "1000",
    "LIVEGATE_FAILURES_ACCOUNT": _NO_LIMIT,
    "LIVEGATE_FAILURES_DEVICE": _NO_LIMIT,
    "LIVEGATE_FAILURES_NETWORK": _NO_LIMIT,
    "LIVEGATE_FAILURES_PAUSE": _NO_LIMIT,
}


@contextmanager
def serving(
    var: Path, frames: int, own: Mapping[str, str], cores: set[int] | None = None
) -> Iterator[Server]:
    """A portal whose attempts end after so many frames, on these processors alone."""
    given = {**SETTINGS, "LIVENESS_MAX_FRAMES": str(frames), **own}
    with running(var, _ENTRY, **given) as server:
        if cores:
            pin(server.process.pid, cores)
        yield server


def pin(process: int, cores: set[int]) -> None:
    """All threads there are; those they start inherit it."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def family(process: int) -> list[int]:
    """A process and those it has started, and so on."""
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            children[int(parent)].append(int(stat.parent.name))
    found = [process]
    for one in found:
        found += children[one]
    return found


def processor_seconds(process: int) -> float:
    """User and system time of a process with all its threads, and of those it has started."""
    total = 0
    for one in family(process):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def busy_seconds() -> float:
    """What all processes of this machine have taken of all its processors so far."""
    user, nice, system, _, _, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / _TICKS


def resident_megabytes(process: int) -> float:
    """What a process and those it has started hold; pages that they share are shared out among them."""
    kilobytes = 0
    for one in family(process):
        lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("Pss:")]
        kilobytes += int(line.split()[1])
    return kilobytes / 1024
