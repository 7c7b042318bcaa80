"""Who may make a model the champion, and what is left behind when it fails."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from pytest_django import Settings

from liveness import registry
from liveness.models import ModelVersion
from liveness.registry import ApprovalError, ApprovalNeeded, GateError
from liveness.tests.bundles import make_bundle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def champion(tmp_path: Path, settings: Settings) -> ModelVersion:
    make_bundle(tmp_path / "default", 0.9)
    settings.LIVENESS_BUNDLE = str(tmp_path / "default")
    settings.VAR = tmp_path / "var"
    return registry.ensure_bundled_model()


@pytest.fixture
def candidate(tmp_path: Path) -> ModelVersion:
    return _registered(tmp_path, 0.95)


@pytest.fixture
def proven(candidate: ModelVersion, champion: ModelVersion) -> ModelVersion:
    return _passed(candidate, champion)


@pytest.fixture
def two_people(settings: Settings) -> tuple[Any, Any]:
    settings.LIVEGATE_SECOND_PERSON = True
    users = get_user_model().objects
    return users.create_user("ada"), users.create_user("bob")


def _registered(tmp_path: Path, p_live: float) -> ModelVersion:
    make_bundle(tmp_path / f"made-{p_live}", p_live)
    return registry.register_model(folder=tmp_path / f"made-{p_live}")


def _passed(model: ModelVersion, champion: ModelVersion) -> ModelVersion:
    return registry.record_gate(model=model, champion=champion, passed=True, report={"reasons": []})


def _active() -> ModelVersion:
    return ModelVersion.objects.get(state="active")


def test_a_candidate_that_was_never_judged_is_refused(
    candidate: ModelVersion, champion: ModelVersion
) -> None:
    with pytest.raises(GateError, match="has not been through the gate"):
        registry.promote_model(model=candidate)
    assert _active() == champion


def test_a_candidate_that_failed_is_refused_with_the_gates_words(
    candidate: ModelVersion, champion: ModelVersion
) -> None:
    report = {"reasons": ["print: APCER rises from 2.1 % to 9.4 %"]}
    registry.record_gate(model=candidate, champion=champion, passed=False, report=report)
    with pytest.raises(GateError, match="APCER rises from"):
        registry.promote_model(model=candidate)
    assert _active() == champion


def test_a_candidate_that_passed_becomes_the_champion(
    proven: ModelVersion, champion: ModelVersion, reviewer: Any
) -> None:
    assert registry.promote_model(model=proven, by=reviewer).state == "active"
    champion.refresh_from_db()
    assert (champion.state, champion.retired is not None) == ("retired", True)
    event = proven.events.first()
    assert event is not None
    assert (event.text, event.by) == ("promoted", reviewer)


def test_a_pass_against_an_earlier_champion_does_not_count(
    tmp_path: Path, proven: ModelVersion, champion: ModelVersion
) -> None:
    other = _passed(_registered(tmp_path, 0.96), champion)
    registry.promote_model(model=other)
    with pytest.raises(GateError, match="run the gate again"):
        registry.promote_model(model=proven)
    assert _active() == other


def test_without_the_setting_no_gate_is_asked_for(
    candidate: ModelVersion, settings: Settings
) -> None:
    settings.LIVEGATE_GATE_REQUIRED = False
    assert registry.promote_model(model=candidate).state == "active"


def test_promoting_the_champion_changes_nothing(champion: ModelVersion) -> None:
    before = champion.promoted
    assert registry.promote_model(model=champion).promoted == before


def test_two_roll_backs_go_back_two_steps(
    tmp_path: Path, proven: ModelVersion, champion: ModelVersion
) -> None:
    second = registry.promote_model(model=proven)
    third = registry.promote_model(model=_passed(_registered(tmp_path, 0.96), second))
    assert registry.roll_back_model() == second
    assert registry.roll_back_model() == champion
    with pytest.raises(LookupError):
        registry.roll_back_model()
    assert registry.promote_model(model=third).state == "active"


def test_a_promotion_with_a_second_person_waits(
    proven: ModelVersion, champion: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    ada, _ = two_people
    with pytest.raises(ApprovalNeeded):
        registry.promote_model(model=proven, by=ada)
    assert _active() == champion
    proven.refresh_from_db()
    assert proven.asked_by == ada


def test_whoever_asked_cannot_approve(
    proven: ModelVersion, champion: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    ada, _ = two_people
    with pytest.raises(ApprovalNeeded):
        registry.promote_model(model=proven, by=ada)
    with pytest.raises(ApprovalError, match="another person"):
        registry.approve_model(model=proven, by=ada)
    assert _active() == champion


def test_another_person_approves_and_the_model_is_promoted(
    proven: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    ada, bob = two_people
    with pytest.raises(ApprovalNeeded):
        registry.promote_model(model=proven, by=ada)
    with pytest.raises(ApprovalNeeded):
        registry.promote_model(model=proven, by=bob)
    promoted = registry.approve_model(model=proven, by=bob)
    assert (promoted.state, promoted.asked_by, promoted.approved_by) == ("active", ada, bob)


def test_nobody_approves_what_nobody_asked_for(
    proven: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    with pytest.raises(ApprovalError, match="Nobody has asked"):
        registry.approve_model(model=proven, by=two_people[1])


def test_an_approval_does_not_open_the_gate(
    candidate: ModelVersion, champion: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    ada, bob = two_people
    with pytest.raises(GateError, match="through the gate"):
        registry.promote_model(model=candidate, by=ada)
    ModelVersion.objects.filter(pk=candidate.pk).update(asked_by=ada)
    with pytest.raises(GateError, match="through the gate"):
        registry.approve_model(model=candidate, by=bob)
    assert _active() == champion


def test_a_new_verdict_of_the_gate_needs_a_new_request(
    proven: ModelVersion, champion: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    with pytest.raises(ApprovalNeeded):
        registry.promote_model(model=proven, by=two_people[0])
    assert _passed(proven, champion).asked_by is None


def test_one_person_is_enough_to_roll_back(
    proven: ModelVersion, champion: ModelVersion, two_people: tuple[Any, Any]
) -> None:
    ada, bob = two_people
    with pytest.raises(ApprovalNeeded):
        registry.promote_model(model=proven, by=ada)
    registry.approve_model(model=proven, by=bob)
    assert registry.roll_back_model(by=ada) == champion


def test_a_trouble_half_way_leaves_the_old_champion(
    proven: ModelVersion, champion: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise OSError("the power is gone")

    monkeypatch.setattr(registry, "_activate", broken)
    with pytest.raises(OSError, match="power"):
        registry.promote_model(model=proven)
    assert _active() == champion
