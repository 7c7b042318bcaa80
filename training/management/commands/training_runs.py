"""``manage.py training_runs``: list, preview, start, train, watch and cancel training runs at a terminal."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.dateparse import parse_date

from training import datasets, facts, plans, recipes, services, tasks
from training.freezing import Choice
from training.models import TrainingRun
from training.plans import Plan, Preview


class Command(BaseCommand):
    help = (
        "Training runs: list them; preview a plan; start one (it is queued for a training worker); train a queued one "
        "here and now; show one; cancel one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parsers = parser.add_subparsers(dest="what", required=True, title="what")
        parsers.add_parser("list", help="The latest runs, and the data sets and recipes there are.")
        for name, text in (("preview", "Size and balance."), ("start", "Queue a run.")):
            _add_plan(parsers.add_parser(name, help=text))
        for name, text in (
            ("train", "Train a queued run in this process, without a worker."),
            ("show", "State, progress and the end of the log."),
            ("cancel", "Cancel a queued or running run."),
        ):
            parsers.add_parser(name, help=text).add_argument("run", type=int)

    def handle(self, *args: Any, **given: Any) -> None:
        try:
            getattr(self, f"_{given['what']}")(given)
        except (services.RequestError, services.RunStateError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _list(self, given: dict[str, Any]) -> None:
        for run in TrainingRun.objects.defer("log", "history", "result")[:20]:
            self.stdout.write(
                f"{run.pk}  {run.state:9}  {run.created:%Y-%m-%d %H:%M}  {_data(run)}"
            )
        self.stdout.write(f"data sets: {', '.join(datasets.registered()) or 'none'}")
        self.stdout.write(f"recipes: {', '.join(recipes.RECIPES)}")
        self.stdout.write(f"labels that no run has seen: {plans.new_labels()}")

    def _preview(self, given: dict[str, Any]) -> None:
        self._show_preview(plans.preview(_plan(given)))

    def _start(self, given: dict[str, Any]) -> None:
        with transaction.atomic():
            run = plans.start(_plan(given), by=_user(given["by"]))
            transaction.on_commit(partial(self._enqueue, run.pk))
        self.stdout.write(f"Training run {run.pk} is queued.")

    def _enqueue(self, pk: int) -> None:
        if not tasks.enqueue(pk):
            self.stdout.write(f"No worker can be reached. Train it here: training_runs train {pk}")

    def _train(self, given: dict[str, Any]) -> None:
        tasks.run_training(given["run"])
        run = _found(given["run"])
        if run.state != TrainingRun.State.DONE:
            raise CommandError(f"Training run {run.pk} is {run.state}. {run.reason}".strip())
        self.stdout.write(f"Training run {run.pk} is done: {run.model}.")

    def _show(self, given: dict[str, Any]) -> None:
        run = _found(given["run"])
        live = facts.live(run)
        self.stdout.write(
            f"Training run {run.pk}: {run.state}, {live['phase']}, {live['percent']} %"
        )
        self.stdout.write(f"data: {_data(run)}, digest {run.data_digest}")
        for name, value in live["figures"].items():
            if value is not None:
                self.stdout.write(f"{name}: {value}")
        if run.reason:
            self.stdout.write(f"reason: {run.reason}")
        self.stdout.write(live["log"])

    def _cancel(self, given: dict[str, Any]) -> None:
        services.cancel_run(given["run"])
        self.stdout.write(f"Training run {given['run']} is cancelled.")

    def _show_preview(self, seen: Preview) -> None:
        for name, row in seen.totals.items():
            kinds = ", ".join(f"{count} {kind}" for kind, count in row.attacks.items())
            self.stdout.write(f"{name}: {row.live} bona fide, {row.spoof} attacks ({kinds})")
        for row in seen.rows:
            self.stdout.write(f"  {row.domain:32} {row.part:9} {row.live:6} {row.spoof:6}")
        self.stdout.write(
            f"{len(seen.attempts)} reviewed attempts of {seen.people} people, {seen.held_out} of them not trained on"
        )
        for reason, count in seen.left_out.items():
            self.stdout.write(f"left out: {count} {reason}")
        for warning in seen.warnings:
            self.stdout.write(f"warning: {warning}")
        if seen.errors:
            raise CommandError(" ".join(seen.errors))


def _add_plan(parser: Any) -> None:
    parser.add_argument("--base", action="append", default=[], help="A registered data set.")
    parser.add_argument("--path", action="append", default=[], type=Path, help="A manifest CSV.")
    parser.add_argument("--recipe", default="touch-up", choices=list(recipes.RECIPES))
    parser.add_argument("--no-reviewed", action="store_true", help="Without reviewed attempts.")
    parser.add_argument("--camera", default="", help="Reviewed attempts of this camera alone.")
    parser.add_argument("--since", type=parse_date, help="Reviewed attempts since this day alone.")
    parser.add_argument("--options", type=json.loads, default={}, help="JSON, over the recipe's.")
    parser.add_argument("--by", default="", help="Who asks for it: a user's name.")


def _plan(given: dict[str, Any]) -> Plan:
    choice = Choice(not given["no_reviewed"], given["camera"], given["since"])
    return Plan(
        tuple(given["base"]), given["recipe"], choice, given["options"], tuple(given["path"])
    )


def _user(name: str) -> Any:
    if not name:
        return None
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user {name}.")
    return user


def _found(pk: int) -> TrainingRun:
    run = TrainingRun.objects.filter(pk=pk).first()
    if run is None:
        raise CommandError(f"There is no training run {pk}.")
    return run


def _data(run: TrainingRun) -> str:
    names = [each["name"] for each in run.base] or [run.data]
    return ", ".join([*names, f"{len(run.attempts)} reviewed attempts"])
