"""With real processes: who holds the lock, and what becomes of a training whose worker is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training import supervision

ROOT = Path(__file__).resolve().parents[2]
HELD = "from pathlib import Path; from training import supervision as s; import sys, time; "


def python(script: str, *args: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-u", "-c", HELD + script, *args]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload]


def alive(pid: int) -> bool:
    """Running, and not merely waiting for a parent to take notice of its end."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def test_one_process_at_a_time_trains_a_run(tmp_path: Path) -> None:
    hold = "exec('with s.alone(Path(sys.argv[1])): print(1); time.sleep(600)')"
    with python(hold, str(tmp_path)) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with (
            pytest.raises(supervision.SupervisionError, match="Another process"),
            supervision.alone(tmp_path, patience=0.3),
        ):
            pass
        other.kill()
    with supervision.alone(tmp_path, patience=5):
        pass


def test_a_training_whose_worker_is_killed_ends_by_itself(tmp_path: Path) -> None:
    child = HELD + "s.follow_leash(); print('leashed'); time.sleep(600)"
    worker = (
        "import subprocess; "
        f"c = subprocess.Popen([sys.executable, '-u', '-c', {child!r}], stdin=subprocess.PIPE, "
        "stdout=subprocess.PIPE, text=True); c.stdout.readline(); print(c.pid); time.sleep(600)"
    )
    with python(worker) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)
        os.kill(process.pid, signal.SIGKILL)
        assert gone(pid)


def test_a_training_that_cannot_stop_is_ended_when_its_time_is_over() -> None:
    script = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); s.GRACE = 0.3; "
        "s.follow_leash(); print('deaf'); time.sleep(600)"
    )
    with python(script, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == supervision.ABANDONED


def test_a_training_with_a_living_worker_goes_on() -> None:
    with python("s.follow_leash(); print('on'); time.sleep(1)", stdin=subprocess.PIPE) as process:
        assert process.wait(10) == 0
