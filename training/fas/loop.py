"""Fit a network and judge it while it learns.

Every random number follows from (seed, step, group), so that a run that was interrupted anywhere and resumed ends with
exactly the weights of one that was not, unless the clock ends it (``minutes``): then the schedule follows the clock.
"""

import ctypes
import json
import logging
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from liveness.engine import metrics
from liveness.engine.crops import CropSpec, tensor
from training.fas import checkpoints, losses, probe
from training.fas.checkpoints import CheckpointError, Identity, State, crop_dict
from training.fas.data import balanced
from training.fas.interrupt import Interrupted, Wishes
from training.fas.nets import NetSpec, TrainingNet
from training.fas.progress import Progress
from training.fas.ranks import Ranks, Statistics
from training.fas.source import Batch, Source
from training.fas.starts import Start
from training.fas.store import Faces

__all__ = ["CheckpointError", "FitError", "FitOptions", "Fitter", "Interrupted", "crop_dict"]

log = logging.getLogger(__name__)

LAST, BEST, HISTORY = "last.pt", "best.pt", "history.json"
load_checkpoint = checkpoints.load_for

_SUMS = ("loss", "classification", "fourier", "teachers", "accuracy")
_MAX_NORM = 5.0


class FitError(RuntimeError):
    """The run cannot begin or go on; the message says what to change."""


@dataclass(frozen=True)
class FitOptions:
    """How long and how hard. ``minutes``: the learning rate reaches zero by then even if epochs are left.

    start_rate: learning rate of the layers that begin with given weights, as a share of ``rate``.

    accumulate: a batch is normalised in this many groups, one after the other, times the number of processes.
    patience: epochs without a better AUC until the run stops; 0 never does. save_every: seconds between checkpoints.
    """

    epochs: int = 30
    minutes: float | None = None
    seed: int = 1
    batch: int = 32
    rate: float = 2e-3
    decay: float = 0.02
    warmup: float = 0.03
    ema: float = 0.998
    weights: losses.Weights = field(default_factory=losses.Weights)
    accumulate: int = 1
    precision: str = "auto"
    patience: int = 0
    save_every: float = 120.0
    tensorboard: Path | None = None
    threads: int = 1
    mixstyle: float = 0.0
    start_rate: float = 1.0


@dataclass
class Fitter:
    """One run: data, network, options and the folder that takes last.pt, best.pt and history.json.

    bound: plain values that a resumed run must have in common with its checkpoint. start: weights to begin from.
    domains: the cameras that this run learns from. bar: draw a bar instead of lines.
    """

    train: Source
    calibration: Faces
    crop: CropSpec
    net: NetSpec
    options: FitOptions
    folder: Path
    bound: Mapping[str, Any] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    ranks: Ranks = field(default_factory=Ranks)
    start: Start | None = None
    domains: tuple[str, ...] = ()
    bar: bool = False

    def run(self, resume: bool = False, say: Callable[[str], None] = log.info) -> Path:
        """Train, keep a checkpoint after every epoch and now and then, and return the path of the best averaged network.

        Best is the highest AUC on the calibration cameras; without any, the last one. Raises Interrupted on Ctrl-C and
        SIGTERM, once the step is done and last.pt is written, CheckpointError when that fails or when ``resume`` finds
        no fitting checkpoint, and FitError when the options do not fit together or the loss is no number any more.
        """
        self._check()
        self._prepare()
        state = self._start(resume)
        shape = self.options.epochs, self._batches(), self.options.batch
        board = self.options.tensorboard if self.ranks.first else None
        bar = self.bar and self.ranks.first
        speak = say if self.ranks.first else log.debug
        note = self.folder if self.ranks.first else None
        with (
            Progress(speak, shape, bar, board, state.steps, note) as progress,
            Wishes() as wishes,
        ):
            self._epochs(state, progress, wishes)
        return self.folder / BEST

    def _check(self) -> None:
        groups = self.options.accumulate * self.ranks.world
        if self.options.batch % groups:
            raise FitError(f"A batch of {self.options.batch} cannot be cut into {groups} groups.")
        if self.options.batch // groups < 2:
            raise FitError("Batch normalisation needs two faces in every group: raise --batch.")
        if not self._batches():
            raise FitError(
                f"An epoch of {len(self.train)} faces holds no batch of {self.options.batch}."
            )
        if len(self.calibration):
            balanced(self.calibration.samples, np.zeros(len(self.calibration)))

    def _prepare(self) -> None:
        torch.set_num_threads(self.options.threads)
        torch.backends.cudnn.deterministic = True
        torch.manual_seed(self.options.seed)
        keep_memory()
        self.folder.mkdir(parents=True, exist_ok=True)

    def _epochs(self, state: State, progress: Progress, wishes: Wishes) -> None:
        self._saved = time.monotonic()
        self._wrapped = self.ranks.wrapped(state.model)
        self._statistics = Statistics(state.model, self.options.accumulate, self.ranks)
        self._average = Average(state.average, state.model)
        while state.batch or not self._finished(state):
            self._epoch(state, progress, wishes)
            self._close(state, progress)

    def _epoch(self, state: State, progress: Progress, wishes: Wishes) -> None:
        """What is left of the present epoch."""
        self._wrapped.train()
        before, began = state.elapsed, time.monotonic()
        place = state.epoch, self.options.batch, state.batch, self.ranks.rank, self.ranks.world
        for batch in self.train.batches(self.options.seed, *place):
            self._step(state, batch)
            wish = self._agree(state, wishes.caught, before + time.monotonic() - began)
            progress.step(state, self._progress(state))
            if wish:
                self._leave(state, wish)
            if self._out_of_time(state):
                break

    def _agree(self, state: State, caught: int, elapsed: float) -> int:
        """Rank 0's clock for everyone; save when it is time; whether any rank was asked to stop, and by what."""
        due = time.monotonic() - self._saved >= self.options.save_every
        mine = (elapsed, float(due)) if self.ranks.first else (0.0, 0.0)
        state.elapsed, now, wish = self.ranks.sum([*mine, float(caught)])
        if now and not wish:
            self._save(state, LAST)
        return int(wish) and (caught or 15)

    def _leave(self, state: State, signum: int) -> None:
        self._save(state, LAST)
        where = f"{self.folder / LAST}, epoch {state.epoch + 1}, batch {state.batch}"
        raise Interrupted(signum, f"Interrupted; {where}. --resume continues exactly there.")

    def _step(self, state: State, batch: Batch) -> None:
        for group in state.optimiser.param_groups:
            group["lr"] = group["share"] * self.options.rate * self._rate(self._progress(state))
        state.optimiser.zero_grad()
        for number in range(self.options.accumulate):
            last = number == self.options.accumulate - 1
            with self._synchronised(last):
                self._group(state, batch, number)
            self._statistics.grouped()
        self._statistics.stepped()
        nn.utils.clip_grad_norm_(state.model.parameters(), _MAX_NORM, foreach=True)
        state.optimiser.step()
        state.steps += 1
        state.batch += 1
        self._average.follow(min(self.options.ema, state.steps / (state.steps + 10)))

    def _group(self, state: State, batch: Batch, number: int) -> None:
        """Forward and backward of one group; its figures are added to the sums of the epoch."""
        each = self.options.accumulate
        group = number * self.ranks.world + self.ranks.rank
        torch.manual_seed(hash((self.options.seed, state.steps, group)))
        rows = Batch(*(part[number::each].to(self.device) for part in batch))
        rows = losses.both_sides(rows) if self.options.weights.mirror else rows
        rows = rows._replace(inputs=rows.inputs.contiguous(memory_format=torch.channels_last))
        with self._precision():
            outputs = self._wrapped(rows.inputs)
        parts = losses.loss(outputs, rows, self.options.weights)
        (parts.total / each).backward()
        right = (outputs.logits.argmax(1) == rows.targets.argmax(1)).float().mean()
        state.sums += torch.stack([*parts, right]).detach().double() / each

    def _synchronised(self, last: bool) -> AbstractContextManager[None]:
        """Gradients travel between processes once a step, with the last group."""
        return nullcontext() if last or self.ranks.world == 1 else self._wrapped.no_sync()

    def _precision(self) -> AbstractContextManager[None]:
        half = self.options.precision == "bf16" or (
            self.options.precision == "auto" and self.device.type == "cuda"
        )
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def _close(self, state: State, progress: Progress) -> None:
        """Judge the averaged network, keep the checkpoints, and say how the epoch went."""
        row = self._figures(state)
        score = -math.inf if row["auc"] is None else row["auc"]
        better, as_good = score > state.best, score >= state.best
        state.history.append(row)
        state.epoch, state.batch, state.began = state.epoch + 1, 0, state.elapsed
        state.sums.zero_()
        state.best, state.since = max(score, state.best), 0 if better else state.since + 1
        for name in (BEST, LAST) if as_good else (LAST,):
            self._save(state, name)
        if self.ranks.first:
            text = json.dumps(state.history, indent=1)
            checkpoints.write(self.folder / HISTORY, text.encode())
        progress.epoch(state, self._progress(state))

    def _figures(self, state: State) -> dict[str, Any]:
        self._share_sums(state)
        means = (state.sums / max(1, state.batch)).tolist()
        seconds = state.elapsed - state.began
        return {
            "epoch": state.epoch + 1,
            **{name: round(value, 6) for name, value in zip(_SUMS, means, strict=True)},
            "auc": self._calibration_auc(state),
            "rate": max(group["lr"] for group in state.optimiser.param_groups),
            "seconds": round(seconds, 3),
            "samples_per_second": round(state.batch * self.options.batch / max(seconds, 1e-9), 2),
        }

    def _share_sums(self, state: State) -> None:
        """Every rank's sums become their mean, so that rank 0 can write them down for all. Raises FitError."""
        self.ranks.average([state.sums])
        if not math.isfinite(state.sums[0]):
            raise FitError(
                "The loss is no number any more: choose a lower --lr, or --precision fp32."
            )

    def _calibration_auc(self, state: State) -> float | None:
        """AUC on the whole frames of the calibration cameras, each weighing the same; None without such cameras."""
        if not len(self.calibration):
            return None
        value = 0.0
        if self.ranks.first:
            scores = score_store(state.average.net, self.calibration, self.crop)
            value = metrics.auc(*balanced(self.calibration.samples, scores))
        return self.ranks.said(value)

    def _finished(self, state: State) -> bool:
        stopped = 0 < self.options.patience <= state.since and len(self.calibration) > 0
        return stopped or state.epoch >= self.options.epochs or self._progress(state) >= 1

    def _progress(self, state: State) -> float:
        """0–1: the further of the share of steps and the share of time, so that annealing always ends."""
        steps = state.steps / (self.options.epochs * self._batches())
        minutes = self.options.minutes
        return max(steps, state.elapsed / (60 * minutes) if minutes else 0.0)

    def _rate(self, progress: float) -> float:
        """Linear warm-up, then a half cosine down to zero."""
        rise = min(1.0, (progress + 1e-3) / self.options.warmup) if self.options.warmup else 1.0
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    def _batches(self) -> int:
        return len(self.train) // self.options.batch

    def _out_of_time(self, state: State) -> bool:
        minutes = self.options.minutes
        return minutes is not None and state.elapsed >= 60 * minutes

    def _start(self, resume: bool) -> State:
        model = self._fresh()
        if self.start is not None and not resume:
            self.start.put_into(model)
        if model.net.pooled and not resume and (self.start is None or self.start.partial):
            draws = min(probe.FACES, self.options.epochs * len(self.train))
            probe.fit_head(model, self.train, self.options.seed, self.options.batch, draws)
        average = self._fresh()
        average.load_state_dict(model.state_dict(), strict=True)
        sums = torch.zeros(len(_SUMS), dtype=torch.float64, device=self.device)
        optimiser = torch.optim.AdamW(
            self._groups(model), lr=self.options.rate, weight_decay=self.options.decay, fused=True
        )
        state = State(model, average, optimiser, sums)
        if resume:
            checkpoints.restore(self.folder / LAST, state, self._identity())
        return state

    def _groups(self, model: TrainingNet) -> list[dict[str, Any]]:
        """The parameters, those that begin with given weights apart where they learn at a rate of their own."""
        share = self.options.start_rate
        given = self.start.weights if self.start is not None and share < 1 else {}
        named = list(model.named_parameters())
        groups = [
            {"params": [each for name, each in named if name not in given], "share": 1.0},
            {"params": [each for name, each in named if name in given], "share": share},
        ]
        return [group for group in groups if group["params"]]

    def _fresh(self) -> TrainingNet:
        net = TrainingNet(self.net, self.train.teachers, self.options.mixstyle)
        return net.to(self.device, memory_format=torch.channels_last)

    def _identity(self) -> Identity:
        o, weights = self.options, self.options.weights
        own = {
            "samples_per_epoch": len(self.train),
            "teachers": self.train.teachers,
            "accumulate": o.accumulate * self.ranks.world,
            "seed": o.seed,
            "batch": o.batch,
            "lr": o.rate,
            "weight_decay": o.decay,
            "warmup": o.warmup,
            "ema": o.ema,
            "precision": o.precision,
            "mixstyle": o.mixstyle,
            "start_rate": o.start_rate,
            "fourier_weight": weights.fourier,
            "teacher_weight": weights.teachers,
            "temperature": weights.temperature,
            "mirror_weight": weights.mirror,
        }
        seen = {*self.domains, *(self.start.domains if self.start else ())}
        bound = own | dict(self.bound)
        return Identity(self.net, self.crop, self.train.teachers, bound, tuple(sorted(seen)))

    def _save(self, state: State, name: str) -> None:
        self._share_sums(state)
        self._saved = time.monotonic()
        if self.ranks.first:
            checkpoints.save(self.folder / name, state, self._identity())


class Average:
    """The exponential moving average of a network's weights and buffers; counters are copied."""

    def __init__(self, average: nn.Module, model: nn.Module) -> None:
        pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))
        floating = [pair for pair in pairs if pair[0].is_floating_point()]
        self._means, self._values = map(list, zip(*floating, strict=True))
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    def follow(self, keep: float) -> None:
        """Move 1 - ``keep`` of the way to the network."""
        torch._foreach_lerp_(self._means, self._values, 1 - keep)
        for mine, its in self._counters:
            mine.copy_(its)


def keep_memory() -> None:
    """Let glibc keep what it frees: handing maps of 30 MB back and forth costs a quarter of a step in page faults."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        for parameter, value in _MALLOPT:
            libc.mallopt(parameter, value)


_MALLOPT = ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20))
"""M_MMAP_MAX: no maps; M_TRIM_THRESHOLD: never shrink; M_TOP_PAD: grow by 64 MB. See mallopt(3)."""


def score_store(
    net: nn.Module, store: Faces, crop: CropSpec, batch: int = 64
) -> NDArray[np.float64]:
    """p_live (N,) of every stored frame by a float network, cut as serving cuts."""
    net.eval()
    scores = []
    device = next(net.parameters()).device
    with torch.inference_mode():
        for begin in range(0, len(store), batch):
            faces = [store.patches(i, crop) for i in range(begin, min(begin + batch, len(store)))]
            logits = net(torch.from_numpy(tensor(faces, crop)).to(device))
            scores.append(logits.softmax(1)[:, 1].double().cpu().numpy())
    return np.concatenate(scores) if scores else np.empty(0)
