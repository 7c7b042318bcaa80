"""Live or spoof? For pictures on disk, with no database and no server."""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness.engine import checking, manifests
from liveness.engine.bundle import BundleError
from liveness.engine.checking import Check, Outcome
from liveness.engine.crops import Box
from liveness.engine.faces import DETECTORS
from liveness.engine.frames import FILE_LIMITS
from liveness.engine.look import Engine, open_engine
from liveness.engine.manifests import ManifestError
from liveness.engine.weights import WeightsError
from liveness.models import default_folder

_COLUMNS = ["path", "verdict", "p_live", "x", "y", "w", "h", "reason"]
_PREDECESSORS = ["seed_logit", "silentface_p"]
_WORDS = {Outcome.LIVE: "real", Outcome.SPOOF: "spoof"}


class Command(BaseCommand):
    help = (
        "Say of each picture whether it shows a living face. The percentage is the probability of a living face; "
        "a picture that cannot be judged gets the reason instead, and one whose percentage lies between the model's two "
        "thresholds is undecided. "
        "Exit status: 0 all are live; 1 some are spoof, undecided or could not be judged; 2 some could not be read; "
        "3 nothing was checked."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE")
        parser.add_argument("--json", action="store_true", help="One JSON object a line.")
        parser.add_argument(
            "--csv",
            type=Path,
            help="Check the column path (relative to the file), at the box x, y, w, h if given. "
            "With the columns label and domain, a table of error rates follows.",
        )
        parser.add_argument("--out", type=Path, help="Write the results of --csv here.")
        parser.add_argument("--bundle", type=Path, help="Folder of another model bundle.")
        parser.add_argument("--detector", choices=sorted(DETECTORS), default="yunet")
        parser.add_argument("--detector-path", type=Path, help="The detector's own files.")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["images"]) == bool(options["csv"]):
            raise CommandError("Name pictures, or give --csv.", returncode=3)
        try:
            engine = open_engine(
                options["bundle"] or default_folder(),
                options["detector"],
                options["detector_path"],
            )
            seen = (
                self._check_csv(engine, options) if options["csv"] else self._check(engine, options)
            )
        except (BundleError, WeightsError, ManifestError, OSError) as error:
            raise CommandError(str(error), returncode=3) from error
        sys.exit(_status(seen))

    def _check(self, engine: Engine, options: dict[str, Any]) -> Counter[Outcome]:
        seen: Counter[Outcome] = Counter()
        for path in options["images"]:
            check = _check_file(engine, path)
            seen[check.verdict] += 1
            self.stdout.write(
                _as_json(path, check) if options["json"] else f"{path}: {_in_words(check)}"
            )
        return seen

    def _check_csv(self, engine: Engine, options: dict[str, Any]) -> Counter[Outcome]:
        rows = manifests.read(options["csv"])
        boxes = [manifests.box_of(row) for row in rows]
        checks = list(self._progress(engine, options["csv"].parent, rows, boxes))
        results = [_result(row, check) for row, check in zip(rows, checks, strict=True)]
        if options["json"]:
            pairs = zip(rows, checks, strict=True)
            lines = [_as_json(Path(row["path"]), check) for row, check in pairs]
            self.stdout.write("\n".join(lines))
        if options["out"]:
            options["out"].write_text(_as_csv(results), encoding="utf-8")
        elif not options["json"]:
            self.stdout.write(_as_csv(results))
        self._table(rows, results)
        return Counter(check.verdict for check in checks)

    def _progress(
        self, engine: Engine, folder: Path, rows: list[dict[str, str]], boxes: list[Box | None]
    ) -> Iterator[Check]:
        """Check row by row; name what is damaged and how far it has come on stderr."""
        damaged = 0
        for n, (row, box) in enumerate(zip(rows, boxes, strict=True), 1):
            check = _check_file(engine, folder / row["path"], box)
            if check.verdict is Outcome.ERROR:
                damaged += 1
                self.stderr.write(f"{row['path']}: unreadable ({check.reason})")
            if n % 100 == 0 or n == len(rows):
                self.stderr.write(f"{n} of {len(rows)} checked, {damaged} unreadable")
            yield check

    def _table(self, rows: list[dict[str, str]], results: list[dict[str, str]]) -> None:
        if not rows or not {"label", "domain"} <= rows[0].keys():
            return
        merged = [
            {**row, "p_live": result["p_live"]} for row, result in zip(rows, results, strict=True)
        ]
        columns = ["p_live", *(name for name in _PREDECESSORS if name in rows[0])]
        self.stdout.write("\n".join(manifests.table(merged, columns)))


def _check_file(engine: Engine, path: Path, box: Box | None = None) -> Check:
    """A file that cannot be opened, or is too large to be read at all, is one unreadable picture among others."""
    try:
        if path.stat().st_size > FILE_LIMITS.max_bytes:
            return Check(Outcome.ERROR, reason="too_many_bytes")
        return checking.check(engine, path.read_bytes(), box)
    except OSError as error:
        return Check(
            Outcome.ERROR, reason=(error.strerror or "unreadable").lower().replace(" ", "_")
        )


def _in_words(check: Check) -> str:
    box = check.as_dict()["box"]
    where = f", box {','.join(f'{value:.0f}' for value in box)}" if box else ""
    if check.verdict is Outcome.ERROR:
        return f"unreadable ({check.reason})"
    if check.verdict is Outcome.ABSTAIN and not check.judged:
        return f"cannot be judged ({check.reason}){where}"
    return f"{_WORDS.get(check.verdict, 'undecided')} ({100 * (check.p_live or 0.0):.1f} %){where}"


def _as_json(path: Path, check: Check) -> str:
    return json.dumps({"path": str(path), **check.as_dict()}, ensure_ascii=False)


def _result(row: dict[str, str], check: Check) -> dict[str, str]:
    box = check.as_dict()["box"] or ["", "", "", ""]
    p_live = "" if check.p_live is None else f"{check.p_live:.6f}"
    values = [row["path"], str(check.verdict), p_live, *(str(value) for value in box), check.reason]
    return dict(zip(_COLUMNS, values, strict=True))


def _as_csv(results: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(results)
    return text.getvalue()


def _status(seen: Counter[Outcome]) -> int:
    if seen[Outcome.ERROR]:
        return 2
    return 1 if seen[Outcome.SPOOF] or seen[Outcome.ABSTAIN] else 0
