"""The spectrum of a picture: where the pixel grids of screens and the dots of prints show as peaks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveness.engine.frames import Picture


def log_spectrum(picture: Picture) -> NDArray[np.uint8]:
    """Log-magnitude Fourier spectrum of a BGR uint8 (H, W, 3) picture: (H, W) uint8, 0–255, zero frequency centred.

    A Hann window keeps the picture's edges from drawing a cross; the strongest frequency is 255, the weakest 0.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    spectrum = np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))
    magnitude = np.log1p(np.abs(spectrum))
    span = float(np.ptp(magnitude)) or 1.0
    return np.asarray(255 * (magnitude - magnitude.min()) / span, dtype=np.uint8)
