"""What the pages share: who is there, opening an attempt, the capture page."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import budgets, services, words
from accounts.clients import client_address
from accounts.consent import Purpose
from accounts.models import User
from accounts.names import canonical
from liveness.flash import asked
from liveness.models import Attempt
from liveness.services import TooManyAttempts, open_attempt

STASH = "face_signin"
"""Where the session keeps who is to be recognised, and where they want to go."""


def person(request: HttpRequest) -> User:
    """The signed-in person, behind ``login_required``."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  (narrows the type; the decorator guarantees it)
    return user


def session_key(request: HttpRequest) -> str:
    """The key of this browser's session, which is created if there is none."""
    if not request.session.session_key:
        request.session.create()
    return request.session.session_key or ""


def capture_page(
    request: HttpRequest,
    *,
    purpose: Attempt.Purpose,
    claimed: str,
    user: User | None,
    payer: budgets.Subjects | None = None,
) -> HttpResponse:
    """Open an attempt and show the camera for it. payer: whose budgets it is taken from when it starts."""
    try:
        attempt, ticket = open_attempt(
            purpose=purpose,
            session_key=session_key(request),
            claimed=claimed,
            user=user,
            client=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
    except TooManyAttempts:
        return slow_down(request, seconds=60, template="accounts/too_many.html")
    if payer is not None:
        budgets.announce(attempt.pk, payer)
    context = {
        "attempt": attempt,
        "ticket": ticket,
        "socket_path": "/ws/liveness/",
        "enrolling": purpose == Attempt.Purpose.ENROL,
        "ticket_seconds": settings.LIVENESS_TICKET_SECONDS,
        "flash": asked(),
        "evidence_days": settings.LIVENESS_EVIDENCE_DAYS,
        "keeps": purpose == Attempt.Purpose.ENROL and _keeps(user),
    }
    return render(request, "accounts/capture.html", context)


def _keeps(user: User | None) -> bool:
    """Asked for the signed-in person alone: a sign-in page must not tell who exists."""
    return user is not None and services.consent_of(user, Purpose.EVIDENCE) is not None


def slow_down(request: HttpRequest, *, seconds: int | None, template: str) -> HttpResponse:
    """429, with the waiting time where there is one."""
    wait = None if seconds is None else words.duration(seconds)
    response = render(request, template, {"wait": wait}, status=429)
    if seconds is not None:
        response["Retry-After"] = str(seconds)
    return response


def posted_attempt(request: HttpRequest) -> UUID | None:
    """The attempt a capture form names; None for anything that is no UUID."""
    try:
        return UUID(request.POST.get("attempt", ""))
    except ValueError:
        return None


def expect_face(request: HttpRequest, user: User, target: str | None) -> None:
    """The camera's page may be opened for this person, who has already named themselves."""
    request.session[STASH] = {"name": canonical(user.get_username()), "next": target or ""}
