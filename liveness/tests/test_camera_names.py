import json

import pytest
from django.test import Client

from liveness import protocol, services
from liveness.models import Attempt
from liveness.protocol import Close, ProtocolError
from liveness.tests.fakes import SESSION, FakeEngine, serving, spoof
from liveness.tests.sockets import browser, open_ticket, the_attempt


def _named(camera: object) -> str:
    text = json.dumps({"type": "start", "ticket": "abc", "camera": camera})
    message = protocol.parse(text)
    assert isinstance(message, protocol.Start)
    return message.camera


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("Integrated Camera 640x480", "Integrated Camera 640x480"),
        ("  Two\nlines\tand\x00 nothing \u202e ", "Two lines and nothing"),
        ("\ud800 half a character", "half a character"),
        ("Webcam für Grüße 📷", "Webcam für Grüße 📷"),
        ("x" * 1000, "x" * 100),
        ("", ""),
    ],
)
def test_the_name_of_a_camera_is_made_harmless(said: str, stored: str) -> None:
    assert _named(said) == stored


@pytest.mark.parametrize("camera", [1, None, ["a"], {"label": "a"}])
def test_a_camera_that_is_no_text_breaks_the_protocol(camera: object) -> None:
    with pytest.raises(ProtocolError) as refused:
        _named(camera)
    assert refused.value.close == Close.BAD_MESSAGE


@pytest.mark.django_db
def test_the_attempt_remembers_its_camera() -> None:
    _, ticket = services.open_attempt(purpose="signin", session_key=SESSION)
    attempt = services.start_attempt(ticket=ticket, session_key=SESSION, camera="Webcam 640x480")
    assert attempt.camera == "Webcam 640x480"


@pytest.mark.django_db(transaction=True)
async def test_the_camera_comes_over_the_socket() -> None:
    ticket = await open_ticket()
    message = {"type": "start", "ticket": ticket, "camera": "Webcam\n640x480"}
    with serving(FakeEngine(spoof())):
        async with browser() as page:
            await page.send_text(json.dumps(message))
            assert (await page.hear())["type"] == "ready"
    assert (await the_attempt()).camera == "Webcam 640x480"


@pytest.mark.django_db
def test_a_camera_cannot_bring_markup_into_the_page(admin_client: Client) -> None:
    Attempt.objects.create(
        purpose="signin",
        state="failed",
        camera='"><script>alert(1)</script>',
        expires="2100-01-01T00:00Z",
    )
    assert "<script>alert" not in admin_client.get("/review/").content.decode()
