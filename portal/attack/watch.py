"""What is watched while the site is attacked: its memory, its log, and everything that must not change."""

import itertools
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psycopg

_EVERY = 1.0
# The first share of the day: caches, threads and allocators grow until they have what they need.
WARM_UP = 0.25
# After it, memory is flat when the last third lies at most so much above the first.
GROWTH = 0.08
_UNCAUGHT = "Traceback (most recent call last)"
_MEGABYTE = 1024 * 1024
# A refused request is an error to Django's security loggers; that is the refusal, not a fault.
_REFUSALS = "django.security"
_HOLDINGS = {
    "accounts": "SELECT id, username, email, is_staff, is_superuser, is_active, password FROM accounts_user",
    "faces": "SELECT user_id, sealed, sealed_seed FROM accounts_facetemplate",
    "labels": "SELECT id FROM liveness_review",
    "keys": "SELECT id, digest, revoked, scopes FROM api_apikey",
    "models": "SELECT id, state, shadow FROM liveness_modelversion",
    "runs": "SELECT id, state FROM training_trainingrun",
}


@dataclass
class Memory:
    """Samples of one process, a second apart: seconds since the beginning, bytes resident, open files."""

    samples: list[tuple[float, int, int]] = field(default_factory=list)

    def after_warm_up(self) -> list[tuple[float, int, int]]:
        return self.samples[round(len(self.samples) * WARM_UP) :]

    def growth(self) -> float:
        """How much the mean of the last third lies above the mean of the first, as a share, after the warm-up."""
        sizes = [size for _, size, _ in self.after_warm_up()]
        third = len(sizes) // 3
        if not third:
            return 0.0
        return float(np.mean(sizes[-third:]) / np.mean(sizes[:third]) - 1)

    def slope(self) -> float:
        """Bytes a second: the straight line through the samples after the warm-up."""
        kept = self.after_warm_up()
        if len(kept) < 2:
            return 0.0
        seconds, sizes = [at for at, _, _ in kept], [size for _, size, _ in kept]
        return float(np.polyfit(seconds, sizes, 1)[0])

    def summary(self) -> dict[str, float]:
        """Megabytes and shares, for the report."""
        kept = self.after_warm_up() or self.samples or [(0.0, 0, 0)]
        return {
            "begin_mb": round(self.samples[0][1] / _MEGABYTE, 1) if self.samples else 0.0,
            "after_warm_up_mb": round(kept[0][1] / _MEGABYTE, 1),
            "end_mb": round(kept[-1][1] / _MEGABYTE, 1),
            "growth": round(self.growth(), 4),
            "mb_a_minute": round(60 * self.slope() / _MEGABYTE, 2),
            "files_after_warm_up": kept[0][2],
            "files_at_the_end": kept[-1][2],
        }


@contextmanager
def memory_of(process: int) -> Iterator[Memory]:
    """Sample until the block ends."""
    found, over, began = Memory(), threading.Event(), time.monotonic()

    def sample() -> None:
        while not over.is_set():
            found.samples.append((time.monotonic() - began, resident(process), _files(process)))
            over.wait(_EVERY)

    watcher = threading.Thread(target=sample, name="memory", daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def resident(process: int) -> int:
    """Bytes of a process that are in memory: from /proc, elsewhere from ps; 0 when it has gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        command = ["ps", "-o", "rss=", "-p", str(process)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return int(said.strip() or 0) * 1024


def faults(log: Path) -> list[str]:
    """What a log (LOG_FORMAT=json) tells of faults: errors, exceptions, and tracebacks that nobody caught."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = text.splitlines()
    return [fault for n, line in enumerate(lines) if (fault := _fault(line, lines[n + 1 :]))]


def _fault(line: str, after: Sequence[str]) -> str:
    if not line.startswith("{"):
        return _traceback(after) if _UNCAUGHT in line else ""
    try:
        said = json.loads(line)
    except ValueError:
        return ""
    if said.get("level") not in ("ERROR", "CRITICAL") or str(said.get("logger", "")).startswith(
        _REFUSALS
    ):
        return ""
    last = str(said.get("exception", "")).strip().splitlines()[-1:]
    return " ".join([str(said.get("logger")), str(said.get("message")), *last])[:300]


def _traceback(after: Sequence[str]) -> str:
    """Where an exception that nobody caught came from, and what it was: the end of its traceback, which is indented."""
    body = list(itertools.takewhile(lambda text: text.startswith(" "), after))
    end = (*body[-2:], *after[len(body) : len(body) + 1])
    return " ".join(["Traceback:", *(text.strip() for text in end)])[:400]


def holdings(database: str) -> dict[str, Sequence[object]]:
    """Everything that no attempt may change, row by row."""
    with psycopg.connect(database) as connection:
        return {
            name: sorted(connection.execute(query).fetchall(), key=repr)
            for name, query in _HOLDINGS.items()
        }


def counted(database: str, query: str) -> int:
    """The one number that a query gives."""
    with psycopg.connect(database) as connection:
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _files(process: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    except OSError:
        return 0
