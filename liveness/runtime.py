"""The engine that serves, and the threads it runs on. Nothing here touches the event loop for longer than a queue.

The active ModelVersion decides which bundle is loaded. It is looked up when a socket opens, so that an attempt is
judged by one model from its first frame to its last. A new model that cannot be proven does not replace the old one.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError

from liveness import services
from liveness.engine.bundle import BundleError
from liveness.engine.look import Engine, open_engine
from liveness.engine.session import SessionRules
from liveness.models import Attempt, ModelVersion, default_folder

logger = logging.getLogger(__name__)
T = TypeVar("T")

_RETRY_SECONDS = 60.0


class Busy(RuntimeError):
    """As many frames are waiting as the queue holds."""


class EngineUnavailable(RuntimeError):
    """No proven model can be loaded: nobody can be judged."""


@dataclass(frozen=True)
class _Loaded:
    sha256: str
    version: ModelVersion | None
    engine: Engine


class _Pool:
    """A fixed number of threads behind a queue of fixed length."""

    def __init__(self, workers: int, queue: int) -> None:
        self._places = threading.BoundedSemaphore(workers + queue)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="liveness")

    def submit(self, work: Callable[..., T], *args: object) -> Future[T]:
        """Raises Busy."""
        if not self._places.acquire(blocking=False):
            raise Busy("Too many frames are waiting.")
        future = self._threads.submit(work, *args)
        future.add_done_callback(lambda _: self._places.release())
        return future


_lock = threading.Lock()
_pool_lock = threading.Lock()
_loaded: _Loaded | None = None
_failed: dict[str, float] = {}
_override: Engine | None = None
_pool: _Pool | None = None


async def run(work: Callable[..., T], *args: object) -> T:
    """Run ``work`` on the pool and await it. Raises Busy, and what ``work`` raises."""
    return await asyncio.wrap_future(_get_pool().submit(work, *args))


def run_now(work: Callable[..., T], *args: object) -> T:
    """As ``run``, for callers that are threads themselves."""
    return _get_pool().submit(work, *args).result()


def get_engine() -> tuple[ModelVersion | None, Engine]:
    """The active model and its engine; None and the default bundle's engine while no model is on record.

    Raises EngineUnavailable when neither the active model nor one that served before can be used.
    """
    global _loaded
    if _override is not None:
        return None, _override
    version = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    with _lock:
        if not _serves(version):
            _loaded = _replace(version)
        if _loaded is None:
            raise EngineUnavailable("No proven liveness model can be loaded.")
        return _loaded.version, _loaded.engine


def rules_for(purpose: str) -> SessionRules:
    """How much evidence this purpose needs: a face that is enrolled is looked at longer than one that signs in."""
    longest, frames = settings.LIVENESS_DEADLINE_SECONDS, settings.LIVENESS_MAX_FRAMES
    if purpose == Attempt.Purpose.ENROL:
        return SessionRules(judged=10, live=7, seconds=(2.0, longest), frames=frames)
    return SessionRules(judged=6, live=4, seconds=(1.0, longest), frames=frames)


def health() -> str:
    """ "ok" while an engine serves, otherwise the trouble in a word or two."""
    try:
        get_engine()
    except (EngineUnavailable, DatabaseError):
        return "unavailable"
    return "ok"


def warm_up() -> None:
    """Record the default bundle, load the active model and start the threads; trouble is logged, not raised."""
    try:
        services.ensure_bundled_model()
    except (BundleError, DatabaseError, OSError) as error:
        logger.error("the default model could not be recorded: %s", error)
    _get_pool()
    logger.info("liveness engine: %s", health())


@contextmanager
def override(engine: Engine) -> Iterator[None]:
    """Serve this engine instead, in all threads, until the block ends."""
    global _override
    before, _override = _override, engine
    try:
        yield
    finally:
        _override = before


def forget() -> None:
    """Drop the loaded engine and the memory of failed ones; the next call loads afresh."""
    global _loaded
    with _lock:
        _loaded = None
        _failed.clear()


def _get_pool() -> _Pool:
    """Its own lock: the event loop comes through here and must not wait for a model that is being loaded."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = _Pool(settings.LIVENESS_WORKERS, settings.LIVENESS_QUEUE)
        return _pool


def _serves(version: ModelVersion | None) -> bool:
    if _loaded is None:
        return False
    return version is None or _loaded.sha256 == version.sha256


def _replace(version: ModelVersion | None) -> _Loaded | None:
    """The new engine; or the old one, if the new one failed a moment ago or now, in whatever way."""
    key = version.sha256 if version else ""
    if time.monotonic() < _failed.get(key, 0.0):
        return _loaded
    try:
        return _load(version)
    except Exception as error:
        _failed[key] = time.monotonic() + _RETRY_SECONDS
        logger.error("the liveness model %s cannot be used: %s", version or "by default", error)
        return _loaded


def _load(version: ModelVersion | None) -> _Loaded:
    folder = version.folder if version else default_folder()
    engine = open_engine(
        folder,
        settings.LIVENESS_DETECTOR,
        _path(settings.LIVENESS_DETECTOR_PATH),
        _path(settings.LIVENESS_EMBEDDER_PATH),
    )
    found = engine.model.bundle.sha256
    if version is not None and found != version.sha256:
        raise BundleError(f"{folder} no longer holds {version.name}.")
    return _Loaded(found, version, engine)


def _path(text: str) -> Path | None:
    return Path(text) if text else None
