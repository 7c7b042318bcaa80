"""L = L_cls + λ·L_fourier + μ·L_teachers, and each part alone."""

import torch

from training.fas import fourier, losses
from training.fas.losses import Weights
from training.fas.nets import Outputs
from training.fas.source import Batch

NAN = torch.nan


def parts(outputs: Outputs, weights: Weights, inputs: torch.Tensor | None = None) -> losses.Parts:
    inputs = torch.full((2, 3, 64, 64), 0.5) if inputs is None else inputs
    targets = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    return losses.loss(outputs, Batch(inputs, targets, torch.tensor([[3.0], [NAN]])), weights)


def outputs(opinion: float = 1.0) -> Outputs:
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    return Outputs(logits, torch.zeros(2, 1, 8, 8), torch.full((2, 1), opinion))


def test_the_loss_is_the_weighted_sum_of_its_parts() -> None:
    found = parts(outputs(), Weights(fourier=0.25, teachers=2.0), torch.rand(2, 3, 64, 64))
    whole = found.classification + 0.25 * found.fourier + 2.0 * found.teachers
    torch.testing.assert_close(found.total, whole)
    assert min(found.classification, found.fourier, found.teachers) > 0.01


def test_the_spectrum_that_is_asked_for_is_that_of_the_augmented_image() -> None:
    grating = torch.sin(torch.arange(64) * 2.0).expand(2, 3, 64, 64)
    right = outputs()._replace(spectrum=fourier.spectrum(grating, 8))
    assert parts(right, Weights(), grating).fourier == 0
    assert parts(right, Weights(), torch.rand(2, 3, 64, 64)).fourier > 0.001


def test_who_agrees_with_the_teacher_has_no_loss() -> None:
    assert losses.matching(torch.tensor([[1.5]]), torch.tensor([[1.5]]), 2.0).abs() < 1e-6
    apart = [losses.matching(torch.tensor([[x]]), torch.tensor([[1.5]]), 2.0) for x in (1.0, -3.0)]
    assert 0 < apart[0] < apart[1]


def test_a_teacher_who_says_nothing_teaches_nothing() -> None:
    opinions = torch.tensor([[0.5, 0.5], [0.5, 0.5]], requires_grad=True)
    losses.matching(opinions, torch.tensor([[2.0, NAN], [NAN, -2.0]]), 2.0).backward()
    assert opinions.grad is not None
    assert (opinions.grad != 0).tolist() == [[True, False], [False, True]]
    silent = losses.matching(opinions, torch.full((2, 2), NAN), 2.0)
    assert silent == 0
    assert losses.matching(torch.empty(2, 0), torch.empty(2, 0), 2.0) == 0


def test_missing_opinions_do_not_thin_out_the_others() -> None:
    alone = losses.matching(torch.tensor([[0.5]]), torch.tensor([[2.0]]), 2.0)
    among = losses.matching(torch.tensor([[0.5, 9.0]]), torch.tensor([[2.0, NAN]]), 2.0)
    torch.testing.assert_close(alone, among)


def test_opinions_are_pulled_by_the_difference_of_the_logits() -> None:
    opinions = torch.tensor([[0.2]], requires_grad=True)
    losses.matching(opinions, torch.tensor([[0.1]]), 100.0).backward()
    assert opinions.grad is not None
    torch.testing.assert_close(opinions.grad, torch.tensor([[0.1 / 4]]), rtol=1e-3, atol=0)


def test_a_face_and_its_mirror_image_should_be_judged_alike() -> None:
    inputs = torch.rand(1, 3, 64, 64, generator=torch.manual_seed(1))
    batch = losses.both_sides(Batch(inputs, torch.tensor([[0.0, 1.0]]), torch.tensor([[NAN]])))
    torch.testing.assert_close(batch.inputs[1], inputs[0].flip(2))
    assert (batch.targets.tolist(), batch.teachers.shape) == ([[0.0, 1.0]] * 2, (2, 1))
    logits = torch.tensor([[1.0, 2.0], [0.0, 3.0]])
    said = Outputs(logits, torch.zeros(2, 1, 8, 8), torch.zeros(2, 1))
    without, with_it = (losses.loss(said, batch, Weights(mirror=nu)).total for nu in (0.0, 0.5))
    torch.testing.assert_close(with_it - without, torch.tensor(0.5 * (3.0 - 1.0) ** 2))
