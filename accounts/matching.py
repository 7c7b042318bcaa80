"""Protected templates: a rotation per person, sealed for that person, and the comparison.

ISO/IEC 24745 asks for renewability besides confidentiality: a leaked password can be changed, a
face cannot. Rotating an embedding by a random orthonormal matrix keeps every cosine similarity
exactly, and a new seed gives a template that cannot be linked to the old one.
"""

import hashlib
import secrets
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from accounts.models import FaceTemplate
from liveness.crypto import seal, unseal
from liveness.engine.faces import Embedding, similarity

if TYPE_CHECKING:
    from accounts.models import User

DIMENSIONS = 128
_SEED_BYTES = 32
_NOBODY = 0


def new_seed() -> bytes:
    """256 random bits."""
    return secrets.token_bytes(_SEED_BYTES)


def rotation(seed: bytes) -> NDArray[np.float64]:
    """The orthonormal (128, 128) float64 matrix of a seed, uniform over rotations and reflections.

    The Gaussian numbers come from SHAKE-256 by Box and Muller's formula and not from NumPy's
    generator, whose stream may change between releases: every stored template would be lost.
    """
    count = DIMENSIONS * DIMENSIONS
    stream = hashlib.shake_256(b"livegate rotation 1" + seed).digest(2 * count * 8)
    integers = np.frombuffer(stream, "<u8").astype(np.float64)
    uniform = (integers + 0.5) / 2.0**64
    radius, angle = np.sqrt(-2 * np.log(uniform[:count])), 2 * np.pi * uniform[count:]
    q, r = np.linalg.qr((radius * np.cos(angle)).reshape(DIMENSIONS, DIMENSIONS))
    return np.asarray(q * np.sign(np.diag(r)))


def protect(embedding: Embedding, seed: bytes) -> Embedding:
    """Rotate a (128,) float32 unit embedding; the result has unit length too."""
    return np.asarray(rotation(seed) @ embedding.astype(np.float64), dtype=np.float32)


def sealed_template(embedding: Embedding, owner: int) -> tuple[bytes, bytes]:
    """The protected embedding and its seed, each sealed for the row of ``owner`` alone."""
    seed = new_seed()
    protected = protect(embedding, seed).astype("<f4").tobytes()
    return seal(protected, _context("template", owner)), seal(seed, _context("seed", owner))


def match(user: "User | None", embedding: Embedding) -> bool:
    """Is this the face of this person?

    Nobody, and a person without a face, cost the same work as everybody else and never match.
    Raises liveness.crypto.SealError if the stored template was tampered with.
    """
    template = FaceTemplate.objects.filter(user=user).first() if user else None
    owner = template.user_id if template else _NOBODY
    sealed, sealed_seed = (
        (bytes(template.sealed), bytes(template.sealed_seed)) if template else _decoy()
    )
    stored = np.frombuffer(unseal(sealed, _context("template", owner)), "<f4")
    probe = protect(embedding, unseal(sealed_seed, _context("seed", owner)))
    alike = similarity(probe, np.asarray(stored, dtype=np.float32)) >= settings.FACE_MATCH_THRESHOLD
    return template is not None and alike


@cache
def _decoy() -> tuple[bytes, bytes]:
    """A template of nobody, so that refusing an unknown name takes as long as a known one."""
    vector = np.random.default_rng().standard_normal(DIMENSIONS).astype(np.float32)
    return sealed_template(vector / np.linalg.norm(vector), _NOBODY)


def _context(part: str, owner: int) -> str:
    return f"face-{part}:{owner}"
