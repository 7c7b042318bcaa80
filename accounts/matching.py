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
from liveness import embedder
from liveness.crypto import SealError, seal, unseal
from liveness.engine.faces import Embedding, similarity
from liveness.keyring import Sealed

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

    Nobody, a person without a face, and one whose face another embedder measured cost the same work as everybody else
    and never match. Raises liveness.crypto.SealError if the stored template was tampered with or its key is lost.
    """
    template = FaceTemplate.objects.filter(user=user).first() if user else None
    usable = template is not None and not template.outdated
    alike = _similarity(template if usable else None, embedding) >= settings.FACE_MATCH_THRESHOLD
    return usable and alike


def open_template(template: FaceTemplate) -> None:
    """Open all that is sealed of a template. Raises liveness.crypto.SealError when it was altered or its key is lost."""
    unseal(template.sealed_seed, _context("seed", template.user_id))
    _opened(template, "template")


def known_elsewhere(user: "User", embedding: Embedding) -> bool:
    """Does the face of any other account look like this one? It costs some milliseconds for each account.

    Every template is compared, whatever was found before, so that the time tells nothing of whose face it is. One that
    cannot be opened is passed over: it lets nobody in either.
    """
    others = FaceTemplate.objects.exclude(user=user)
    others = others.filter(model_sha256=embedder.present().sha256)
    return sum(_looks_like(template, embedding) for template in others.iterator(500)) > 0


def blended(template: FaceTemplate, newer: bytes, weight: float) -> bytes:
    """The template moved towards a newer rotated embedding by ``weight`` (0–1), of unit length, sealed for its owner.

    Raises liveness.crypto.SealError.
    """
    old, new = _opened(template, "template"), _opened(template, "pending", newer)
    mixed = (1 - weight) * old.astype(np.float64) + weight * new.astype(np.float64)
    plain = (mixed / np.linalg.norm(mixed)).astype("<f4").tobytes()
    return seal(plain, _context("template", template.user_id))


def rotated(template: FaceTemplate, embedding: Embedding) -> bytes:
    """An embedding under the template's own rotation, sealed for its owner as what waits to be confirmed."""
    seed = unseal(template.sealed_seed, _context("seed", template.user_id))
    plain = protect(embedding, seed).astype("<f4").tobytes()
    return seal(plain, _context("pending", template.user_id))


def _looks_like(template: FaceTemplate, embedding: Embedding) -> bool:
    try:
        return _similarity(template, embedding) >= settings.LIVEGATE_ONE_FACE_THRESHOLD
    except SealError:
        return False


def _similarity(template: FaceTemplate | None, embedding: Embedding) -> float:
    template = template or _decoy()
    seed = unseal(template.sealed_seed, _context("seed", template.user_id))
    return similarity(protect(embedding, seed), _opened(template, "template"))


def _opened(template: FaceTemplate, part: str, sealed: bytes | None = None) -> Embedding:
    plain = unseal(sealed or template.sealed, _context(part, template.user_id))
    return np.frombuffer(plain, "<f4").astype(np.float32)


@cache
def _decoy() -> FaceTemplate:
    """A template of nobody, so that refusing an unknown name takes as long as a known one."""
    vector = np.random.default_rng().standard_normal(DIMENSIONS).astype(np.float32)
    sealed, seed = sealed_template(vector / np.linalg.norm(vector), _NOBODY)
    return FaceTemplate(user_id=_NOBODY, sealed=sealed, sealed_seed=seed)


def _context(part: str, owner: int) -> str:
    return f"face-{part}:{owner}"


SEALED = (
    Sealed(FaceTemplate, "sealed", lambda row: _context("template", row.user_id)),
    Sealed(FaceTemplate, "sealed_seed", lambda row: _context("seed", row.user_id)),
    Sealed(FaceTemplate, "pending", lambda row: _context("pending", row.user_id)),
)
"""What a rotation of keys seals anew."""
