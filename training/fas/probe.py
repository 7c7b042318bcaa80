"""The last layer of a network that pools its maps, found at once: linear probing before fine-tuning.

What a network has learnt from the whole world is bent out of shape by the first steps of a layer that begins at random
(Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution", 2022). So that layer is
fitted first, to what the others find in some ten thousand faces, and only then everything learns.
"""

from collections.abc import Iterator
from itertools import count

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.fas.nets import TrainingNet
from training.fas.source import Batch, Source

FACES = 45_000
_PENALTY = 0.1
_ITERATIONS = 60
_LEAST = 1e-2
_SURE = 8.0


def fit_head(model: TrainingNet, source: Source, seed: int, batch: int, faces: int = FACES) -> None:
    """Fit the normalisation of the embedding, the classes (logistic regression) and the guesses at the teachers' opinions
    (ridge regression) to ``faces`` draws in batches of ``batch``. The other layers stay as they are.
    """
    embeddings, chances, opinions = _found(model, _batches(source, seed, batch, faces))
    mean, deviation = embeddings.mean(0), embeddings.std(0, correction=0) + _LEAST
    x = (embeddings - mean) / deviation
    slope, offset = _logistic(x, chances)
    with torch.no_grad():
        norm = model.net.bn
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(deviation**2 - norm.eps)
        norm.weight.fill_(1)
        norm.bias.copy_(slope * offset / slope.square().sum().clamp_min(1e-9))
        model.net.prob.weight.copy_(torch.stack([-slope, slope]) / 2)
        if model.opinions is not None:
            _guesses(model.opinions, x + norm.bias, opinions)


def _batches(source: Source, seed: int, batch: int, faces: int) -> Iterator[Batch]:
    """At least ``faces`` draws, of as many epochs as they take."""
    drawn = 0
    for epoch in count():
        for rows in source.batches(seed, epoch, batch):
            yield rows
            drawn += batch
            if drawn >= faces:
                return


def _found(model: TrainingNet, batches: Iterator[Batch]) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (N, E) before they are normalised, chances of live (N,) and opinions (N, T)."""
    device = next(model.parameters()).device
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    model.eval()
    with torch.no_grad():
        for batch in batches:
            inputs = batch.inputs.to(device, memory_format=torch.channels_last)
            last = model.net.features(inputs)[1].float()
            rows.append((last, batch.targets[:, 1].to(device), batch.teachers.to(device)))
    embeddings, chances, opinions = (torch.cat(part) for part in zip(*rows, strict=True))
    return embeddings, chances, opinions


def _logistic(x: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """Slope (E,) and offset of the logit for live, with a penalty on the square of the slope."""
    slope = torch.zeros(x.shape[1], device=x.device, requires_grad=True)
    offset = torch.zeros((), device=x.device, requires_grad=True)
    search = torch.optim.LBFGS(
        [slope, offset], max_iter=_ITERATIONS, history_size=10, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        search.zero_grad()
        logits = x @ slope + offset
        fit = functional.binary_cross_entropy_with_logits(logits, chances)
        total: Tensor = fit + _PENALTY * slope.square().sum()
        total.backward()
        return total

    search.step(loss)
    return slope.detach(), offset.detach()


def _guesses(head: nn.Linear, x: Tensor, opinions: Tensor) -> None:
    """Ridge regression of the opinions that were given, one teacher after the other."""
    for number in range(opinions.shape[1]):
        given = ~opinions[:, number].isnan()
        if not given.any():
            continue
        rows, wanted = x[given].double(), opinions[given, number].double().clamp(-_SURE, _SURE)
        middle, mean = rows.mean(0), wanted.mean()
        rows = rows - middle
        spread = rows.T @ rows / len(rows)
        spread.diagonal().add_(5 * _PENALTY)
        slope = torch.linalg.solve(spread, rows.T @ (wanted - mean) / len(rows))
        head.weight[number] = slope.float()
        head.bias[number] = (mean - middle @ slope).float()
