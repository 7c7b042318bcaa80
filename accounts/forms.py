"""Forms: who signs in, what is agreed to, and what must not happen by accident."""

from typing import Any

from django import forms

from accounts.consent import FACE_LABEL, TRAINING_LABEL
from accounts.models import User


class NameForm(forms.Form):
    """Who wants to sign in with a face. Any name is accepted: the form knows nobody."""

    username = forms.CharField(
        label="Username or email",
        max_length=150,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "username",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "data-test": "signin-username",
            }
        ),
    )


class ConsentForm(forms.Form):
    """Two separate ticks, none of them made in advance."""

    face = forms.BooleanField(
        label=FACE_LABEL,
        error_messages={"required": "Without this tick your face cannot be set up."},
    )
    training = forms.BooleanField(label=TRAINING_LABEL, required=False)


class TrainingForm(forms.Form):
    """The separate permission to train, on its own."""

    training = forms.BooleanField(label=TRAINING_LABEL, required=False)


class DeleteAccountForm(forms.Form):
    """Typing the username is slow enough for second thoughts."""

    username = forms.CharField(
        label="Type your username to confirm",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_username(self) -> str:
        typed = str(self.cleaned_data["username"])
        if typed != self._user.get_username():
            raise forms.ValidationError("This is not your username.")
        return typed
