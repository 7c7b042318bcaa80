"""The last stage of every sign-in: does what was given satisfy the policy? Nobody is signed in before."""

from typing import Any

from allauth.account.stages import LoginStage
from allauth.core.internal.httpkit import headed_redirect_response
from django.http import HttpResponse
from django.shortcuts import render

from accounts import policies
from accounts.policies import Factor, Step


class PolicyStage(LoginStage):
    """Asks for the password after a face, or for the face after a password, where the policy wants both."""

    key = "sign_in_policy"
    urlname = "accounts:signin_more"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        step = self.step()
        if step is None:
            return None, True
        if step != Step.SET_UP:
            return headed_redirect_response(self.urlname), True
        if Factor.PASSWORD in self._given():
            return None, True  # Into a session that can do nothing but set up what is missing.
        user = self.login.user
        context = {"rule": policies.rule_for(user), "password": user.has_usable_password()}
        return render(
            self.request, "accounts/second_factor_missing.html", context, status=403
        ), False

    def step(self) -> Step | None:
        """What is missing now; nothing where allauth walks on for a name of nobody."""
        user: Any = self.login.user
        return policies.next_step(user, self._given()) if user else None

    def _given(self) -> set[Factor]:
        return policies.given(self.request.session, self.login.user, policies.PATIENCE)
