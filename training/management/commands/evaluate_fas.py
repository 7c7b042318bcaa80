"""Measure a liveness bundle, or scores made elsewhere, and write a report."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness.engine import bundle as bundles
from liveness.engine import manifests
from liveness.engine.bundle import Bundle, BundleError
from liveness.engine.faces import DETECTORS
from liveness.engine.manifests import ManifestError
from liveness.engine.weights import WeightsError
from liveness.models import default_folder
from training import evaluation, figures, report, robustness
from training.evaluation import ScoredFrame
from training.report import LIMITS

Given = Mapping[str, Any]


class Command(BaseCommand):
    help = (
        "Report ISO/IEC 30107-3 figures of a bundle on a labelled data set, per PAI species and camera, of frames and "
        "of attempts, worst first. OUT gets scores.csv, report.json, report.html and the plots. "
        "Exit status: 0 done; 1 a limit is exceeded (the report is written all the same); 2 nothing could be measured."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bundle", type=Path, help="Folder of a bundle (default: the portal's)."
        )
        parser.add_argument("--data", type=Path, help="Manifest CSV: path, domain, label and more.")
        parser.add_argument(
            "--scores",
            type=Path,
            nargs="+",
            help="Join these scores.csv instead of scoring --data.",
        )
        parser.add_argument("--out", type=Path, required=True, help="Folder for the report.")
        parser.add_argument("--split", choices=("dev", "train", "all"), default="dev")
        parser.add_argument("--domains", help="Only these cameras: names or patterns, as in cam*.")
        parser.add_argument("--threshold", type=float, help="Instead of that of the bundle.")
        parser.add_argument(
            "--no-gate",
            action="store_true",
            help="Score every face, also where the portal abstains.",
        )
        parser.add_argument(
            "--robustness",
            action="store_true",
            help="Also move the face box and mirror the picture.",
        )
        parser.add_argument("--detector", choices=sorted(DETECTORS), default="yunet")
        parser.add_argument("--detector-path", type=Path, help="The detector's own files.")
        for name, limit in LIMITS.items():
            option = f"--{name.replace('_', '-')}"
            parser.add_argument(option, type=float, metavar="SHARE", help=f"{limit.words}, 0–1.")

    def handle(self, *args: Any, **given: Any) -> None:
        _check(given)
        try:
            from training import plots  # Matplotlib only where plots are drawn
        except ImportError as error:
            message = f"{error}. Install requirements-training.txt."
            raise CommandError(message, returncode=2) from error
        try:
            scored, found = self._measure(given)
            made = plots.draw(evaluation.frame_trials(scored, given["threshold"]), found)
            _write(given["out"], found, report.page(found, made), made)
        except (BundleError, WeightsError, ManifestError, OSError) as error:
            raise CommandError(str(error), returncode=2) from error
        self.stdout.write(report.text(found))
        limits = {name: given[name] for name in LIMITS if given[name] is not None}
        if short := report.shortfalls(found, limits):
            raise CommandError(f"falls short: {'; '.join(short)}.", returncode=1)

    def _measure(self, given: Given) -> tuple[list[ScoredFrame], dict[str, Any]]:
        """The scored frames, which are written at once, and their figures."""
        if given["scores"]:
            scored = evaluation.read_scores(given["scores"])
            scored = [frame for frame in scored if _wanted(frame.domain, given["domains"])]
            about: dict[str, Any] = {"scores": ", ".join(map(str, given["scores"]))}
            moved = None
        else:
            scored, about, moved = self._score(given)
        if not scored:
            raise ManifestError("No frame is left; look at --split and --domains.")
        given["out"].mkdir(parents=True, exist_ok=True)
        evaluation.write_scores(given["out"] / "scores.csv", scored)
        return scored, figures.report(
            scored, given["threshold"], robustness=moved, about=about | _conditions(given)
        )

    def _score(
        self, given: Given
    ) -> tuple[list[ScoredFrame], dict[str, Any], dict[str, Any] | None]:
        """Frames of the manifest through the serving engine: (scored, about, robustness)."""
        bundle = bundles.load(given["bundle"] or default_folder())
        rows = _rows(given)
        detector = DETECTORS[given["detector"]](given["detector_path"])
        place = given["data"].parent
        gate = not given["no_gate"]
        scored = evaluation.score_manifest(bundle, rows, detector, gate, place, self._say)
        moved = None
        if given["robustness"]:
            probes = robustness.probe_manifest(bundle, rows, detector, gate, place, self._say)
            moved = robustness.figures(probes, given["threshold"])
        return scored, _about(bundle, given), moved

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()


def _check(given: Given) -> None:
    if bool(given["data"]) == bool(given["scores"]):
        raise CommandError("Give --data, or --scores.", returncode=2)
    if given["robustness"] and given["scores"]:
        raise CommandError("--robustness needs pictures: give --data.", returncode=2)
    for name in ("threshold", *LIMITS):
        if given[name] is not None and not 0 <= given[name] <= 1:
            option = f"--{name.replace('_', '-')}"
            raise CommandError(f"{option} must be a share in 0–1, got {given[name]}.", returncode=2)


def _rows(given: Given) -> list[dict[str, str]]:
    """The manifest's rows that were asked for. Raises ManifestError when there is none."""
    rows = manifests.read(given["data"])
    if given["split"] != "all" and rows and "split" not in rows[0]:
        raise ManifestError(f"{given['data']} has no column named split; use --split all.")
    chosen = [row for row in rows if given["split"] in ("all", row.get("split"))]
    chosen = [row for row in chosen if _wanted(row.get("domain") or "", given["domains"])]
    if not chosen:
        raise ManifestError(f"{given['data']} has no such rows; look at --split and --domains.")
    return chosen


def _wanted(domain: str, patterns: str | None) -> bool:
    return not patterns or any(fnmatchcase(domain, part.strip()) for part in patterns.split(","))


def _about(bundle: Bundle, given: Given) -> dict[str, Any]:
    gate = "every face was scored" if given["no_gate"] else "the portal's quality gate abstains"
    return {
        "model": bundle.name,
        "sha256": bundle.sha256,
        "data": given["data"].name,
        "split": given["split"],
        "gate": gate,
    }


def _conditions(given: Given) -> dict[str, Any]:
    return {"domains": given["domains"]} if given["domains"] else {}


def _write(out: Path, found: Given, page: str, plots: list[report.Plot]) -> None:
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (out / "report.json").write_text(text + "\n", encoding="utf-8")
    (out / "report.html").write_text(page, encoding="utf-8")
    for plot in plots:
        (out / f"{plot.name}.png").write_bytes(plot.png)
