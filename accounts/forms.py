"""Forms: who signs in, what is agreed to, and what must not happen by accident."""

from typing import Any

from django import forms

from accounts import consent
from accounts.consent import Purpose
from accounts.models import User

_OPTIONAL = (Purpose.EVIDENCE, Purpose.TRAINING)


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
    """One tick a purpose, none of them made in advance. A signup may go on with the first alone."""

    face = forms.BooleanField(
        error_messages={"required": "Without this tick your face cannot be set up."}
    )
    evidence = forms.BooleanField(required=False)
    training = forms.BooleanField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, purpose in (("face", Purpose.SIGNIN), *((p.value, p) for p in _OPTIONAL)):
            self.fields[name].label = consent.text(purpose).question


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
