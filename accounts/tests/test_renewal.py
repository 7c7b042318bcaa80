import hashlib
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts import matching, renewal
from accounts.models import FaceTemplate, User
from accounts.tests import flows
from liveness import embedder
from liveness.engine.faces import Embedding, similarity
from liveness.services import ClaimError, claim_attempt
from liveness.tests.fakes import ALICE, MALLORY, SESSION, passed_attempt


def towards(one: Embedding, other: Embedding, cosine: float) -> Embedding:
    """A unit vector whose cosine with ``one`` is this, on the way to ``other``."""
    rest = other - similarity(other, one) * one
    mixed = cosine * one + np.sqrt(1 - cosine**2) * rest / np.linalg.norm(rest)
    return np.asarray(mixed, dtype=np.float32)


OLDER = towards(ALICE, MALLORY, 0.5)
"""Alice some years on: still above the threshold, but not by much."""

BEYOND = towards(ALICE, MALLORY, 0.40)
"""Below the threshold against the template of the day she enrolled."""


def factor(kind: str = "totp", ago: float = 0) -> list[dict[str, Any]]:
    return [{"method": "mfa", "type": kind, "at": time.time() - ago}]


@pytest.fixture
def updating(settings: Settings) -> None:
    settings.LIVEGATE_TEMPLATE_UPDATE = 0.2


@pytest.fixture
def other_embedder(settings: Settings, tmp_path: Path) -> str:
    """The path of other weights, in force from then on."""
    path = tmp_path / "arcface.onnx"
    path.write_bytes(b"other weights")
    settings.LIVENESS_EMBEDDER_PATH = str(path)
    return str(path)


def test_a_template_names_the_embedder_that_measured_it(alice_with_face: User) -> None:
    face = FaceTemplate.objects.get()
    assert (face.model_name, face.model_sha256) == ("sface", embedder.present().sha256)
    assert not face.outdated


def test_weights_of_ones_own_are_known_by_their_digest(other_embedder: str) -> None:
    expected = hashlib.sha256(b"other weights").hexdigest()
    assert embedder.present() == embedder.Embedder("arcface", expected)


def test_a_face_of_another_embedder_matches_nobody_and_is_asked_for_again(
    alice_with_face: User, other_embedder: str
) -> None:
    assert not matching.match(alice_with_face, ALICE)
    page = flows.signed_in(alice_with_face).get(reverse("accounts:overview"))
    assert b'data-test="face-outdated"' in page.content


def test_setting_the_face_up_again_brings_it_to_the_embedder_of_today(
    alice_with_face: User, other_embedder: str
) -> None:
    flows.enrol(alice_with_face, ALICE)
    assert matching.match(alice_with_face, ALICE)
    page = flows.signed_in(alice_with_face).get(reverse("accounts:overview"))
    assert b'data-test="face-outdated"' not in page.content


@pytest.mark.django_db
def test_an_embedding_is_not_claimed_where_another_embedder_serves(
    settings: Settings, tmp_path: Path
) -> None:
    attempt = passed_attempt()
    (tmp_path / "other.onnx").write_bytes(b"other weights")
    settings.LIVENESS_EMBEDDER_PATH = str(tmp_path / "other.onnx")
    with pytest.raises(ClaimError, match="unreadable"):
        claim_attempt(attempt_id=attempt.pk, session_key=SESSION, purpose="signin")


def test_a_match_alone_moves_no_template(alice_with_face: User, updating: None) -> None:
    before = bytes(FaceTemplate.objects.get().sealed)
    flows.sign_in(Client(), "alice", OLDER)
    face = FaceTemplate.objects.get()
    assert bytes(face.sealed) == before
    assert OLDER.tobytes() not in bytes(face.pending or b"")
    assert face.pending is not None


@pytest.mark.parametrize("kind", ["totp", "webauthn"])
def test_a_strong_factor_moves_the_template_towards_the_face_of_today(
    alice_with_face: User, updating: None, kind: str
) -> None:
    assert not matching.match(alice_with_face, BEYOND)
    flows.sign_in(Client(), "alice", OLDER)
    assert renewal.confirm(alice_with_face, factor(kind))
    assert matching.match(alice_with_face, BEYOND)
    assert matching.match(alice_with_face, ALICE)
    assert FaceTemplate.objects.get().pending is None


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"method": "password", "at": time.time()}],
        factor("recovery_codes"),
        factor(ago=renewal.PATIENCE.total_seconds() + 1),
        [{"method": "mfa", "type": "totp"}],
    ],
    ids=["none", "password", "recovery code", "long ago", "no time"],
)
def test_no_weaker_factor_moves_it(
    alice_with_face: User, updating: None, records: list[dict[str, Any]]
) -> None:
    flows.sign_in(Client(), "alice", OLDER)
    assert not renewal.confirm(alice_with_face, records)
    assert not matching.match(alice_with_face, BEYOND)


def test_what_is_not_confirmed_in_time_is_erased(alice_with_face: User, updating: None) -> None:
    flows.sign_in(Client(), "alice", OLDER)
    FaceTemplate.objects.update(pending_since=timezone.now() - renewal.PATIENCE)
    assert not renewal.confirm(alice_with_face, factor())
    assert FaceTemplate.objects.get().pending is None


def test_the_timer_erases_it_too(alice_with_face: User, updating: None) -> None:
    flows.sign_in(Client(), "alice", OLDER)
    assert renewal.forget_unconfirmed() == 0
    assert renewal.forget_unconfirmed(timezone.now() + timedelta(hours=1)) == 1


def test_a_template_is_confirmed_once(alice_with_face: User, updating: None) -> None:
    flows.sign_in(Client(), "alice", OLDER)
    assert renewal.confirm(alice_with_face, factor())
    assert not renewal.confirm(alice_with_face, factor())


def test_by_default_nothing_is_kept_for_later(alice_with_face: User) -> None:
    flows.sign_in(Client(), "alice", OLDER)
    assert FaceTemplate.objects.get().pending is None


def test_a_refused_face_is_never_kept_for_later(alice_with_face: User, updating: None) -> None:
    flows.sign_in(Client(), "alice", MALLORY)
    assert FaceTemplate.objects.get().pending is None


def test_enrolling_again_forgets_what_waited(alice_with_face: User, updating: None) -> None:
    flows.sign_in(Client(), "alice", OLDER)
    flows.enrol(alice_with_face, ALICE)
    assert not renewal.confirm(alice_with_face, factor())


def test_the_pending_face_of_another_account_moves_nothing(
    alice_with_face: User, updating: None
) -> None:
    berta = User.objects.create_user("berta")
    flows.enrol(berta, MALLORY)
    flows.sign_in(Client(), "berta", MALLORY)
    stolen = FaceTemplate.objects.get(user=berta).pending
    now = timezone.now()
    FaceTemplate.objects.filter(user=alice_with_face).update(pending=stolen, pending_since=now)
    assert not renewal.confirm(alice_with_face, factor())
    assert not matching.match(alice_with_face, MALLORY)
