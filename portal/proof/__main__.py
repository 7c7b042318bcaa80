"""`make loop-proof`: attempts from a camera that nobody trained on → labels → a run → the gate → promotion → served.

A real portal, a real Redis and a real Celery worker; figures before and after on frames that neither model was shown.
Exit status 1 when what was promised is not kept.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from portal.demo.client import VisitError
from portal.demo.server import ServerError
from portal.proof import holdout, judging
from portal.proof.site import site
from portal.proof.steps import Loop, LoopError, labels, settings
from training import plots

CHAMPIONS = Path(__file__).resolve().parent / "champions"


def main() -> int:
    """0 when the loop closed and every promise was kept, 1 otherwise."""
    given = _arguments()
    given.champion = given.champion or CHAMPIONS / given.camera
    try:
        with tempfile.TemporaryDirectory(prefix="livegate-loop-") as folder:
            found = _run(given, Path(folder))
    except (ServerError, VisitError, LoopError, OSError, ValueError) as error:
        print(f"\nThe loop broke off: {error}")
        return 1
    for line in found["shortfalls"]:
        print(f"NOT KEPT: {line}")
    print("\nThe loop is closed." if not found["shortfalls"] else "\nThe proof falls short.")
    return 1 if found["shortfalls"] else 0


def _run(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    if not given.champion.is_dir():
        raise ValueError(
            f"{given.champion} is no bundle. Name one that never saw {given.camera} with --champion, "
            f"or a camera that has one: {', '.join(sorted(path.name for path in CHAMPIONS.iterdir()))}."
        )
    _say(f"Cutting {given.camera} out of {given.data} …")
    data = holdout.cut(given.data, given.camera, folder / "data", given.portraits)
    with site(folder / "var", **settings(given.champion, data)) as running:
        loop = Loop(running.portal, data)
        loop.prepare()
        _say(f"{len(data.clips)} attempts at {running.portal.url}, from {given.camera} …")
        loop.capture()
        _say("A reviewer labels them …")
        loop.review()
        _say("A worker trains …")
        run = loop.retrain(given.options)
        _say("The gate judges …")
        model = loop.prove(run)
        loop.promote(model)
        verdict = loop.serve(data.clips[0], model["sha256"])
        _say(
            f"{model['name']} was promoted and judges, without a restart (a live clip: {verdict})."
        )
        _say("Judging frames that neither model was shown, and every other camera …")
        candidate = Path(model["folder"])
        mine = judging.compared(given.champion, candidate, data.judged)[0]
        others = judging.compared(given.champion, candidate, data.others)
    found = {
        "camera": given.camera,
        "attempts": labels(loop.shown),
        "gate": model["gate"],
        "minutes": round((time.monotonic() - began) / 60, 1),
        "new_camera": judging.as_rows([mine])[0],
        "other_cameras": judging.as_rows(others),
        "shortfalls": judging.shortfalls(mine, others),
    }
    _report(found, mine, others, given.out)
    return found


def _report(
    found: dict[str, Any], mine: judging.Camera, others: list[judging.Camera], out: Path
) -> None:
    print(f"\n{'camera':14} {'EER before':>10} {'after':>8} {'change':>8}   bona fide / attacks")
    for camera in (mine, *others):
        print(
            f"{camera.name:14} {camera.before:10.1%} {camera.after:8.1%} {100 * camera.change:+7.1f}p"
            f"   {camera.bona_fide} / {camera.attacks}"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "loop.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    drawn = plots.before_and_after([(c.name, c.before, c.after) for c in (mine, *others)])
    (out / "loop.png").write_bytes(drawn.png)
    print(f"\nloop.json and loop.png are in {out}.")


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make loop-proof", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="manifest CSV")
    parser.add_argument("--portraits", type=Path, help="folder of portraits to learn from as well")
    parser.add_argument("--camera", default="cam11", help="the camera that nobody trained on")
    parser.add_argument(
        "--champion",
        type=Path,
        help="bundle that never saw that camera, with start.npz; by default the one in champions/",
    )
    parser.add_argument("--options", type=json.loads, default={}, help="JSON, over the recipe's")
    parser.add_argument("--out", type=Path, default=Path("results/loop"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
