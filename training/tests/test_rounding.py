import torch

from training.fas.rounding import compensated

LEVELS = 8


def test_weights_make_up_for_each_other() -> None:
    torch.manual_seed(0)
    seen = torch.randn(500, 6) @ torch.randn(6, 24) + 0.1 * torch.randn(500, 24)
    weight = torch.randn(6, 24, 1, 1)
    curvature = (seen.T @ seen / len(seen)).double()[None]
    found = compensated(weight, curvature, LEVELS).flatten(1)
    step = weight.flatten(1).abs().amax(1, keepdim=True) / LEVELS
    plain = (weight.flatten(1) / step).round() * step

    def off(rows: torch.Tensor) -> float:
        return float((seen @ (rows - weight.flatten(1)).T).square().mean())

    assert off(found) < 0.5 * off(plain)
    torch.testing.assert_close(found / step, (found / step).round(), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.abs().amax(1, keepdim=True), step * LEVELS)


def test_each_group_has_what_it_sees_itself() -> None:
    torch.manual_seed(1)
    weight, seen = torch.randn(4, 1, 3, 3), torch.randn(4, 200, 9)
    curvature = torch.einsum("gnk,gnl->gkl", seen, seen).double() / 200
    whole = compensated(weight, curvature, LEVELS)
    alone = [compensated(weight[n : n + 1], curvature[n : n + 1], LEVELS) for n in range(4)]
    torch.testing.assert_close(whole, torch.cat(alone))


def test_what_is_never_seen_is_rounded_to_the_nearest() -> None:
    weight = torch.tensor([[1.0, 0.3, -0.26]]).view(1, 3, 1, 1)
    found = compensated(weight, torch.zeros(1, 3, 3, dtype=torch.double), 4)
    torch.testing.assert_close(found.flatten(), torch.tensor([1.0, 0.25, -0.25]))
