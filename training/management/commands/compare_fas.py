"""manage.py compare_fas: bundles and the predecessors' files in one table, measured in one run on the same faces."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

if TYPE_CHECKING:
    from training.compare import Comparison


class Command(BaseCommand):
    help = (
        "Compare bundles and predecessors on the frames of a manifest: cost, accuracy, AUC, EER, "
        "TPR at FPR and time on one thread, as a Markdown table."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="Manifest CSV of the frames.")
        parser.add_argument("--bundles", type=Path, nargs="+", default=[], help="Bundle folders.")
        parser.add_argument(
            "--predecessors", type=Path, help="Folder that holds seed/, silentface/ or both."
        )
        parser.add_argument("--domains", default="", help="Cameras, joined by commas.")
        parser.add_argument(
            "--split", choices=("train", "dev"), help="Rows of this split (dev without --domains)."
        )
        parser.add_argument("--out", type=Path, help="File for the Markdown table.")
        parser.add_argument("--json", type=Path, help="File for the figures.")

    def handle(self, *args: Any, **given: Any) -> None:
        if not given["bundles"] and not given["predecessors"]:
            raise CommandError("Give --bundles, --predecessors or both.")
        try:
            from training import compare  # torch only where a comparison really starts
        except ImportError as error:
            raise CommandError(f"{error}. Install requirements-training.txt.") from error
        try:
            found = self._compared(given)
            text = compare.markdown(found)
            self.stdout.write(text)
            _write(given["out"], text)
            _write(given["json"], json.dumps(found.as_dict(), indent=2, ensure_ascii=False) + "\n")
        except (*compare.FAILURES, OSError) as error:
            raise CommandError(str(error)) from error

    def _compared(self, given: dict[str, Any]) -> "Comparison":
        from liveness.engine.faces import YuNet
        from training import compare, predecessors
        from training.fas import data

        domains = [name.strip() for name in given["domains"].split(",") if name.strip()]
        split = given["split"] or (None if domains else "dev")
        samples = compare.select(data.read_manifest(given["data"]), domains, split)
        scorers: list[predecessors.Scorer] = list(map(compare.BundleScorer, given["bundles"]))
        if given["predecessors"]:
            scorers += predecessors.open_all(given["predecessors"])
        return compare.run(scorers, given["data"], samples, YuNet(), self._say)

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)
        self.stderr.flush()


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
