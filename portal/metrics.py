"""What Prometheus may read: the counts of this process, and what database and broker say at the moment of asking."""

import atexit
import hmac
import logging
import os
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network

import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from accounts.clients import client_address
from liveness import draining, runtime
from liveness.drift import Level
from liveness.models import Attempt, DriftReport, ModelVersion

logger = logging.getLogger(__name__)

QUEUES = ("celery", "training")
_LEVELS = list(Level)
_PATIENCE = 3.0


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever knows LIVEGATE_METRICS_TOKEN or asks from LIVEGATE_METRICS_NETWORKS; 403 for everybody else."""
    if not _may_read(request):
        return HttpResponseForbidden(
            "Send LIVEGATE_METRICS_TOKEN as a bearer token, or ask from LIVEGATE_METRICS_NETWORKS.\n",
            content_type="text/plain",
        )
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def registry() -> CollectorRegistry:
    """This process's counts, or with PROMETHEUS_MULTIPROC_DIR those of all its processes, and the site's state."""
    found = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(found)
    else:
        found.register(REGISTRY)
    found.register(_Site())
    return found


class _Site:
    """Asked at every scrape. What cannot be asked is left out and said in livegate_unanswered."""

    def collect(self) -> Iterator[Metric]:
        unanswered = GaugeMetricFamily(
            "livegate_unanswered", "1 where a part could not be asked.", labels=["part"]
        )
        parts: tuple[Callable[[], list[Metric]], ...] = (_model, _reviews, _drift, _queues)
        for part in parts:
            failed = False
            try:
                yield from part()
            except (DatabaseError, redis.RedisError) as error:
                failed = True
                logger.warning("metrics: %s: %s", part.__name__, error)
            unanswered.add_metric([part.__name__.lstrip("_")], float(failed))
        yield unanswered
        yield GaugeMetricFamily(
            "livegate_draining", "1 while this process ends.", value=float(draining.begun())
        )


def _model() -> list[Metric]:
    info = GaugeMetricFamily(
        "livegate_model", "1 for the model that judges.", labels=["name", "sha256", "state"]
    )
    for model in ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE):
        info.add_metric([model.name, model.sha256, runtime.model_state()], 1.0)
    return [info]


def _reviews() -> list[Metric]:
    waiting = Attempt.objects.filter(Q(state__in=Attempt.REFUSED), label="").count()
    return [
        GaugeMetricFamily("livegate_reviews_waiting", "Refused, not labelled yet.", value=waiting)
    ]


def _drift() -> list[Metric]:
    """The newest report: 0 too few, 1 steady, 2 watch, 3 drifted."""
    levels = GaugeMetricFamily(
        "livegate_drift_level",
        "0 too few, 1 steady, 2 to be watched, 3 drifted.",
        labels=["measure"],
    )
    row = DriftReport.objects.filter(model__state=ModelVersion.State.ACTIVE).first()
    for item in row.data.get("measures", []) if row else []:
        levels.add_metric([item["measure"]], float(_LEVELS.index(item["level"])))
    return [levels]


def _queues() -> list[Metric]:
    waiting = GaugeMetricFamily(
        "livegate_tasks_waiting", "Tasks that wait for a worker.", labels=["queue"]
    )
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE) as client:
            for queue in QUEUES:
                waiting.add_metric([queue], float(client.llen(queue)))
    return [waiting]


def _may_read(request: HttpRequest) -> bool:
    token, given = settings.LIVEGATE_METRICS_TOKEN, request.headers.get("Authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    try:
        address = ip_address(client_address(request))
    except ValueError:
        return False
    return any(address in ip_network(net) for net in settings.LIVEGATE_METRICS_NETWORKS)


if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    atexit.register(lambda: mark_process_dead(os.getpid()))
