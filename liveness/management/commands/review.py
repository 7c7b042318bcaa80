"""The review queue at a terminal: list it, label an attempt, take the last label back."""

import argparse
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from liveness import queue, reviewing
from liveness.models import Attempt

_FILTERS = tuple(queue.FilterForm.base_fields)


class Command(BaseCommand):
    help = "List the review queue, label an attempt, or take your last label back."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True)
        listed = _step(steps, "list", "what waits for this reviewer, in the queue's order")
        listed.add_argument("--limit", type=int, default=50, help="at most so many (default 50)")
        for name in _FILTERS:
            listed.add_argument(f"--{name}", default="", help=f"the queue's filter {name!r}")
        labelled = _step(steps, "label", "label an attempt")
        labelled.add_argument("attempt", help="its id")
        labelled.add_argument("label", choices=reviewing.LABELS)
        _step(steps, "undo", "take the last label of this reviewer back")

    def handle(self, *args: Any, **options: Any) -> None:
        steps: dict[str, Callable[..., str]] = {"list": _list, "label": _label, "undo": _undo}
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
    try:
        attempt = Attempt.objects.get(pk=options["attempt"])
        reviewing.review_attempt(attempt=attempt, reviewer=reviewer, label=options["label"])
    except (Attempt.DoesNotExist, ValidationError):
        raise CommandError(f"There is no attempt {options['attempt']!r}.") from None
    except ValueError as error:
        raise CommandError(str(error)) from error
    return _line(attempt)


def _undo(reviewer: Any, options: dict[str, Any]) -> str:
    try:
        return _line(reviewing.undo_review(reviewer=reviewer))
    except reviewing.NothingToUndo as error:
        raise CommandError(str(error)) from error
