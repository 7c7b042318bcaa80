"""What staff fill in to make a key or a webhook."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from api import keys, webhooks
from api.models import AREAS, SCOPES


def scope_words(scope: str) -> str:
    area, right = scope.split(":")
    return f"{AREAS[area]}: {gettext('read') if right == 'read' else gettext('read and write')}"


class KeyForm(forms.Form):
    name = forms.CharField(max_length=100, label=_("What it is for"))
    scopes = forms.MultipleChoiceField(
        choices=lambda: [(scope, scope_words(scope)) for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        label=_("What it may do"),
        help_text=_("Never more than your own account may do."),
    )
    days = forms.IntegerField(
        min_value=1, max_value=3650, initial=365, label=_("Days until it expires")
    )
    per_minute = forms.IntegerField(
        min_value=1, max_value=100_000, initial=600, label=_("Requests a minute")
    )
    origins = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=_("Sites that may embed its captures"),
        help_text=_("One a line, such as https://shop.example. Empty: none."),
    )

    def clean_origins(self) -> list[str]:
        try:
            return [keys.origin_of(line) for line in self.cleaned_data["origins"].split()]
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "name": given["name"],
            "scopes": given["scopes"],
            "origins": given["origins"],
            "per_minute": given["per_minute"],
            "expires": self._expires(),
        }

    def _expires(self) -> datetime:
        return timezone.now() + timedelta(days=self.cleaned_data["days"])


class WebhookForm(forms.Form):
    """owner: whose permissions decide which events are offered."""

    url = forms.CharField(
        max_length=500, label=_("Address"), help_text=_("Such as https://shop.example/livegate.")
    )
    note = forms.CharField(required=False, max_length=100, label=_("What it is for"))
    events = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label=_("What it hears"),
        help_text=_("Names and ids alone."),
    )

    def __init__(self, owner: User, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["events"]
        field.choices = [
            (name, f"{kind.words} ({name})")
            for name, kind in webhooks.EVENTS.items()
            if webhooks.may_hear(owner, name)
        ]
