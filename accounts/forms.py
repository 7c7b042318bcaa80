"""Forms: who signs in, what is agreed to, and what must not happen by accident."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import consent
from accounts.consent import Purpose
from accounts.models import User

_OPTIONAL = (Purpose.EVIDENCE, Purpose.TRAINING)


class NameForm(forms.Form):
    """Who wants to sign in with a face. Any name is accepted: the form knows nobody."""

    username = forms.CharField(
        label=_("Username or email"),
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


class SetupForm(BaseUserCreationForm):
    """The first administrator. Everything but the code is checked as for everybody."""

    code = forms.CharField(
        label=_("Code from the server's log"),
        max_length=60,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "spellcheck": "false", "autofocus": True}
        ),
    )
    field_order = ("code", "username", "email", "password1", "password2")

    class Meta:
        model = User
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs.pop("autofocus", None)
        self.fields["username"].help_text = ""
        self.fields["email"].required = True


class PasswordForm(forms.Form):
    """The password of somebody whose face was right; allauth counts the wrong ones."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request, self._user = request, user

    def clean_password(self) -> str:
        typed = str(self.cleaned_data["password"])
        name = self._user.get_username()
        found = get_adapter().authenticate(self._request, username=name, password=typed)
        if found is None or found.pk != self._user.pk:
            raise forms.ValidationError(gettext("This is not the password of this account."))
        return typed


class ConsentForm(forms.Form):
    """One tick a purpose, none of them made in advance. A signup may go on with the first alone."""

    face = forms.BooleanField(
        error_messages={"required": _("Without this tick your face cannot be set up.")}
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
        label=_("Type your username to confirm"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user

    def clean_username(self) -> str:
        typed = str(self.cleaned_data["username"])
        if typed != self._user.get_username():
            raise forms.ValidationError(gettext("This is not your username."))
        return typed
