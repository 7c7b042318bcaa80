"""The review queue at a terminal: list it, label one attempt or a file of them, take the last label back."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness import queue, reviewing
from liveness.models import Attempt

_FILTERS = tuple(queue.FilterForm.base_fields)


class Command(BaseCommand):
    help = (
        "List the review queue, label one attempt or a file of them, or take your last label back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        listed = _step(steps, "list", "what waits for this reviewer, in the queue's order")
        listed.add_argument("--limit", type=int, default=50, help="at most so many (default 50)")
        for name in _FILTERS:
            listed.add_argument(f"--{name}", default="", help=f"the queue's filter {name!r}")
        labelled = _step(steps, "label", "label an attempt")
        labelled.add_argument("attempt", help="its id")
        labelled.add_argument("label", choices=reviewing.LABELS)
        many = _step(steps, "labels", "label what a file names, an attempt and its label a line")
        many.add_argument("file", type=Path, help="the file; - is the standard input")
        many.add_argument(
            "--unusable",
            action="store_true",
            help="label unusable what no kept picture shows well enough, instead of leaving it",
        )
        _step(steps, "undo", "take the last label of this reviewer back")

    def handle(self, *args: Any, **options: Any) -> None:
        steps: dict[str, Callable[..., str]] = {
            "list": _list,
            "label": _label,
            "labels": _labels,
            "undo": _undo,
        }
        reviewer = _reviewer(options["reviewer"])
        self.stdout.write(steps[options["step"]](reviewer, options))


def _step(steps: Any, name: str, summary: str) -> argparse.ArgumentParser:
    step: argparse.ArgumentParser = steps.add_parser(name, help=summary)
    step.add_argument("--as", dest="reviewer", required=True, metavar="USER", help="who reviews")
    return step


def _reviewer(username: str) -> Any:
    user = get_user_model().objects.filter(username=username).first()
    if user is None or not reviewing.may_review(user):
        raise CommandError(f"{username!r} is nobody who may review.")
    return user


def _list(reviewer: Any, options: dict[str, Any]) -> str:
    filters = _filters({name: options[name] for name in _FILTERS if options[name]})
    rows = queue.find(filters, reviewer).defer("frames", "secret")
    progress = queue.progress(filters, reviewer)
    lines = [_line(attempt) for attempt in rows[: max(0, options["limit"])]]
    lines.append(f"{progress.done} of {progress.total} reviewed, {rows.count()} in this view.")
    return "\n".join(lines)


def _filters(given: dict[str, Any]) -> queue.Filters:
    """Unlike an address, a command that makes no sense is refused."""
    form = queue.FilterForm(given)
    if not form.is_valid():
        raise CommandError("; ".join(f"{name}: {e[0]}" for name, e in form.errors.items()))
    return queue.Filters.read(given)


def _line(attempt: Attempt) -> str:
    score = "  -  " if attempt.pooled is None else f"{attempt.pooled:.3f}"
    label = "disputed" if attempt.disputed else attempt.label or "-"
    when = f"{attempt.created:%Y-%m-%d %H:%M}"
    return f"{attempt.pk}  {when}  {attempt.state:<9}  {score}  {label:<8}  {attempt.claimed}"


def _label(reviewer: Any, options: dict[str, Any]) -> str:
    attempt = _attempt(options["attempt"])
    try:
        reviewing.review_attempt(attempt=attempt, reviewer=reviewer, label=options["label"])
    except ValueError as error:
        raise CommandError(str(error)) from error
    return _line(attempt)


def _attempt(name: str) -> Attempt:
    try:
        return Attempt.objects.get(pk=name)
    except (Attempt.DoesNotExist, ValidationError):
        raise CommandError(f"There is no attempt {name!r}.") from None


def _labels(reviewer: Any, options: dict[str, Any]) -> str:
    """A line that cannot be done keeps none of the others from it."""
    done, unusable, left = 0, 0, []
    for number, words in _lines(options["file"]):
        try:
            unusable += _labelled(reviewer, words, options["unusable"])
            done += 1
        except (CommandError, ValueError) as error:
            left.append(f"line {number}: {error}")
    said = f"{done} labelled, {unusable} of them as unusable."
    if left:
        raise CommandError("\n".join([*left, f"{said} {len(left)} not."]))
    return said


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of every line that is neither empty nor a comment; commas part words, too."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.partition("#")[0].replace(",", " ").split():
            yield number, words


def _labelled(reviewer: Any, words: list[str], unusable: bool) -> bool:
    """Label one attempt; whether it became unusable. Raises CommandError, ValueError."""
    if len(words) != 2:
        raise CommandError("An attempt and its label are expected.")
    attempt, label = _attempt(words[0]), words[1]
    try:
        reviewing.review_attempt(attempt=attempt, reviewer=reviewer, label=label)
    except reviewing.BelowFloor:
        if not unusable:
            raise
        label = Attempt.Label.UNUSABLE
        reviewing.review_attempt(attempt=attempt, reviewer=reviewer, label=label)
    return label == Attempt.Label.UNUSABLE


def _undo(reviewer: Any, options: dict[str, Any]) -> str:
    try:
        return _line(reviewing.undo_review(reviewer=reviewer))
    except reviewing.NothingToUndo as error:
        raise CommandError(str(error)) from error
