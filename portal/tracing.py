"""Traces for whoever runs a collector (OTEL_EXPORTER_OTLP_ENDPOINT). Off by default: then nothing of it is imported."""

import importlib.util
import logging
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

_PACKAGES = ("sdk", "exporter.otlp.proto.http", "instrumentation.django", "instrumentation.celery")
_stop: Any = None


def missing() -> list[str]:
    """The packages of requirements-otel.txt that are not installed."""
    return [name for name in _PACKAGES if not _is_installed(f"opentelemetry.{name}")]


def start(exporter: Any = None) -> bool:
    """Trace this process, once, before Django loads its middleware; says whether it is traced.

    exporter: an OpenTelemetry SpanExporter that gets each span when it ends, instead of the collector.
    """
    global _stop
    if _stop is None and settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        if absent := missing():
            logger.warning("no traces: %s not installed, see requirements-otel.txt", absent)
            return False
        from portal import otel

        _stop = otel.start(settings.OTEL_EXPORTER_OTLP_ENDPOINT, exporter)
    return _stop is not None


def stop() -> None:
    """Send what is left, and trace no more."""
    global _stop
    if _stop is not None:
        _stop()
    _stop = None


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
