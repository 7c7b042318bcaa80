"""What several reviewers make of one attempt, and how a label is taken back."""

import threading
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from pytest_django import Settings

from liveness import checks, queue, reviewing
from liveness.models import Attempt, Review
from liveness.reviewing import agreement, review_attempt, undo_review
from liveness.tests.fakes import FakeEngine, ended_attempt, spoof

pytestmark = pytest.mark.django_db


def _person(name: str) -> Any:
    user = get_user_model().objects.create_user(name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="review_attempt"))
    return user


@pytest.fixture
def ann(db: None) -> Any:
    return _person("ann")


@pytest.fixture
def bob(db: None) -> Any:
    return _person("bob")


@pytest.fixture
def cleo(db: None) -> Any:
    return _person("cleo")


@pytest.fixture
def two(settings: Settings) -> None:
    settings.LIVEGATE_REVIEWERS_NEEDED = 2


@pytest.fixture
def attempt(db: None) -> Attempt:
    return ended_attempt(FakeEngine([spoof(0.1), spoof(0.3)]))


def _waiting(reviewer: Any) -> list[Attempt]:
    return list(queue.find(queue.Filters(), reviewer))


@pytest.mark.parametrize(
    ("opinions", "needed", "expected"),
    [
        ([], 1, ("", False)),
        ([], 2, ("", False)),
        ([(1, "live"), (2, "print")], 1, ("print", False)),
        ([(1, "live")], 2, ("", False)),
        ([(1, "live"), (2, "live")], 2, ("live", False)),
        ([(1, "live"), (1, "live")], 2, ("", False)),
        ([(1, "live"), (2, "print")], 2, ("", True)),
        ([(1, "live"), (2, "print"), (1, "print")], 2, ("print", False)),
        ([(1, "live"), (2, "print"), (3, "live")], 2, ("live", False)),
        ([(1, "live"), (2, "print"), (3, "mask")], 2, ("", True)),
        ([(1, "live"), (2, "print"), (3, "live"), (4, "print")], 2, ("", True)),
    ],
)
def test_reviewers_agree_or_disagree(
    opinions: list[tuple[int | None, str]], needed: int, expected: tuple[str, bool]
) -> None:
    assert agreement(opinions, needed) == expected


def test_an_undo_restores_the_earlier_label_and_says_so(attempt: Attempt, ann: Any) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="screen")
    review_attempt(attempt=attempt, reviewer=ann, label="print")
    assert undo_review(reviewer=ann).label == "screen"
    assert undo_review(reviewer=ann).label == ""
    trail = [(r.previous, r.label, r.undoes is not None) for r in Review.objects.order_by("pk")]
    assert trail == [
        ("", "screen", False),
        ("screen", "print", False),
        ("print", "screen", True),
        ("screen", "", True),
    ]
    with pytest.raises(reviewing.NothingToUndo):
        undo_review(reviewer=ann)


def test_an_undo_goes_back_over_several_attempts_and_leaves_other_people_alone(
    ann: Any, bob: Any
) -> None:
    first, second = (ended_attempt(FakeEngine(spoof(p))) for p in (0.2, 0.3))
    review_attempt(attempt=first, reviewer=ann, label="live")
    review_attempt(attempt=second, reviewer=ann, label="mask")
    review_attempt(attempt=second, reviewer=bob, label="print")
    assert undo_review(reviewer=ann) == second
    second.refresh_from_db()
    assert second.label == "print"
    assert undo_review(reviewer=ann) == first
    first.refresh_from_db()
    assert first.label == ""


def test_one_label_of_two_counts_for_nothing_yet(two: None, attempt: Attempt, ann: Any) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="screen")
    review_attempt(attempt=attempt, reviewer=ann, label="screen")
    attempt.refresh_from_db()
    assert (attempt.label, attempt.disputed) == ("", False)


def test_two_who_agree_give_the_label(two: None, attempt: Attempt, ann: Any, bob: Any) -> None:
    for reviewer in (ann, bob):
        review_attempt(attempt=attempt, reviewer=reviewer, label="screen")
    attempt.refresh_from_db()
    assert (attempt.label, attempt.disputed) == ("screen", False)


def test_a_dispute_is_settled_by_a_third_reviewer(
    two: None, attempt: Attempt, ann: Any, bob: Any, cleo: Any
) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="screen")
    review_attempt(attempt=attempt, reviewer=bob, label="live")
    assert (attempt.label, attempt.disputed) == ("", True)
    review_attempt(attempt=attempt, reviewer=cleo, label="live")
    assert (attempt.label, attempt.disputed) == ("live", False)


def test_a_dispute_is_settled_by_a_change_of_mind_or_an_undo(
    two: None, attempt: Attempt, ann: Any, bob: Any
) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="screen")
    review_attempt(attempt=attempt, reviewer=bob, label="live")
    assert undo_review(reviewer=bob).disputed is False
    review_attempt(attempt=attempt, reviewer=bob, label="live")
    review_attempt(attempt=attempt, reviewer=ann, label="live")
    assert (attempt.label, attempt.disputed) == ("live", False)


def test_what_waits_for_a_second_reviewer_no_longer_waits_for_the_first(
    two: None, attempt: Attempt, ann: Any, bob: Any
) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="screen")
    assert (_waiting(ann), _waiting(bob)) == ([], [attempt])
    assert queue.progress(queue.Filters(), ann) == queue.Progress(1, 1)
    assert queue.progress(queue.Filters(), bob) == queue.Progress(0, 1)


def test_disputes_come_first_and_wait_for_everybody(
    two: None, ann: Any, bob: Any, cleo: Any
) -> None:
    near, far = (ended_attempt(FakeEngine(spoof(p))) for p in (0.6, 0.01))
    review_attempt(attempt=far, reviewer=ann, label="screen")
    review_attempt(attempt=far, reviewer=bob, label="live")
    for reviewer in (ann, bob, cleo):
        assert _waiting(reviewer) == [far, near]
    disputed = queue.find(queue.Filters(label=queue.DISPUTED), cleo)
    assert list(disputed) == [far]


def test_nobody_sees_the_others_label_before_giving_one(
    two: None, attempt: Attempt, ann: Any, bob: Any, client: Client
) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="mask")
    client.force_login(bob)
    page = client.get(attempt.get_absolute_url()).content.decode()
    assert "ann labelled it" not in page
    assert "Somebody else has labelled it" in page
    assert 'aria-pressed="true"' not in page
    body = client.get(f"/api/v1/attempts/{attempt.pk}/").json()
    assert (body["label"], body["given"]) == ("", "")
    client.post(f"/review/{attempt.pk}/label/", {"label": "live"})
    page = client.get(attempt.get_absolute_url()).content.decode()
    assert "ann labelled it mask" in page
    assert "Reviewers disagree" in page
    assert client.get(f"/api/v1/attempts/{attempt.pk}/").json()["given"] == "live"


def test_with_one_reviewer_everything_is_shown(
    attempt: Attempt, ann: Any, bob: Any, client: Client
) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="mask")
    client.force_login(bob)
    assert "ann labelled it mask" in client.get(attempt.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("LIVEGATE_REVIEWERS_NEEDED", 0, ["liveness.E001"]),
        ("LIVEGATE_REVIEWERS_NEEDED", 2, []),
        ("LIVEGATE_SAMPLE_BONA_FIDE", 2.0, ["liveness.E002"]),
    ],
)
def test_settings_that_make_no_sense_are_errors(
    settings: Settings, name: str, value: float, found: list[str]
) -> None:
    setattr(settings, name, value)
    assert [error.id for error in checks.the_settings_of_review_make_sense(None)] == found


def _at_once(*steps: Any) -> list[Exception]:
    gate, failed = threading.Barrier(len(steps)), list[Exception]()

    def run(step: Any) -> None:
        gate.wait()
        try:
            step()
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[step]) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_cannot_miss_each_other(
    two: None, attempt: Attempt, ann: Any, bob: Any
) -> None:
    def label(reviewer: Any) -> Any:
        mine = Attempt.objects.get(pk=attempt.pk)
        return lambda: review_attempt(attempt=mine, reviewer=reviewer, label="print")

    assert _at_once(label(ann), label(bob)) == []
    attempt.refresh_from_db()
    assert (attempt.label, attempt.disputed) == ("print", False)


@pytest.mark.django_db(transaction=True)
def test_one_label_is_taken_back_once_however_often_it_is_asked(attempt: Attempt, ann: Any) -> None:
    review_attempt(attempt=attempt, reviewer=ann, label="print")
    failed = _at_once(*[lambda: undo_review(reviewer=ann)] * 4)
    assert [type(error) for error in failed] == [reviewing.NothingToUndo] * 3
    assert Review.objects.count() == 2
