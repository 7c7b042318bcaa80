"""Reviewed attempts become training copies: frames and a manifest that ``train_fas`` reads.

The copies are personal data and obey erasure. They exist only under VAR/training; every file's name begins with its
person's pseudonym, and so does every row about it, also in what ``prepare_fas`` makes of them there with ``--copy`` or
``--patches``, and in the folder of a training run. ``erase_copies`` finds them by it. Copied are refused attempts, and
passed ones that were kept as a sample for review; only those about an account, because nobody else can consent or have
them erased.
"""

import fcntl
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string
from django.utils.text import slugify

from liveness import evidence
from liveness.crypto import SealError
from liveness.engine import frames, quality
from liveness.engine.faces import FaceDetector, YuNet
from liveness.engine.frames import FrameError
from liveness.engine.quality import QualityLimits
from liveness.models import Attempt, Evidence
from training.fas import data
from training.fas.data import DataError, Sample

MANIFEST, MARKER = "manifest.csv", "reviewed.txt"
COPIES = "frames"
BENCHMARK = "-benchmark"
"""Ends the domain of people who are kept to be judged: a domain cannot stand in two splits."""

_LISTS = ("*.csv", "*.jsonl")
_BOXES = "boxes.json"
_USABLE = (
    Attempt.Label.LIVE,
    Attempt.Label.PRINT,
    Attempt.Label.SCREEN,
    Attempt.Label.MASK,
)

MayTrain = Callable[[Attempt], bool]


@dataclass(frozen=True)
class Report:
    """What an export holds: copies and people; left_out: reason → frames, or attempts as a whole; the manifest's digest."""

    manifest: Path
    frames: int
    people: int
    left_out: Counter[str]
    digest: str


@dataclass(frozen=True)
class _Copy:
    sample: Sample
    jpeg: bytes
    width: int
    height: int


def permitted(attempt: Attempt) -> bool:
    """Ask settings.LIVEGATE_MAY_TRAIN, the dotted path of a function of the attempt's user; without one: no."""
    dotted: str = getattr(settings, "LIVEGATE_MAY_TRAIN", "")
    return bool(dotted) and bool(import_string(dotted)(attempt.user))


def export_reviewed(
    folder: Path,
    attempts: Iterable[Attempt] | None = None,
    *,
    may_train: MayTrain = permitted,
    domain: str = "site",
    held_out: Collection[str] = (),
    detector: FaceDetector | None = None,
    limits: QualityLimits | None = None,
) -> Report:
    """Copy the kept frames of reviewed attempts (default: all) into a folder below VAR/training.

    domain: how the site's cameras are called; where an attempt says its camera, that follows. held_out: pseudonyms of
    people whose rows become ``dev`` rows, in a domain of their own. The folder afterwards holds exactly this export; the
    same attempts give the same digest. Frames below the quality limits, or unreadable, are left out and counted. Raises
    DataError: a folder elsewhere or with something else in it, or nothing to copy; then nothing is left of an earlier
    export there.
    """
    detector, limits = detector or YuNet(), limits or QualityLimits()
    left_out: Counter[str] = Counter()
    with _alone():
        _claim(folder)
        chosen = _chosen(attempts, may_train, left_out)
        copies = _copies(chosen, (domain, held_out), detector, limits, left_out)
        rows = _write(folder, copies)
    if not rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        raise DataError(
            f"No reviewed attempt gives a training copy ({reasons or 'none is reviewed'})."
        )
    people = {sample.subject for sample in rows}
    digest = data.digest(data.read_manifest(folder / MANIFEST))
    return Report(folder / MANIFEST, len(rows), len(people), left_out, digest)


def erase_copies(user_pk: object) -> int:
    """Remove a person's files and rows from everything under VAR/training; says how many files.

    Keys that SECRET_KEY_FALLBACKS still names are tried as well: export anew before a key is dropped there.
    """
    with _alone():
        found = copies_of(user_pk)
        for path in found:
            path.unlink()
        for pseudonym in _pseudonyms(user_pk):
            for path in (path for pattern in _LISTS for path in _home().rglob(pattern)):
                _drop_rows(path, pseudonym.encode())
            for path in _home().rglob(_BOXES):
                _drop_boxes(path, pseudonym)
    return len(found)


def copies_of(user_pk: object) -> list[Path]:
    """A person's files below VAR/training."""
    names = _pseudonyms(user_pk)
    return [path for name in names for path in _home().rglob(f"*{name}*") if path.is_file()]


def usable(attempts: Iterable[Attempt] | None = None) -> tuple[list[Attempt], Counter[str]]:
    """Reviewed attempts (default: all) that may be copied now, the oldest first; and reason → how many may not."""
    asked: dict[object, bool] = {}
    left_out: Counter[str] = Counter()

    def once(attempt: Attempt) -> bool:
        if attempt.user_id not in asked:
            asked[attempt.user_id] = permitted(attempt)
        return asked[attempt.user_id]

    return _chosen(attempts, once, left_out), left_out


def pictures(attempt: Attempt) -> QuerySet[Evidence]:
    """The kept frames that training may copy: those of full size, as the network was given them."""
    return attempt.evidence.filter(kind__in=Evidence.FULL_SIZE).order_by("kind", "at")


def domain_of(attempt: Attempt, domain: str = "site") -> str:
    """The camera's domain: ``site-integrated-camera-640x480``, or ``site`` where no camera is known."""
    return "-".join(filter(None, (domain, slugify(attempt.camera))))


def pseudonyms(user_pk: object) -> frozenset[str]:
    """All that a person may be called in copies: under SECRET_KEY, and under keys before it."""
    return frozenset(_pseudonyms(user_pk))


def subject_of(user_pk: object) -> str:
    """A person's pseudonym: HMAC-SHA256 of the account's key under SECRET_KEY, 32 hexadecimal digits."""
    return next(_pseudonyms(user_pk))


def _pseudonyms(user_pk: object) -> Iterator[str]:
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        message = f"training subject {user_pk}".encode()
        yield hmac.new(key.encode(), message, hashlib.sha256).hexdigest()[:32]


def _chosen(
    attempts: Iterable[Attempt] | None, may_train: MayTrain, left_out: Counter[str]
) -> list[Attempt]:
    """Attempts that may be used, the oldest first; labels, states and accounts are read anew from the database."""
    rows = Attempt.objects.exclude(label=Attempt.Label.NONE).select_related("user")
    rows = rows.defer("frames", "secret")
    if attempts is not None:
        rows = rows.filter(pk__in=[attempt.pk for attempt in attempts])
    chosen = []
    for attempt in rows.order_by("created", "pk"):
        reason = _why_not(attempt, may_train)
        if reason:
            left_out[reason] += 1
        else:
            chosen.append(attempt)
    return chosen


def _why_not(attempt: Attempt, may_train: MayTrain) -> str:
    if attempt.label not in _USABLE:
        return "unusable"
    if attempt.state not in Attempt.REFUSED and not attempt.sampled:
        return "not_refused"
    if attempt.user_id is None:
        return "no_account"
    return "" if may_train(attempt) else "no_consent"


def _copies(
    attempts: Iterable[Attempt],
    place: tuple[str, Collection[str]],
    detector: FaceDetector,
    limits: QualityLimits,
    left_out: Counter[str],
) -> Iterator[_Copy]:
    for attempt in attempts:
        kept = list(pictures(attempt))
        if not kept:
            left_out["no_picture_kept"] += 1
        for row in kept:
            copy = _copy(attempt, row, place, detector, limits)
            if isinstance(copy, str):
                left_out[copy] += 1
            else:
                yield copy


def _copy(
    attempt: Attempt,
    row: Evidence,
    place: tuple[str, Collection[str]],
    detector: FaceDetector,
    limits: QualityLimits,
) -> _Copy | str:
    """The frame with the box that serving finds in it, or the reason why not. place: domain, and who is held out."""
    try:
        jpeg = evidence.open_frame(row)
        picture = frames.decode(jpeg)
    except (SealError, FrameError):
        return "unreadable"
    faces = detector.detect(picture)
    reasons, _ = quality.assess(picture, faces, limits)
    if reasons:
        return str(reasons[0])
    subject, live = subject_of(attempt.user_id), attempt.label == Attempt.Label.LIVE
    domain, held = domain_of(attempt, place[0]), subject in place[1]
    sample = Sample(
        path=f"{COPIES}/{subject}-{attempt.pk.hex}-{row.kind}-{round(row.at * 1000)}.jpg",
        domain=domain + BENCHMARK if held else domain,
        subject=subject,
        live=live,
        species="" if live else attempt.label,
        split="dev" if held else "train",
        box=faces[0].box,
    )
    return _Copy(sample, jpeg, width=picture.shape[1], height=picture.shape[0])


def _claim(folder: Path) -> None:
    if _home().resolve() not in folder.resolve().parents:
        raise DataError(f"Training copies must lie below {_home()}, where erasure finds them.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise DataError(f"{folder} holds something else; choose a new or an empty folder.")
    (folder / COPIES).mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    words = "Training copies of reviewed attempts: personal data. See training/reviewed.py.\n"
    data.replace_file(folder / MARKER, words.encode(), 0o600)


def _write(folder: Path, copies: Iterable[_Copy]) -> list[Sample]:
    """The frames, then the manifest; last goes what an earlier export had and this one has not."""
    rows = []
    for copy in copies:
        data.replace_file(folder / copy.sample.path, copy.jpeg, 0o600)
        rows.append((copy.sample, copy.width, copy.height))
    data.write_manifest(folder / MANIFEST, rows, 0o600)
    wanted = {folder / sample.path for sample, _, _ in rows}
    for path in set((folder / COPIES).iterdir()) - wanted:
        path.unlink()
    return [sample for sample, _, _ in rows]


def _drop_rows(path: Path, pseudonym: bytes) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if pseudonym not in line]
    if len(kept) < len(lines):
        data.replace_file(path, b"".join(kept), path.stat().st_mode & 0o777)


def _drop_boxes(path: Path, pseudonym: str) -> None:
    """The cache of face boxes is keyed by path, and a copy's path names its person."""
    text = path.read_text(encoding="utf-8")
    if pseudonym in text:
        kept = {name: box for name, box in json.loads(text).items() if pseudonym not in name}
        data.replace_file(path, json.dumps(kept).encode(), path.stat().st_mode & 0o777)


def _home() -> Path:
    return Path(settings.VAR) / "training"


@contextmanager
def _alone() -> Iterator[None]:
    """Erasure waits for an export to end, so that none can write back what was just erased."""
    _home().mkdir(parents=True, exist_ok=True)
    with (_home() / ".copies.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
