from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from accounts import matching
from accounts.models import FaceTemplate, User
from accounts.tests import flows
from liveness.crypto import SealError, unseal
from liveness.engine.faces import similarity
from liveness.tests.fakes import ALICE, MALLORY, person

FROZEN = [-0.0896215161561793, -0.08268895268606244, 0.16648631960908394]


def test_a_rotation_keeps_every_cosine() -> None:
    seed = matching.new_seed()
    for other in (ALICE, MALLORY, person(7)):
        rotated = similarity(matching.protect(ALICE, seed), matching.protect(other, seed))
        assert rotated == pytest.approx(similarity(ALICE, other), abs=1e-5)


def test_a_rotation_costs_no_accuracy() -> None:
    """A thousand pairs, from the same face to strangers: every cosine stays within 1e-6, so every decision stays."""
    seed, worst = matching.new_seed(), 0.0
    matrix = matching.rotation(seed)
    for number in range(1000):
        one, noise = (person(2 * number + k).astype(np.float64) for k in range(2))
        other = one + number / 250 * noise
        pair = np.stack([one, other / np.linalg.norm(other)]).astype(np.float32)
        turned = (pair.astype(np.float64) @ matrix.T).astype(np.float32)
        worst = max(worst, abs(similarity(*turned) - similarity(*pair)))
    assert worst < 1e-6
    assert np.array_equal(turned[0], matching.protect(pair[0], seed))


def test_templates_of_two_sites_cannot_be_linked() -> None:
    """Whoever steals both tables has to tell the same face from another by two templates: no better than a coin."""
    faces = [person(number) for number in range(100)]
    here, there = (
        [matching.protect(face, f"{site} {n}".encode()) for n, face in enumerate(faces)]
        for site in ("here", "there")
    )
    same = np.array([similarity(a, b) for a, b in zip(here, there, strict=True)])
    others = np.array([similarity(a, b) for a, b in zip(here, there[1:], strict=False)])
    auc = np.mean(same[:, None] > others[None, :])
    assert abs(auc - 0.5) < 0.12
    assert np.abs(same).max() < 0.43


def test_a_rotation_is_orthonormal() -> None:
    matrix = matching.rotation(b"any seed")
    assert np.allclose(matrix @ matrix.T, np.eye(matching.DIMENSIONS), atol=1e-12)


def test_a_seed_gives_the_same_rotation_for_ever() -> None:
    """Stored templates depend on these numbers: no release of any library may change them."""
    corner = matching.rotation(bytes(32))[0, :3]
    assert corner == pytest.approx(FROZEN, abs=1e-9)


def test_a_new_seed_breaks_the_link_to_the_old_template() -> None:
    old, new = (matching.protect(ALICE, matching.new_seed()) for _ in range(2))
    assert abs(similarity(old, new)) < 0.45
    assert abs(similarity(old, ALICE)) < 0.45


def test_the_stored_template_is_not_readable(alice: User) -> None:
    row = flows.enrol(alice, ALICE)
    for stored in (bytes(row.sealed), bytes(row.sealed_seed)):
        assert ALICE.tobytes() not in stored
        with pytest.raises(SealError):
            unseal(stored, "face-template:0")


def test_a_template_opens_for_its_owner_alone(alice: User) -> None:
    berta = User.objects.create_user("berta")
    flows.enrol(alice, ALICE)
    flows.enrol(berta, MALLORY)
    mine, theirs = FaceTemplate.objects.order_by("user_id")
    mine.sealed, theirs.sealed = theirs.sealed, mine.sealed
    mine.sealed_seed, theirs.sealed_seed = theirs.sealed_seed, mine.sealed_seed
    mine.save()
    theirs.save()
    with pytest.raises(SealError):
        matching.match(alice, MALLORY)


def test_the_face_matches_its_owner_and_nobody_else(alice_with_face: User) -> None:
    assert matching.match(alice_with_face, ALICE)
    assert not matching.match(alice_with_face, MALLORY)


def test_nobody_matches_nobody(alice: User) -> None:
    assert not matching.match(None, ALICE)
    assert not matching.match(alice, ALICE)


def test_the_threshold_is_the_one_in_the_settings(
    alice_with_face: User, settings: Settings
) -> None:
    near = 0.5 * ALICE + np.sqrt(0.75) * _orthogonal_to(ALICE)
    assert matching.match(alice_with_face, near.astype(np.float32))
    settings.FACE_MATCH_THRESHOLD = 0.51
    assert not matching.match(alice_with_face, near.astype(np.float32))


def _orthogonal_to(embedding: np.ndarray) -> np.ndarray:
    rest = MALLORY - similarity(MALLORY, embedding) * embedding
    return np.asarray(rest / np.linalg.norm(rest))


@pytest.mark.django_db
def test_nobody_costs_the_same_work_as_a_person_with_another_face(
    alice_with_face: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of an answer tells nothing: as much is opened, rotated and compared for a name of nobody."""
    matching.match(None, MALLORY)
    costs = []
    for user in (alice_with_face, None):
        work: list[str] = []
        with monkeypatch.context() as watched:
            for name in ("unseal", "protect", "similarity"):
                watched.setattr(matching, name, _counted(getattr(matching, name), name, work))
            assert not matching.match(user, MALLORY)
        costs.append(sorted(work))
    assert costs[0] == costs[1] == ["protect", "similarity", "unseal", "unseal"]


def _counted(function: Callable[..., Any], name: str, work: list[str]) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        work.append(name)
        return function(*given)

    return call
