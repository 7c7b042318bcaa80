"""Print the thresholds that keep the false match rate, measured on a folder of known people."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import evaluation
from accounts.evaluation import Gallery
from liveness.engine.faces import SFace

_RATES = (1e-3, 1e-4, 1e-5)


class Command(BaseCommand):
    help = "Measure FACE_MATCH_THRESHOLD on a folder <person>/<image>.jpg of aligned 112 px faces."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lfw", type=Path, required=True, metavar="DIR")
        parser.add_argument(
            "--pairs", type=Path, help="CSV with columns same, a, b; default: DIR/pairs.csv"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["lfw"]
        try:
            gallery = evaluation.embed_folder(folder, _embedder(), self._progress)
            genuine = _genuine(options["pairs"] or folder / "pairs.csv", options["pairs"] is None)
        except (ValueError, OSError, KeyError) as error:
            raise CommandError(str(error)) from error
        self._report(gallery, genuine)

    def _report(self, gallery: Gallery, genuine: list[tuple[str, str]]) -> None:
        self.stdout.write(
            f"{len(gallery.files):,} pictures, {gallery.cross_pairs:,} impostor pairs"
        )
        for rate, threshold in evaluation.thresholds(gallery, _RATES).items():
            self.stdout.write(f"FMR {rate:.0e}: {_words(gallery, genuine, threshold)}")
        used = settings.FACE_MATCH_THRESHOLD
        self.stdout.write(f"FACE_MATCH_THRESHOLD: {_words(gallery, genuine, used)}")

    def _progress(self, done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            self.stderr.write(f"\rembedded {done:,} of {total:,}", ending="")
        if done == total:
            self.stderr.write("")


def _embedder() -> evaluation.Embed:
    path = settings.LIVENESS_EMBEDDER_PATH
    return SFace(Path(path) if path else None).embed_aligned


def _genuine(listing: Path, optional: bool) -> list[tuple[str, str]]:
    if optional and not listing.exists():
        return []
    return evaluation.genuine_pairs(listing)


def _words(gallery: Gallery, genuine: list[tuple[str, str]], threshold: float | None) -> str:
    if threshold is None:
        return "too few pairs to measure"
    if not genuine:
        return f"cosine {threshold:.3f}"
    accepted = evaluation.true_accept_rate(gallery, genuine, threshold)
    return f"cosine {threshold:.3f}, TAR {accepted:.2%} of {len(genuine):,} genuine pairs"
