"""The engine that serves, and the threads it runs on. Nothing here touches the event loop for longer than a queue.

The active ModelVersion decides which bundle is loaded. It is looked up when a socket opens, so that an attempt is
judged by one model from its first frame to its last. The first model is loaded while its caller waits. A later one is
fetched, verified and warmed up on a thread of its own while the old one goes on serving; the next attempt after that
takes it. A new model that cannot be proven does not replace the old one, and ServingReport says so.
"""

import asyncio
import contextvars
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError

from liveness import registry, telemetry
from liveness.bundle_store import local_folder
from liveness.engine import bundle as bundles
from liveness.engine.bundle import BundleError
from liveness.engine.fas import LivenessModel
from liveness.engine.look import Engine, open_engine
from liveness.engine.session import SessionRules
from liveness.models import Attempt, ModelVersion, default_folder

logger = logging.getLogger(__name__)
T = TypeVar("T")

_RETRY_SECONDS = 60.0
_REPORT_SECONDS = 600.0
_LOW_PRIORITY = 10


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
    """A fixed number of threads behind a queue of fixed length. begin: what each thread does first."""

    def __init__(self, workers: int, queue: int, begin: Callable[[], None] | None = None) -> None:
        self._places = threading.BoundedSemaphore(workers + queue)
        self._threads = ThreadPoolExecutor(
            workers, thread_name_prefix="liveness", initializer=begin
        )

    def submit(self, work: Callable[..., T], *args: object) -> Future[T]:
        """Raises Busy."""
        if not self._places.acquire(blocking=False):
            telemetry.BUSY.inc()
            raise Busy("Too many frames are waiting.")
        telemetry.WAITING.inc()
        context, asked = contextvars.copy_context(), time.perf_counter()
        future = self._threads.submit(context.run, _timed, asked, work, *args)
        future.add_done_callback(self._leave)
        return future

    def _leave(self, _: Future[Any]) -> None:
        self._places.release()
        telemetry.WAITING.dec()


class _Slot:
    """One loaded model that a later one may replace: the champion, or the shadow."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.loaded: _Loaded | None = None
        self._before: _Loaded | None = None
        self.problem = ""
        self._failed: dict[str, float] = {}
        self._loader: threading.Thread | None = None

    def serve(
        self, version: ModelVersion | None, wait: bool, beside: _Loaded | None = None
    ) -> _Loaded | None:
        """What is loaded. If that is not ``version``, load it: at once if ``wait`` and nothing serves, else behind the scenes."""
        with self.lock:
            if self._is(version) or self._back_to(version):
                self.problem = ""
            elif not self._busy() and not self._failed_lately(version):
                self._begin(version, wait and self.loaded is None, self.loaded or beside)
            return self.loaded

    def settle(self, seconds: float) -> None:
        """Wait for a load that is under way."""
        loader = self._loader
        if loader is not None:
            loader.join(seconds)

    def _is(self, version: ModelVersion | None) -> bool:
        if self.loaded is None:
            return False
        return version is None or self.loaded.sha256 == version.sha256

    def _back_to(self, version: ModelVersion | None) -> bool:
        """The model before is kept, so that rolling back takes no time."""
        if version is None or self._before is None or self._before.sha256 != version.sha256:
            return False
        self.loaded, self._before = self._before, self.loaded
        return True

    def _busy(self) -> bool:
        return self._loader is not None and self._loader.is_alive()

    def _failed_lately(self, version: ModelVersion | None) -> bool:
        return time.monotonic() < self._failed.get(version.sha256 if version else "", 0.0)

    def _begin(self, version: ModelVersion | None, wait: bool, beside: _Loaded | None) -> None:
        if wait:
            self._load(version, None)
            return
        self._loader = threading.Thread(
            target=self._load, args=(version, beside), name="liveness-load", daemon=True
        )
        self._loader.start()

    def _load(self, version: ModelVersion | None, beside: _Loaded | None) -> None:
        """Replace what is loaded, or note why not, in whatever way it failed. Touches no database."""
        try:
            new = _load(version, beside)
            with self.lock:
                self._before, self.loaded, self.problem = self.loaded, new, ""
        except Exception as error:
            self._failed[version.sha256 if version else ""] = time.monotonic() + _RETRY_SECONDS
            self.problem = f"{version.name if version else 'The default'} cannot be used: {error}"
            logger.error("the liveness model %s cannot be used: %s", version or "by default", error)


_champion, _shadow = _Slot(), _Slot()
_pool_lock = threading.Lock()
_override: tuple[Engine, Engine | None] | None = None
_pool: _Pool | None = None
_shadow_pool: _Pool | None = None
_reported: tuple[str, str, str] | None = None
_reported_at = 0.0
_is_server = False


async def run(work: Callable[..., T], *args: object) -> T:
    """Run ``work`` on the pool and await it. Raises Busy, and what ``work`` raises."""
    return await asyncio.wrap_future(_get_pool().submit(work, *args))


def run_now(work: Callable[..., T], *args: object) -> T:
    """As ``run``, for callers that are threads themselves."""
    return _get_pool().submit(work, *args).result()


def run_aside(work: Callable[..., T], *args: object) -> Future[T]:
    """Run ``work`` at low priority on the shadow's own thread. Raises Busy at once when too much is waiting."""
    return _get_shadow_pool().submit(work, *args)


def get_engine() -> tuple[ModelVersion | None, Engine]:
    """The engine for the next attempt and its model; None and the default bundle's while no model is on record.

    Raises EngineUnavailable when neither the active model nor one that served before can be used.
    """
    if _override is not None:
        return None, _override[0]
    version = registry.active_model()
    loaded = _champion.serve(version, wait=True)
    _report(version, loaded)
    if loaded is None:
        raise EngineUnavailable("No proven liveness model can be loaded.")
    return loaded.version, loaded.engine


def get_shadow() -> Engine | None:
    """The engine that scores beside the champion, once it is ready; None without one. Never waits for a load."""
    if _override is not None:
        return _override[1]
    version = ModelVersion.objects.filter(shadow=True).first()
    if version is None:
        _shadow.loaded = None
        return None
    loaded = _shadow.serve(version, wait=False, beside=_champion.loaded)
    return loaded.engine if loaded is not None and loaded.sha256 == version.sha256 else None


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


def model_state() -> str:
    """ "current", "loading", or "behind": the new model failed and the old one serves; "none" without any."""
    if _override is not None:
        return "current"
    serving, wanted, problem = _reported or ("", "", "")
    if not serving:
        return "none"
    if wanted in ("", serving):
        return "current"
    return "behind" if problem else "loading"


def warm_up() -> bool:
    """Record the default bundle, load the active model and start the threads; trouble is logged, not raised.

    False when the database was away: call it again.
    """
    global _is_server
    _is_server = True
    away = False
    try:
        registry.ensure_bundled_model()
    except (BundleError, DatabaseError, OSError) as error:
        logger.error("the default model could not be recorded: %s", error)
        away = isinstance(error, DatabaseError)
    _get_pool()
    logger.info("liveness engine: %s", health())
    return not away


def replica() -> str:
    """The name of this process among all that serve."""
    return f"{socket.gethostname()}:{os.getpid()}"


@contextmanager
def override(engine: Engine, shadow: Engine | None = None) -> Iterator[None]:
    """Serve this engine instead, in all threads, until the block ends; beside it ``shadow``."""
    global _override
    before, _override = _override, (engine, shadow)
    try:
        yield
    finally:
        _override = before


def settle(seconds: float = 30.0) -> None:
    """Wait until no model is being loaded behind the scenes."""
    _champion.settle(seconds)
    _shadow.settle(seconds)


def forget() -> None:
    """Drop the loaded engines and the memory of failed ones; the next call loads afresh."""
    global _champion, _shadow, _reported, _is_server
    settle()
    _champion, _shadow = _Slot(), _Slot()
    _reported, _is_server = None, False


def _report(version: ModelVersion | None, loaded: _Loaded | None) -> None:
    """Say what this process serves when that has changed, and now and then; only servers do. Never raises."""
    global _reported, _reported_at
    state = loaded.sha256 if loaded else "", version.sha256 if version else "", _champion.problem
    due = state != _reported or time.monotonic() - _reported_at > _REPORT_SECONDS
    _reported = state
    if not (due and _is_server):
        return
    _reported_at = time.monotonic()
    serving, wanted, problem = state
    try:
        registry.note_serving(replica=replica(), serving=serving, wanted=wanted, problem=problem)
    except DatabaseError as error:
        logger.warning("what is served could not be noted: %s", error)


def _get_pool() -> _Pool:
    """Its own lock: the event loop comes through here and must not wait for a model that is being loaded."""
    global _pool
    with _pool_lock:
        if _pool is None:
            _pool = _Pool(settings.LIVENESS_WORKERS, settings.LIVENESS_QUEUE)
        return _pool


def _get_shadow_pool() -> _Pool:
    global _shadow_pool
    with _pool_lock:
        if _shadow_pool is None:
            _shadow_pool = _Pool(1, settings.LIVENESS_SHADOW_QUEUE, _step_back)
        return _shadow_pool


def _step_back() -> None:
    """This thread gets the processor when nobody else wants it; where the system cannot, it is a thread like others."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOW_PRIORITY)


def _timed(asked: float, work: Callable[..., T], *args: object) -> T:
    """On the pool's thread: how long the work has waited for it, then the work."""
    telemetry.took("wait", time.perf_counter() - asked)
    return work(*args)


def _load(version: ModelVersion | None, beside: _Loaded | None) -> _Loaded:
    """Fetch, verify, prove and warm up. Detector and embedder of an engine that serves are shared: they are the same."""
    folder = local_folder(version) if version else default_folder()
    if beside is not None:
        old = beside.engine
        model = LivenessModel(bundles.load(folder))
        engine = Engine(model, old.detector, old.embedder, old.limits)
        engine.parts = old.parts and replace(old.parts, folder=folder, sha256=model.bundle.sha256)
    else:
        engine = open_engine(
            folder,
            settings.LIVENESS_DETECTOR,
            _path(settings.LIVENESS_DETECTOR_PATH),
            _path(settings.LIVENESS_EMBEDDER_PATH),
        )
    found = engine.model.bundle.sha256
    if version is not None and found != version.sha256:
        raise BundleError(f"{folder} no longer holds {version.name}.")
    engine.watch = telemetry.stage
    return _Loaded(found, version, engine)


def _path(text: str) -> Path | None:
    return Path(text) if text else None
