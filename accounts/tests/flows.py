"""Steps that tests take: through the pages where these matter, through the services otherwise."""

from typing import Any
from uuid import UUID

from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import FaceTemplate, User
from liveness import services as liveness
from liveness.engine.faces import Embedding
from liveness.models import Attempt
from liveness.tests.fakes import ALICE, SESSION, FakeEngine, live, passed_attempt, run_capture

PASSWORD = "seven green bicycles"


def signed_in(user: User) -> Client:
    """A browser that signed in through the password page."""
    client = Client()
    data = {"login": user.get_username(), "password": PASSWORD}
    response = client.post(reverse("account_login"), data)
    assert response.status_code == 302
    return client


def enrol(user: User, embedding: Embedding) -> FaceTemplate:
    """Give consent where it is missing and enrol this face."""
    if services.consent_of(user) is None:
        services.give_consent(user=user)
    attempt = passed_attempt(purpose="enrol", user=user, embedding=embedding)
    return services.enrol(user=user, attempt_id=attempt.pk, session_key=SESSION)


def look_into_camera(
    client: Client, page: Any, embedding: Embedding = ALICE, looks: Any = None
) -> Attempt:
    """What the capture page's socket does: redeem the ticket, look, close the attempt."""
    attempt = liveness.start_attempt(
        ticket=page.context["ticket"], session_key=client.session.session_key or ""
    )
    engine = FakeEngine(looks or live(), [embedding])
    decision, capture = run_capture(engine, attempt.purpose)
    return liveness.close_attempt(attempt=attempt, decision=decision, capture=capture)


def capture_page(client: Client, name: str, target: str = "") -> Any:
    """Type a name on the face sign-in page and arrive at the camera."""
    data = {"username": name, "next": target}
    return client.post(reverse("accounts:signin_face"), data, follow=True)


def finish(client: Client, attempt: UUID | str) -> Any:
    """Post the capture page's form."""
    return client.post(reverse("accounts:signin_finish"), {"attempt": str(attempt)})


def sign_in(client: Client, name: str, embedding: Embedding = ALICE, target: str = "") -> Any:
    """The whole way: name, camera, form."""
    page = capture_page(client, name, target)
    assert page.status_code == 200
    return finish(client, look_into_camera(client, page, embedding).pk)


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session
