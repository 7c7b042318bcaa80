"""Which network turns a face into numbers here. Embeddings of two networks cannot be compared."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

from liveness.engine import weights


@dataclass(frozen=True)
class Embedder:
    """The embedder's name, and the SHA-256 of its weights in hex."""

    name: str
    sha256: str


def present() -> Embedder:
    """The one that LIVENESS_EMBEDDER_PATH names, or the pinned one. Raises weights.WeightsError."""
    return _embedder(settings.LIVENESS_EMBEDDER_PATH)


@cache
def _embedder(path: str) -> Embedder:
    """A file is read once: a process that serves goes on with the weights it began with."""
    if not path:
        return Embedder("sface", weights.SFACE.sha256)
    data = weights.read_file(Path(path))
    return Embedder(Path(path).stem[:40], hashlib.sha256(data).hexdigest())
