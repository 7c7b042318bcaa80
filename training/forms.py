"""The form of a new run; it makes a Plan."""

import json
from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from liveness.models import Attempt
from training import datasets, origins, recipes
from training.freezing import Choice
from training.options import PATHS
from training.plans import Plan


class PlanForm(forms.Form):
    """Data sets by name, a recipe, which reviewed attempts, and options for whoever knows them.

    Options that name files of the training machine are for superusers alone.
    """

    base = forms.MultipleChoiceField(label=_("Data sets"), widget=forms.CheckboxSelectMultiple)
    recipe = forms.ChoiceField(label=_("Recipe"), widget=forms.RadioSelect)
    reviewed = forms.BooleanField(label=_("Add the reviewed attempts"), required=False)
    camera = forms.ChoiceField(label=_("Only of this camera"), required=False)
    since = forms.DateField(
        label=_("Only since"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    options = forms.JSONField(
        label=_("Options"),
        required=False,
        help_text='On top of the recipe, such as {"epochs": 4, "seed": 2}. docs/training.md has them all.',
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        self._choices("base", [(name, name) for name in datasets.registered()])
        self._choices("recipe", [(name, str(each.title)) for name, each in recipes.RECIPES.items()])
        self._choices("camera", [("", gettext("Every camera")), *_cameras()])

    def clean_options(self) -> dict[str, Any]:
        values = self.cleaned_data["options"] or {}
        if not isinstance(values, dict):
            raise forms.ValidationError(gettext('Write a JSON object, such as {"epochs": 4}.'))
        check_paths(values, self._user)
        return values

    def plan(self) -> Plan:
        """After ``is_valid``."""
        given = self.cleaned_data
        choice = Choice(given["reviewed"], given["camera"], given["since"])
        return Plan(tuple(given["base"]), given["recipe"], choice, given["options"])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices


def initial() -> dict[str, Any]:
    """What a new form proposes: all data sets, all reviewed attempts, and the gentlest recipe that is possible."""
    ready = origins.serving_weights() is not None
    return {
        "base": list(datasets.registered()),
        "recipe": next(name for name, each in recipes.RECIPES.items() if ready or not each.goes_on),
        "reviewed": True,
        "options": {},
    }


def check_paths(options: dict[str, Any], user: Any, paths: tuple[Path, ...] = ()) -> None:
    """Raise ValidationError when somebody but a superuser names files of the training machine."""
    named = sorted(set(options) & set(PATHS)) + [str(path) for path in paths]
    if named and not user.is_superuser:
        raise forms.ValidationError(
            gettext("Only a superuser may name files of the training machine: %(files)s.")
            % {"files": ", ".join(named)}
        )


def as_data(form: PlanForm) -> list[tuple[str, str]]:
    """The form's values as hidden fields, so that what was previewed is what is started."""
    given = form.cleaned_data
    fields = [("base", name) for name in given["base"]] + [("recipe", given["recipe"])]
    fields += [("reviewed", "on")] if given["reviewed"] else []
    fields += [("camera", given["camera"])] if given["camera"] else []
    fields += [("since", given["since"].isoformat())] if given["since"] else []
    return [*fields, ("options", json.dumps(given["options"]))]


def _cameras() -> list[tuple[str, str]]:
    labelled = Attempt.objects.exclude(label=Attempt.Label.NONE).exclude(camera="")
    names = labelled.order_by("camera").values_list("camera", flat=True).distinct()
    return [(name, name) for name in names]
