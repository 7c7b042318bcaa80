"""The gate as a service: what a candidate is proven on, and what is kept of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from liveness import registry
from liveness.engine import manifests
from liveness.engine.bundle import BundleError
from liveness.engine.manifests import ManifestError
from liveness.models import ModelVersion
from training import benchmarks, gate, services
from training.benchmarks import BenchmarkError
from training.evaluation import quiet
from training.freezing import MERGED
from training.gate import Margins, Proof, Verdict
from training.models import Benchmark, GateReport, TrainingRun

_DEV = "dev"


def prove(model: ModelVersion, by: Any = None, say: Callable[[str], None] = quiet) -> GateReport:
    """Judge a model against the champion and keep the report with it, whatever comes out. ``by`` is a user."""
    champion = registry.active_model()
    verdict = _verdict(model, champion, say)
    plot = _plot(verdict)
    with transaction.atomic():
        report = GateReport.objects.create(
            model=model,
            candidate=model.sha256,
            champion=champion.sha256 if champion else "",
            champion_name=champion.name if champion else "",
            passed=verdict.passed,
            reasons=verdict.reasons,
            report=verdict.report,
            plot=plot.png if plot else b"",
            plot_alt=plot.alt if plot else "",
            by=by,
        )
        registry.record_gate(
            model=model,
            champion=champion,
            passed=verdict.passed,
            report={"reasons": verdict.reasons, "page": report.get_absolute_url()},
            by=by,
        )
    return report


def margins() -> Margins:
    """The margins of this installation."""
    return Margins(settings.LIVEGATE_GATE_MARGIN, settings.LIVEGATE_GATE_CAMERA_MARGIN)


def proofs_for(model: ModelVersion) -> list[Proof]:
    """Every frozen benchmark, and beside them the dev rows of the run that made the model.

    Raises BenchmarkError: without any benchmark, or when one has changed.
    """
    rows = _rows_of(TrainingRun.objects.filter(model=model).first())
    trained = frozenset(Path(row["path"]).resolve() for row in rows if row.get("split") != _DEV)
    found = [
        Proof(frozen.name, Path(frozen.manifest).parent, benchmarks.check(frozen), trained)
        for frozen in Benchmark.objects.all()
    ]
    if not found:
        raise BenchmarkError(gate.NOTHING)
    dev = [row for row in rows if row.get("split") == _DEV]
    if {row.get("label") for row in dev} == {"live", "spoof"}:
        found.append(Proof("the run's own dev frames", Path(), dev))
    return found


def _verdict(
    model: ModelVersion, champion: ModelVersion | None, say: Callable[[str], None]
) -> Verdict:
    try:
        if champion is None or champion == model:
            raise BenchmarkError("There is no other champion to compare it with.")
        folders = registry.local_folder(model), registry.local_folder(champion)
        return gate.judge(*folders, proofs_for(model), margins(), say=say)
    except (BundleError, BenchmarkError) as error:
        return Verdict(False, [str(error)], {"schema": 1, "proofs": []})


def _rows_of(run: TrainingRun | None) -> list[dict[str, str]]:
    """What a run was trained on, with absolute paths: its merged manifest, or else its data sets."""
    if run is None:
        return []
    merged = services.folder_of(run) / MERGED
    bases = [Path(base["path"]) for base in run.base] or [Path(run.data)]
    rows = []
    for path in [merged] if merged.is_file() else bases:
        try:
            rows += [row | {"path": str(path.parent / row["path"])} for row in manifests.read(path)]
        except ManifestError as error:
            raise BenchmarkError(f"What the run learnt from is gone: {error}") from error
    return rows


def _plot(verdict: Verdict) -> Any:
    """Drawn where the gate runs; Matplotlib stays out of every process that serves."""
    if not verdict.scores:
        return None
    from training import plots

    return plots.overlay(verdict.scores)
