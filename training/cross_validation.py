"""Leave one camera out: a network for every fold, each judged on the cameras that it never saw.

Every fold is ``manage.py train_fas --leave-out FOLD`` in a process of its own, so that one that was killed is continued
and one that is done is not made again. Folds may share a beginning: a network that learns first from what no fold holds
out, and from whose weights every fold goes on. Or each of them goes on from weights of an earlier cross-validation: its
own, or, where cameras were left out together there, those of the folder that left its own ones out too.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from training.options import START

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


class FoldError(RuntimeError):
    """A fold could not be trained; the message names its log."""


@dataclass(frozen=True)
class Fold:
    """One network: the domains it must not see, joined by ``+``, and its folder."""

    name: str
    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(self.name.split("+"))


@dataclass(frozen=True)
class CrossValidation:
    """All folds of one data set. options: further words for ``train_fas``; jobs: folds at the same time.

    common: words for the network that all folds begin with, after ``options``; None: every fold begins afresh.
    earlier: folder of folds, from whose weights these go on; it excludes ``common``.
    """

    data: Path
    out: Path
    names: Sequence[str]
    options: Sequence[str] = ()
    jobs: int = 1
    say: Callable[[str], None] = print
    common: Sequence[str] | None = None
    earlier: Path | None = None

    @property
    def beginning(self) -> Fold:
        """The network that has seen none of the cameras of any fold."""
        domains = sorted({domain for fold in self.folds for domain in fold.domains})
        return Fold("+".join(domains), self.out / "common")

    @property
    def folds(self) -> list[Fold]:
        return [Fold(name, self.out / name) for name in self.names]

    def run(self) -> list[Fold]:
        """Train what is not trained yet; the folds in their order. Raises FoldError when any of them failed."""
        self._check_beginnings()
        if self.common is not None and (problem := self._train(self.beginning)):
            raise FoldError(problem)
        with ThreadPoolExecutor(self.jobs) as pool:
            failed = [problem for problem in pool.map(self._train, self.folds) if problem]
        if failed:
            raise FoldError(" ".join(failed))
        return self.folds

    def _check_beginnings(self) -> None:
        if self.earlier is None:
            return
        if self.common is not None:
            raise FoldError(
                "Folds go on from a common network or from earlier ones, not from both."
            )
        for fold in self.folds:
            self._start(self.earlier, fold)

    def _start(self, earlier: Path, fold: Fold) -> Path:
        """The weights that left this fold's cameras out, and as few others as any that did. Raises FoldError."""
        found = [Fold(start.parent.name, start.parent) for start in earlier.glob(f"*/{START}")]
        fitting = [other for other in found if set(fold.domains) <= set(other.domains)]
        if not fitting:
            raise FoldError(
                f"{earlier} holds no {START} of a fold that left {fold.name} out, to go on from."
            )
        return min(fitting, key=lambda other: (len(other.domains), other.name)).folder / START

    def _train(self, fold: Fold) -> str:
        if (fold.bundle / "manifest.json").exists():
            self.say(f"{fold.folder.name}: done before.")
            return ""
        fold.folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with fold.log.open("ab") as log:
            done = subprocess.run(
                self.command(fold), stdout=log, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            return f"Fold {fold.folder.name} stopped with exit status {done.returncode}; see {fold.log}."
        self.say(f"{fold.folder.name}: trained in {(time.monotonic() - began) / 60:.1f} minutes.")
        return ""

    def command(self, fold: Fold) -> list[str]:
        """The command line of one fold, or of their beginning; it resumes where there is a checkpoint."""
        words = [sys.executable, str(MANAGE), "train_fas", "--data", str(self.data)]
        words += ["--out", str(fold.folder), "--leave-out", fold.name, *self.options]
        if self.common is not None:
            first = fold == self.beginning
            words += self.common if first else ["--start", str(self.beginning.folder / "best.pt")]
        if self.earlier is not None:
            words += ["--start", str(self._start(self.earlier, fold))]
        return [*words, "--resume"] if (fold.folder / "last.pt").exists() else words
