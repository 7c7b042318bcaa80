"""Models from a terminal: the same steps as on the pages, through the same services."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from liveness import disagreement, registry
from liveness.engine.bundle import BundleError
from liveness.models import ModelVersion
from liveness.registry import ApprovalNeeded, GateError
from training import benchmarks, proving
from training.benchmarks import BenchmarkError
from training.models import Benchmark


class Command(BaseCommand):
    help = "List, register, prove, promote, approve and roll back models; freeze benchmarks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--by", default="", help="user name of the person who does this")
        steps = parser.add_subparsers(dest="step", required=True)
        steps.add_parser("list", help="every version, the newest first")
        steps.add_parser("rollback", help="promote the model that judged before")
        steps.add_parser("benchmarks", help="the frozen benchmarks")
        for name, words in _ABOUT_ONE.items():
            one = steps.add_parser(name, help=words)
            one.add_argument("model", help="beginning of its SHA-256, or its number")
        register = steps.add_parser("register", help="prove, store and record a bundle")
        register.add_argument("folder", type=Path)
        shadow = steps.add_parser("shadow", help="start shadow mode, show it, or stop it")
        shadow.add_argument("model", nargs="?", default="")
        shadow.add_argument("--stop", action="store_true")
        shadow.add_argument("--show", action="store_true", help="print how it disagrees, as JSON")
        freeze = steps.add_parser("freeze", help="freeze a benchmark for the gate")
        freeze.add_argument("name")
        freeze.add_argument("manifest", type=Path)
        freeze.add_argument("--split", default="", help="only rows of this split, such as dev")

    def handle(self, *args: Any, **options: Any) -> None:
        by = _person(options["by"])
        try:
            getattr(self, f"_{options['step']}")(options, by)
        except ApprovalNeeded as error:
            self.stdout.write(str(error))
        except (BundleError, BenchmarkError, GateError, LookupError) as error:
            raise CommandError(str(error)) from error

    def _list(self, options: dict[str, Any], by: Any) -> None:
        for model in ModelVersion.objects.all():
            gate = {True: "passed", False: "refused"}.get(model.gate.get("passed"), "not judged")
            shadow = " shadow" if model.shadow else ""
            words = f"{model.pk:>5}  {model.sha256[:12]}  {model.state:<10} {gate:<11} {model.name}"
            self.stdout.write(words + shadow)

    def _show(self, options: dict[str, Any], by: Any) -> None:
        model = _model(options["model"])
        self.stdout.write(f"{model}, parent {model.parent or 'none'}, data {model.data_digest}")
        self.stdout.write(json.dumps({"gate": model.gate, "metrics": model.metrics}, indent=2))
        for event in model.events.select_related("by"):
            self.stdout.write(f"{event.at:%Y-%m-%d %H:%M} {event.text} {event.by or ''}".rstrip())

    def _register(self, options: dict[str, Any], by: Any) -> None:
        parent = registry.active_model()
        model = registry.register_model(folder=options["folder"], parent=parent, trained_by=by)
        self.stdout.write(f"{model.sha256} is {model.name}, {model.state}.")

    def _gate(self, options: dict[str, Any], by: Any) -> None:
        report = proving.prove(_model(options["model"]), by=by, say=self.stdout.write)
        if not report.passed:
            raise CommandError(
                "Refused. " + " ".join(f"{reason.rstrip('.')}." for reason in report.reasons)
            )
        self.stdout.write("Passed.")

    def _promote(self, options: dict[str, Any], by: Any) -> None:
        self._now(registry.promote_model(model=_model(options["model"]), by=by))

    def _approve(self, options: dict[str, Any], by: Any) -> None:
        self._now(registry.approve_model(model=_model(options["model"]), by=by))

    def _rollback(self, options: dict[str, Any], by: Any) -> None:
        self._now(registry.roll_back_model(by=by))

    def _shadow(self, options: dict[str, Any], by: Any) -> None:
        if options["stop"]:
            registry.stop_shadow(by=by)
            self.stdout.write("No model scores beside the champion.")
            return
        model = _model(options["model"])
        if options["show"]:
            self.stdout.write(json.dumps(disagreement.of(model).as_dict(), indent=2, default=str))
            return
        registry.start_shadow(model=model, by=by)
        self.stdout.write(f"{model.name} scores beside the champion.")

    def _freeze(self, options: dict[str, Any], by: Any) -> None:
        made = benchmarks.freeze(
            name=options["name"], manifest=options["manifest"], split=options["split"], by=by
        )
        counted = f"{made.counts['bona_fide']} bona fide, {made.counts['attacks']} attacks"
        self.stdout.write(f"{made.name} is frozen: {counted}.")

    def _benchmarks(self, options: dict[str, Any], by: Any) -> None:
        for row in Benchmark.objects.defer("files"):
            self.stdout.write(f"{row.name}: {row.manifest} {row.split} {json.dumps(row.counts)}")

    def _now(self, model: ModelVersion) -> None:
        self.stdout.write(f"{model.name} judges from the next attempt on.")


_ABOUT_ONE = {
    "show": "everything about one version",
    "gate": "compare it with the champion on every benchmark",
    "promote": "let it judge, or ask for it where two people have to agree",
    "approve": "the second person agrees",
}


def _model(text: str) -> ModelVersion:
    """By number or by the beginning of its SHA-256. Raises CommandError unless it is exactly one."""
    found = (
        ModelVersion.objects.filter(sha256__startswith=text)
        if text
        else ModelVersion.objects.none()
    )
    if text.isdigit() and len(text) < 6:
        found = ModelVersion.objects.filter(pk=int(text))
    if found.count() != 1:
        raise CommandError(
            f"{found.count()} models begin with {text!r}; see manage.py models list."
        )
    return found.get()


def _person(name: str) -> Any:
    if not name:
        return None
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no user named {name}.")
    return user
