import torch

from training.fas import fourier


def grating(period: int, size: int = 64) -> torch.Tensor:
    wave = torch.sin(torch.arange(size) * 2 * torch.pi / period)
    return (0.5 + 0.4 * wave).expand(1, 3, size, size)


def test_spectra_lie_between_zero_and_one() -> None:
    target = fourier.spectrum(torch.rand(3, 9, 64, 64), 8)
    assert target.shape == (3, 1, 8, 8)
    assert target.amin() == 0
    assert target.amax() == 1


def test_a_fine_grid_moves_energy_away_from_the_middle() -> None:
    fine, coarse = (fourier.spectrum(grating(period), 16)[0, 0] for period in (3, 32))
    assert fine[8, 8 + 5] > coarse[8, 8 + 5] + 0.2


def test_half_a_spectrum_and_its_reflection_are_the_whole() -> None:
    for side in (32, 33):
        grey = torch.rand(2, side, side)
        torch.testing.assert_close(fourier._magnitudes(grey), torch.fft.fft2(grey).abs())
