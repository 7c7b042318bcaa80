"""The loop, step by step, at a real site: every step is a door that an administrator has, too."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from portal.demo.server import Server
from portal.proof.holdout import Clip, Holdout
from portal.proof.people import Person, Shown, attempts

REVIEWER = "reviewer"
BENCHMARK = "known cameras"
_EVERY = 15.0

_RUN = """
import json
from training.models import TrainingRun
run = TrainingRun.objects.order_by('-pk').values('pk', 'state', 'reason', 'progress').first()
print(json.dumps(run))
"""
_MODEL = """
import json
from training.models import TrainingRun
from liveness import registry
model = TrainingRun.objects.get(pk={run}).model
print(json.dumps({{'pk': model.pk, 'name': model.name, 'sha256': model.sha256, 'gate': model.gate,
                   'folder': str(registry.local_folder(model))}}))
"""
_JUDGED_BY = """
import json
from liveness.models import Attempt
print(json.dumps(Attempt.objects.get(pk='{attempt}').model_sha256))
"""


class LoopError(RuntimeError):
    """A step of the loop did not do what it is there for; the message says which and why."""


@dataclass
class Loop:
    """One round of it. people: accounts that show the camera's frames; patience: seconds for training and gate."""

    server: Server
    data: Holdout
    people: int = 32
    patience: float = 3600.0
    say: Callable[[str], None] = print
    shown: list[Shown] = field(default_factory=list)

    def prepare(self) -> None:
        """A reviewer, and a frozen benchmark: frames of the known cameras that the run leaves out."""
        self.server.manage("createsuperuser", "--noinput")
        self.server.manage("models", "freeze", BENCHMARK, str(self.data.benchmark))

    def capture(self) -> None:
        """The new camera's people try to get in, and somebody holds pictures of them before it."""
        self.shown = attempts(self.server.url, self.data.clips, self.people)
        for label in sorted({each.label for each in self.shown}):
            mine = [each for each in self.shown if each.label == label]
            passed = sum(each.verdict == "pass" for each in mine)
            self.say(f"   {len(mine)} attempts of {label}: {passed} passed")
        if broken := sum(each.broken for each in self.shown):
            self.say(f"   {broken} captures broke off and were begun anew")

    def review(self) -> None:
        """Label every attempt; what no picture shows well enough is labelled unusable, as the page asks for."""
        with NamedTemporaryFile("w", suffix=".txt") as file:
            file.writelines(f"{each.attempt} {each.label}\n" for each in self.shown)
            file.flush()
            words = ("labels", file.name, "--unusable", "--as", REVIEWER)
            self.say(_indented(self.server.manage("review", *words)))

    def retrain(self, options: dict[str, Any]) -> int:
        """Queue a run and wait until a worker has finished it; its number. Raises LoopError."""
        bases = ["--base", "base", *(["--base", "portraits"] if self.data.portraits else [])]
        words = [*bases, "--recipe", "touch-up", "--options", json.dumps(options)]
        self.say(_indented(self.server.manage("training_runs", "preview", *words)))
        self.server.manage("training_runs", "start", *words, "--by", REVIEWER)
        run = self._wait("training", _RUN, lambda run: run["state"] not in ("queued", "running"))
        if run["state"] != "done":
            raise LoopError(f"The training run is {run['state']}: {run['reason']}")
        return int(run["pk"])

    def prove(self, run: int) -> dict[str, Any]:
        """Wait for the gate's word; the candidate's facts. Raises LoopError when it is refused."""
        ask = _MODEL.format(run=run)
        model: dict[str, Any] = self._wait("the gate", ask, lambda model: bool(model["gate"]))
        if not model["gate"]["passed"]:
            raise LoopError(f"The gate refuses {model['name']}: {model['gate']['reasons']}")
        return model

    def promote(self, model: dict[str, Any]) -> None:
        self.server.manage("models", "--by", REVIEWER, "promote", model["sha256"][:16])

    def serve(self, clip: Clip, sha256: str) -> str:
        """The next attempts at the same server; the new model has to judge one of them soon. Raises LoopError."""
        visitor = Person(self.server.url)
        visitor.arrive()
        for _ in range(10):
            shown = visitor.show(clip)
            if self._ask(_JUDGED_BY.format(attempt=shown.attempt)) == sha256:
                return shown.verdict
            time.sleep(_EVERY)
        raise LoopError("The server still judges by the old model after ten attempts.")

    def _wait(self, what: str, ask: str, enough: Callable[[Any], bool]) -> Any:
        end = time.monotonic() + self.patience
        said = ""
        while time.monotonic() < end:
            found = self._ask(ask)
            if enough(found):
                return found
            said = self._tell(found, said)
            time.sleep(_EVERY)
        raise LoopError(f"{what} took longer than {self.patience:.0f} seconds.")

    def _tell(self, found: Any, said: str) -> str:
        """Say how far a run is, whenever that changes."""
        epoch = (found.get("progress") or {}).get("epoch")
        line = f"   epoch {epoch}" if epoch else ""
        if line and line != said:
            self.say(line)
        return line or said

    def _ask(self, code: str) -> Any:
        """A question to the database, as an administrator's shell would ask it; the answer is one line of JSON."""
        lines = self.server.manage("shell", "--no-imports", "-c", code).strip().splitlines()
        return json.loads(lines[-1])


def settings(champion: Path, data: Holdout) -> dict[str, str]:
    """The environment of the site: the champion, the data set under a name, a sample of every bona fide attempt."""
    return {
        "LIVENESS_BUNDLE": str(champion.resolve()),
        "LIVEGATE_DATA_SETS": _sets(data),
        "LIVEGATE_SAMPLE_BONA_FIDE": "1",
        "LIVENESS_ATTEMPTS_PER_MINUTE": "1000",
        "LOG_LEVEL": "INFO",
        "DJANGO_SUPERUSER_USERNAME": REVIEWER,
        "DJANGO_SUPERUSER_EMAIL": "reviewer@example.org",
        "DJANGO_SUPERUSER_PASSWORD": "not-a-secret-here",
        "OMP_NUM_THREADS": "1",
    }


def _sets(data: Holdout) -> str:
    named = {"base": data.base, "portraits": data.portraits}
    return ",".join(f"{name}={path}" for name, path in named.items() if path)


def labels(shown: Sequence[Shown]) -> dict[str, int]:
    """How many attempts of each kind."""
    return {name: sum(s.label == name for s in shown) for name in sorted({s.label for s in shown})}


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.strip().splitlines())
