"""What a page, the socket and the API say of a run, in one place."""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from training import charts
from training.models import TrainingRun

LOG_LINES = 60
_PHASES = {
    TrainingRun.State.QUEUED: _("Waiting for a training worker"),
    TrainingRun.State.RUNNING: _("Getting ready"),
    TrainingRun.State.DONE: _("Done"),
    TrainingRun.State.FAILED: _("Failed"),
    TrainingRun.State.CANCELLED: _("Cancelled"),
}


def may_watch(user: Any) -> bool:
    """Staff with the permission to see training runs."""
    return _staff(user, "training.view_trainingrun")


def may_start(user: Any) -> bool:
    """Staff with the permission to start a training run, and to cancel one."""
    return _staff(user, "training.add_trainingrun")


def live(run: TrainingRun) -> dict[str, Any]:
    """What changes while a run is open. percent: 0–100; minutes_left and the figures: None until there are any."""
    open_ = run.is_open
    chart = charts.loss_over_epochs(run.history)
    percent = round(100 * float(run.progress.get("share", 0)))
    return {
        "state": run.state,
        "state_name": str(run.get_state_display()),
        "open": open_,
        "phase": _phase(run),
        "percent": 100 if run.state == TrainingRun.State.DONE else percent,
        "figures": _figures(run) | _last_auc(run),
        "log": "\n".join(run.log.splitlines()[-LOG_LINES:]),
        "chart": {"loss": chart.loss, "auc": chart.auc, "epochs": chart.epochs} if chart else None,
    }


_FIGURES = (
    *("epoch", "epochs", "batch", "batches", "loss", "accuracy"),
    *("samples_per_second", "minutes_left"),
)


def _phase(run: TrainingRun) -> str:
    if run.state != TrainingRun.State.RUNNING:
        return str(_PHASES[TrainingRun.State(run.state)])
    said = str(run.progress.get("said", ""))
    if said.startswith("Exporting"):
        return gettext("Exporting and quantising")
    if "epoch" not in run.progress:
        return said or gettext("Getting ready")
    return gettext("Epoch %(epoch)s of %(epochs)s") % {
        "epoch": run.progress["epoch"],
        "epochs": run.progress["epochs"],
    }


def _figures(run: TrainingRun) -> dict[str, Any]:
    """As last noted: a run that has ended has no minutes left, and one that is done no batch before it."""
    found = {name: run.progress.get(name) for name in _FIGURES}
    if not run.is_open:
        found["minutes_left"] = None
    if run.state == TrainingRun.State.DONE:
        found["batch"] = found["batches"]
    return found


def _last_auc(run: TrainingRun) -> dict[str, Any]:
    auc = run.history[-1].get("auc") if run.history else None
    return {"auc": None if auc is None else round(float(auc), 4)}


def _staff(user: Any, permission: str) -> bool:
    return bool(user and user.is_active and user.is_staff and user.has_perm(permission))
