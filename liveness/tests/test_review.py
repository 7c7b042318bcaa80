import io
import logging
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from PIL import Image

from liveness import reviewing, services
from liveness.engine.quality import Quality
from liveness.models import Attempt, ModelVersion, Review
from liveness.tests.fakes import FakeEngine, ended_attempt, live, serving, spoof, unclear

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, reviewer: Any) -> Client:
    client.force_login(reviewer)
    return client


@pytest.fixture
def refused() -> Attempt:
    """A refused attempt with two kept frames, judged by a model on record."""
    preprocessing = {"scales": [1.5, 2.7], "size": 32, "padding": "reflect"}
    preprocessing |= {"channels": "BGR", "mean": 0.0, "std": 255.0}
    ModelVersion.objects.create(
        name="fake", sha256="f" * 64, manifest={"preprocessing": preprocessing}
    )
    return ended_attempt(FakeEngine([spoof(0.3), spoof(0.1)]), claimed="ada")


def _addresses(attempt: Attempt) -> list[str]:
    names = ("", "worst.jpg", "crop-1.5.png", "spectrum.png")
    return ["/review/", *(f"/review/{attempt.pk}/{name}" for name in names)]


def _order(page: Client, query: str = "") -> list[Attempt]:
    return [row["attempt"] for row in page.get(f"/review/{query}").context["rows"]]


def test_a_stranger_is_sent_to_sign_in(client: Client, refused: Attempt) -> None:
    for address in _addresses(refused):
        response = client.get(address)
        assert response.status_code == 302
        assert "/auth/login/" in response["Location"]


def test_neither_staff_nor_permission_alone_may_review(client: Client, refused: Attempt) -> None:
    users = get_user_model().objects
    staff = users.create_user("sam", is_staff=True)
    permitted = users.create_user("pat")
    permitted.user_permissions.add(Permission.objects.get(codename="review_attempt"))
    for user in (staff, permitted):
        client.force_login(user)
        for address in _addresses(refused):
            assert client.get(address).status_code == 403
        assert client.post(f"/review/{refused.pk}/label/", {"label": "live"}).status_code == 403
    assert not Review.objects.exists()


def test_the_queue_shows_what_is_nearest_the_threshold_first(page: Client) -> None:
    far = ended_attempt(FakeEngine(spoof(0.01)))
    unjudged = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)))
    near = ended_attempt(FakeEngine(spoof(0.68)))
    middle = ended_attempt(FakeEngine(spoof(0.3)))
    assert _order(page) == [near, middle, far, unjudged]


def test_the_queue_shows_refused_unlabelled_attempts_by_default(
    page: Client, refused: Attempt
) -> None:
    ended_attempt(FakeEngine(live()))
    labelled = ended_attempt(FakeEngine(spoof()))
    reviewing.review_attempt(attempt=labelled, reviewer=None, label="screen")
    assert _order(page) == [refused]
    assert _order(page, "?label=screen") == [labelled]
    assert len(_order(page, "?state=any&label=any")) == 3


def test_the_queue_is_filtered_by_purpose_and_reason(page: Client, refused: Attempt) -> None:
    dark = ended_attempt(FakeEngine(unclear(Quality.TOO_DARK)), purpose="enrol")
    assert _order(page, "?purpose=enrol") == [dark]
    assert _order(page, "?reason=spoof") == [refused]
    assert _order(page, "?state=abstained") == [dark]


def test_a_filter_that_makes_no_sense_is_ignored(page: Client, refused: Attempt) -> None:
    assert _order(page, "?state=bogus&page=99&label=") == [refused]


def test_an_empty_queue_says_so(page: Client) -> None:
    assert "Nothing is waiting for review" in page.get("/review/").content.decode()
    assert "No attempt fits" in page.get("/review/?purpose=enrol").content.decode()


def test_the_queue_has_pages(page: Client, settings: Any) -> None:
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 100
    for _ in range(25):
        ended_attempt(FakeEngine(unclear()))
    assert len(_order(page)) == 24
    assert len(_order(page, "?page=2")) == 1


def test_the_queue_needs_few_queries(
    page: Client, refused: Attempt, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        ended_attempt(FakeEngine(spoof()))
    page.get("/review/")  # Notes once a minute that the session is used.
    with django_assert_max_num_queries(18):
        page.get("/review/")


def test_the_attempt_page_shows_everything(page: Client, refused: Attempt) -> None:
    text = page.get(f"/review/{refused.pk}/").content.decode()
    for word in ("Did not look like a living face", "living face, frame by frame", "ada", "fake"):
        assert word in text
    assert "We could not confirm that you are here in person." in text
    for name in ("worst.jpg", "best.jpg", "crop-1.5.png", "crop-2.7.png", "spectrum.png"):
        assert f"/review/{refused.pk}/{name}" in text
    for label in ("live", "print", "screen", "mask", "unusable"):
        assert f'data-test="review-label-{label}"' in text
    assert "Nobody has labelled this attempt yet." in text


def test_an_attempt_without_frames_is_shown_too(page: Client) -> None:
    attempt, _ = services.open_attempt(purpose="signin", session_key="a" * 32)
    text = page.get(f"/review/{attempt.pk}/").content.decode()
    assert "No frame of this attempt is kept" in text
    assert 'data-test="review-label-' not in text


def test_a_name_cannot_bring_markup_into_the_page(page: Client) -> None:
    attempt = ended_attempt(FakeEngine(spoof()), claimed="<script>alert(1)</script>")
    for address in ("/review/", f"/review/{attempt.pk}/"):
        assert "<script>alert" not in page.get(address).content.decode()


@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [
        ("worst.jpg", (320, 240), "RGB"),
        ("best.jpg", (320, 240), "RGB"),
        ("crop-1.5.png", (32, 32), "RGB"),
        ("crop-2.7.png?of=best", (32, 32), "RGB"),
        ("spectrum.png", (256, 256), "L"),
    ],
)
def test_pictures_are_shown_and_never_stored(
    page: Client, refused: Attempt, name: str, size: tuple[int, int], mode: str
) -> None:
    response = page.get(f"/review/{refused.pk}/{name}")
    picture = Image.open(io.BytesIO(response.content))
    assert (picture.size, picture.mode) == (size, mode)
    assert "no-store" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_pages_with_evidence_are_never_stored(page: Client, refused: Attempt) -> None:
    for address in _addresses(refused):
        assert "no-store" in page.get(address)["Cache-Control"]


@pytest.mark.parametrize("name", ["other.jpg", "crop-9.png", "crop-1.4.png", "spectrum.png?of=x"])
def test_a_picture_that_is_not_there_is_not_found(
    page: Client, refused: Attempt, name: str
) -> None:
    assert page.get(f"/review/{refused.pk}/{name}").status_code == 404


def test_an_attempt_that_is_not_there_is_not_found(page: Client) -> None:
    assert page.get(f"/review/{uuid4()}/").status_code == 404
    assert page.post(f"/review/{uuid4()}/label/", {"label": "live"}).status_code == 404


def test_a_frame_without_a_face_has_no_crop(page: Client) -> None:
    attempt = ended_attempt(FakeEngine(unclear(Quality.NO_FACE)))
    with serving(FakeEngine()):
        assert page.get(f"/review/{attempt.pk}/crop-1.5.png").status_code == 404
        assert page.get(f"/review/{attempt.pk}/worst.jpg").status_code == 200


def test_a_frame_that_was_tampered_with_is_not_shown(page: Client, refused: Attempt) -> None:
    item = refused.evidence.get(kind="worst")
    sealed = bytes(item.jpeg)
    refused.evidence.filter(kind="worst").update(jpeg=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert page.get(f"/review/{refused.pk}/worst.jpg").status_code == 404


def test_a_label_is_written_with_who_when_and_what(
    page: Client, refused: Attempt, reviewer: Any
) -> None:
    page.post(f"/review/{refused.pk}/label/", {"label": "screen"})
    page.post(f"/review/{refused.pk}/label/", {"label": "print"})
    refused.refresh_from_db()
    trail = [(r.reviewer, r.previous, r.label) for r in refused.reviews.order_by("pk")]
    assert refused.label == "print"
    assert trail == [(reviewer, "", "screen"), (reviewer, "screen", "print")]
    text = page.get(f"/review/{refused.pk}/").content.decode()
    assert "labelled it print, before that it was screen" in text


def test_labelling_goes_on_to_the_next_in_the_filtered_queue(page: Client) -> None:
    first, second = (ended_attempt(FakeEngine(spoof(p))) for p in (0.6, 0.5))
    response = page.post(f"/review/{first.pk}/label/?purpose=signin", {"label": "live"})
    assert response["Location"] == f"/review/{second.pk}/?purpose=signin"
    response = page.post(f"/review/{second.pk}/label/", {"label": "live"})
    assert response["Location"] == "/review/"


def test_previous_and_next_follow_the_queue(page: Client) -> None:
    first, second, third = (ended_attempt(FakeEngine(spoof(p))) for p in (0.6, 0.5, 0.4))
    context = page.get(f"/review/{second.pk}/").context
    assert context["neighbours"].previous == first.pk
    assert context["neighbours"].next == third.pk


@pytest.mark.parametrize("label", ["", "alien", "LIVE"])
def test_an_unknown_label_changes_nothing(page: Client, refused: Attempt, label: str) -> None:
    assert page.post(f"/review/{refused.pk}/label/", {"label": label}).status_code == 400
    assert not Review.objects.exists()


def test_an_attempt_that_has_not_ended_cannot_be_labelled(page: Client) -> None:
    attempt, _ = services.open_attempt(purpose="signin", session_key="a" * 32)
    assert page.post(f"/review/{attempt.pk}/label/", {"label": "live"}).status_code == 400


def test_a_label_needs_a_post_with_a_csrf_token(refused: Attempt, reviewer: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reviewer)
    address = f"/review/{refused.pk}/label/"
    assert strict.post(address, {"label": "live"}).status_code == 403
    assert strict.get(address).status_code == 405
    assert not Review.objects.exists()


def test_no_picture_reaches_the_log(
    page: Client, refused: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="liveness")
    page.get(f"/review/{refused.pk}/worst.jpg")
    ended_attempt(FakeEngine(spoof()), claimed="grace")
    assert "JFIF" not in caplog.text
    assert "grace" not in caplog.text


def test_the_queue_is_filtered_by_camera_model_and_person(page: Client, refused: Attempt) -> None:
    other = ended_attempt(FakeEngine(spoof(0.2)), claimed="grace")
    Attempt.objects.filter(pk=other.pk).update(camera="Webcam 640x480", model_sha256="a" * 64)
    assert _order(page, "?camera=Webcam+640x480") == [other]
    assert _order(page, "?model=" + "a" * 64) == [other]
    assert _order(page, "?who=GRA") == [other]
    assert _order(page, "?who=ada") == [refused]


def test_the_queue_is_filtered_by_day_and_ordered_by_time(page: Client) -> None:
    days = {}
    for day, p in ((1, 0.6), (2, 0.1), (3, 0.3)):
        days[day] = ended_attempt(FakeEngine(spoof(p)))
        Attempt.objects.filter(pk=days[day].pk).update(created=f"2026-03-0{day}T12:00Z")
    assert _order(page, "?order=newest") == [days[3], days[2], days[1]]
    assert _order(page, "?since=2026-03-02") == [days[3], days[2]]
    assert _order(page, "?since=2026-03-01&until=2026-03-01") == [days[1]]
    assert len(_order(page, "?since=yesterday")) == 3


def test_the_filters_survive_the_way_through_the_queue(page: Client) -> None:
    first, second = (ended_attempt(FakeEngine(spoof(p)), claimed="ada") for p in (0.6, 0.5))
    query = "?order=newest&who=ada&since=2020-01-01"
    response = page.post(f"/review/{second.pk}/label/{query}", {"label": "live"})
    assert response["Location"] == f"/review/{first.pk}/{query}"


def test_progress_counts_what_the_filters_show(page: Client, refused: Attempt) -> None:
    ended_attempt(FakeEngine(spoof()), purpose="enrol")
    done = ended_attempt(FakeEngine(spoof()))
    reviewing.review_attempt(attempt=done, reviewer=None, label="screen")
    assert "1 of 3 reviewed" in page.get("/review/").content.decode()
    assert "1 of 2 reviewed" in page.get(f"/review/{refused.pk}/?purpose=signin").content.decode()


def test_a_long_queue_has_pages_that_say_how_many(page: Client, settings: Any) -> None:
    settings.LIVENESS_ATTEMPTS_PER_MINUTE = 100
    for _ in range(25):
        ended_attempt(FakeEngine(unclear()))
    assert "25 attempts in this view, page 2 of 2" in page.get("/review/?page=2").content.decode()


def test_the_last_label_is_taken_back_and_its_attempt_opens(page: Client, refused: Attempt) -> None:
    page.post(f"/review/{refused.pk}/label/", {"label": "live"})
    assert "Undo my last label: live" in page.get("/review/").content.decode()
    response = page.post("/review/undo/?purpose=signin")
    assert response["Location"] == f"/review/{refused.pk}/?purpose=signin"
    text = page.get(f"/review/{refused.pk}/").content.decode()
    assert "took back “live”; it is not reviewed again" in text
    assert "review-undo" not in text


def test_without_a_label_to_take_back_the_queue_says_so(page: Client) -> None:
    response = page.post("/review/undo/", follow=True)
    assert response.redirect_chain[-1][0] == "/review/"
    assert "You have no label to take back." in response.content.decode()


def test_strangers_take_nothing_back(client: Client, refused: Attempt) -> None:
    assert client.post("/review/undo/").status_code == 302
    client.force_login(get_user_model().objects.create_user("sam", is_staff=True))
    assert client.post("/review/undo/").status_code == 403
    assert client.get("/review/undo/").status_code == 403


def test_an_undo_needs_a_post_with_a_csrf_token(refused: Attempt, reviewer: Any) -> None:
    reviewing.review_attempt(attempt=refused, reviewer=reviewer, label="live")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reviewer)
    assert strict.post("/review/undo/").status_code == 403
    assert strict.get("/review/undo/").status_code == 405
    assert Attempt.objects.get().label == "live"
