"""Fit a network and evaluate it while it learns. Seeds are fixed; a run that is not cut by time repeats exactly."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveness.engine import metrics
from liveness.engine.crops import CropSpec, tensor
from training.fas import fourier
from training.fas.batches import Recipe, epoch_batches
from training.fas.data import balanced
from training.fas.nets import NetSpec, TrainingNet
from training.fas.store import Store

log = logging.getLogger(__name__)

LAST, BEST = "last.pt", "best.pt"


@dataclass(frozen=True)
class FitOptions:
    """How long and how hard. ``minutes``: the learning rate reaches zero by then even if epochs are left."""

    epochs: int = 30
    minutes: float | None = None
    seed: int = 1
    rate: float = 2e-3
    decay: float = 0.02
    warmup: float = 0.03
    ema: float = 0.998
    fourier: float = 0.5
    threads: int = 1


class CheckpointError(RuntimeError):
    """A checkpoint is missing or belongs to another network or preprocessing."""


@dataclass
class State:
    """All that changes while fitting; ``done`` counts finished epochs."""

    model: TrainingNet
    average: TrainingNet
    optimiser: torch.optim.Optimizer
    done: int = 0
    steps: int = 0
    elapsed: float = 0.0
    best: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Fitter:
    """One run: data, network, options and the folder that takes last.pt and best.pt."""

    train: Store
    calibration: Store
    crop: CropSpec
    net: NetSpec
    recipe: Recipe
    options: FitOptions
    folder: Path

    def run(self, resume: bool = False, say: Callable[[str], None] = log.info) -> Path:
        """Train, keep a checkpoint after every epoch, and return the path of the best averaged network.

        Best is the highest AUC on the calibration cameras. Ctrl-C saves last.pt before it goes on up.
        Raises CheckpointError when ``resume`` finds no fitting checkpoint.
        """
        torch.set_num_threads(self.options.threads)
        torch.manual_seed(self.options.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        state = self._start(resume)
        try:
            self._epochs(state, say)
        except KeyboardInterrupt:
            self._save(state, LAST)
            if not (self.folder / BEST).exists():
                self._save(state, BEST)
            say(f"Interrupted; {self.folder / LAST} can be resumed.")
            raise
        return self.folder / BEST

    def _epochs(self, state: State, say: Callable[[str], None]) -> None:
        while state.done < self.options.epochs and self._progress(state) < 1:
            loss, accuracy = self._epoch(state)
            score = self._calibration_auc(state)
            state.done += 1
            state.history.append({"loss": loss, "accuracy": accuracy, "auc": score})
            if score >= state.best:
                state.best = score
                self._save(state, BEST)
            self._save(state, LAST)
            say(self._line(state))

    def _epoch(self, state: State) -> tuple[float, float]:
        """One pass: mean classification loss and the share of draws on the right side of one half."""
        torch.manual_seed(self.options.seed * 100_003 + state.done)
        state.model.train()
        losses, right = [], []
        began, before = time.monotonic(), state.elapsed
        batches = epoch_batches(self.train, self.crop, self.recipe, self.options.seed, state.done)
        for inputs, targets in batches:
            loss, logits = self._step(state, inputs, targets)
            losses.append(loss)
            right.append((logits.argmax(1) == targets.argmax(1)).float().mean().item())
            state.elapsed = before + time.monotonic() - began
            if self._out_of_time(state):
                break
        return float(np.mean(losses)), float(np.mean(right))

    def _step(self, state: State, inputs: Tensor, targets: Tensor) -> tuple[float, Tensor]:
        for group in state.optimiser.param_groups:
            group["lr"] = self.options.rate * self._rate(self._progress(state))
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        logits, spectrum = state.model(inputs)
        total, loss = fourier.loss(logits, targets, spectrum, inputs, self.options.fourier)
        state.optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(state.model.parameters(), 5.0)
        state.optimiser.step()
        state.steps += 1
        blend(state.average, state.model, min(self.options.ema, state.steps / (state.steps + 10)))
        return float(loss.detach()), logits.detach()

    def _progress(self, state: State) -> float:
        """0–1: the further of the share of steps and the share of time, so that annealing always ends."""
        steps = state.steps / max(1, self._total_steps())
        minutes = self.options.minutes
        return max(steps, state.elapsed / (60 * minutes) if minutes else 0.0)

    def _rate(self, progress: float) -> float:
        """Linear warm-up, then a half cosine down to zero."""
        rise = min(1.0, (progress + 1e-3) / self.options.warmup)
        return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    def _total_steps(self) -> int:
        return self.options.epochs * max(1, self.recipe.samples // self.recipe.batch)

    def _out_of_time(self, state: State) -> bool:
        minutes = self.options.minutes
        return minutes is not None and state.elapsed >= 60 * minutes

    def _calibration_auc(self, state: State) -> float:
        """AUC on the whole frames of the calibration cameras, each weighing the same."""
        scores = score_store(state.average.net, self.calibration, self.crop)
        return metrics.auc(*balanced(self.calibration.samples, scores))

    def _line(self, state: State) -> str:
        last = state.history[-1]
        left = state.elapsed * (1 / max(self._progress(state), 1e-6) - 1) / 60
        return (
            f"epoch {state.done}/{self.options.epochs}  loss {last['loss']:.4f}  "
            f"accuracy {last['accuracy']:.3f}  calibration AUC {last['auc']:.4f}  "
            f"{state.elapsed / 60:.1f} min, {max(left, 0):.1f} min left"
        )

    def _start(self, resume: bool) -> State:
        model = TrainingNet(self.net).to(memory_format=torch.channels_last)
        average = TrainingNet(self.net).to(memory_format=torch.channels_last)
        average.load_state_dict(model.state_dict(), strict=True)
        optimiser = torch.optim.AdamW(
            model.parameters(), lr=self.options.rate, weight_decay=self.options.decay
        )
        state = State(model, average, optimiser)
        return self._resumed(state) if resume else state

    def _resumed(self, state: State) -> State:
        saved = load_checkpoint(self.folder / LAST, self.net, self.crop)
        state.model.load_state_dict(saved["model"], strict=True)
        state.average.load_state_dict(saved["average"], strict=True)
        state.optimiser.load_state_dict(saved["optimiser"])
        for name in ("done", "steps", "elapsed", "best", "history"):
            setattr(state, name, saved[name])
        return state

    def _save(self, state: State, name: str) -> None:
        """Write beside and rename: an interrupted write never leaves half a checkpoint."""
        saved = {
            "net": self.net.as_dict(),
            "crop": crop_dict(self.crop),
            "model": state.model.state_dict(),
            "average": state.average.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "done": state.done,
            "steps": state.steps,
            "elapsed": state.elapsed,
            "best": state.best,
            "history": state.history,
        }
        part = self.folder / f"{name}.part"
        torch.save(saved, part)
        part.replace(self.folder / name)


def blend(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Exponential moving average of weights and buffers; counters are copied."""
    with torch.no_grad():
        for mean, value in zip(
            average.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)


def score_store(
    net: nn.Module, store: Store, crop: CropSpec, batch: int = 64
) -> NDArray[np.float64]:
    """p_live (N,) of every stored frame by a float network, cut as serving cuts."""
    net.eval()
    scores = []
    with torch.inference_mode():
        for begin in range(0, len(store), batch):
            faces = [store.patches(i, crop) for i in range(begin, min(begin + batch, len(store)))]
            logits = net(torch.from_numpy(tensor(faces, crop)))
            scores.append(logits.softmax(1)[:, 1].double().numpy())
    return np.concatenate(scores) if scores else np.empty(0)


def load_checkpoint(path: Path, net: NetSpec, crop: CropSpec) -> dict[str, Any]:
    """Read a checkpoint made for exactly this network and crop. Raises CheckpointError otherwise."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if saved["net"] != net.as_dict() or saved["crop"] != crop_dict(crop):
        raise CheckpointError(f"{path} was made for another network or preprocessing.")
    return saved


def crop_dict(crop: CropSpec) -> dict[str, Any]:
    """A CropSpec as plain values for a checkpoint."""
    return {
        "scales": list(crop.scales),
        "size": crop.size,
        "channels": crop.channels,
        "mean": crop.mean,
        "std": crop.std,
    }
