"""`make practice`: a data set for a first training run, made of the demonstration's public-domain portraits.

Three cameras that never were: two to learn from, one to be judged on, with other people in front of it. It shows how a
run goes. What is learnt from it is worth nothing.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.demo import clips

COLUMNS = (
    *("path", "domain", "frame", "subject", "label", "species", "split"),
    *("width", "height", "x", "y", "w", "h"),
)


@dataclass(frozen=True)
class Camera:
    """A camera with its people: (portrait, who it shows). frames: of each portrait, alive and on a phone."""

    name: str
    split: str
    portraits: tuple[tuple[str, str], ...]
    seed: int
    light: float
    frames: int = 12


CAMERAS = (
    Camera("practice-hall", "train", (("obama-2010", "obama"), ("obama-2012", "obama")), 11, 1.0),
    Camera("practice-desk", "train", (("biden-2010", "biden"),), 22, 0.8),
    # As many as a benchmark needs, so that the gate has something to say.
    Camera("practice-door", "dev", (("collins", "collins"),), 33, 0.9, frames=30),
)


def write(folder: Path) -> Path:
    """Frames and their manifest in ``folder``. The manifest."""
    rows = [row for camera in CAMERAS for row in _of(camera, folder)]
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return manifest


def _of(camera: Camera, folder: Path) -> Iterator[dict[str, str]]:
    for number, (portrait, subject) in enumerate(camera.portraits):
        seed = camera.seed + number
        for live in (True, False):
            clip = (
                clips.live_clip(portrait, camera.frames, seed, camera.light)
                if live
                else clips.recaptured_clip(portrait, camera.frames, seed)
            )
            for n, jpeg in enumerate(clip):
                path = Path(camera.name) / f"{portrait}-{'live' if live else 'phone'}-{n:02}.jpg"
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(jpeg)
                yield _row(path, camera, subject, live)


def _row(path: Path, camera: Camera, subject: str, live: bool) -> dict[str, str]:
    """Without a face box: training looks for the face itself."""
    width, height = clips.SIZE
    return {
        **dict.fromkeys(COLUMNS, ""),
        "path": path.as_posix(),
        "domain": camera.name,
        "frame": "full",
        "subject": subject,
        "label": "live" if live else "spoof",
        "species": "" if live else "screen",
        "split": camera.split,
        "width": str(width),
        "height": str(height),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make practice", description=__doc__)
    parser.add_argument("folder", type=Path)
    manifest = write(parser.parse_args().folder)
    print(f"{manifest} is written. Add this line to the file .env and restart the portal:\n")
    print(f"LIVEGATE_DATA_SETS=practice={manifest.resolve()}\n")
    print("docs/tutorial.md goes on from here.")


if __name__ == "__main__":
    main()
