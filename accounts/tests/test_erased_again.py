"""After a restore, tombstones erase again what is older than they are, and leave what is newer."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings

from accounts import erased, ledger, services, tombstones
from accounts.consent import Purpose
from accounts.models import Consent, FaceTemplate, User
from accounts.tests import flows
from accounts.tombstones import ACCOUNT, CONSENT, FACE, TRAINING, Tombstone
from liveness.tests.fakes import ALICE
from trail import chain

pytestmark = pytest.mark.django_db


def _stone(user: User, event: str, minutes: int) -> Tombstone:
    """Something was erased so many minutes from now."""
    moment = timezone.now() + timedelta(minutes=minutes)
    return Tombstone(moment.isoformat(), event, chain.pseudonym(user.pk))


def test_an_account_that_was_deleted_after_the_backup_is_deleted_again(
    alice_with_face: User,
) -> None:
    assert erased.erase_again([_stone(alice_with_face, ACCOUNT, 1)]) == 1
    assert not User.objects.exists()
    assert not FaceTemplate.objects.exists()


def test_a_face_that_was_deleted_after_the_backup_is_deleted_again(alice_with_face: User) -> None:
    assert erased.erase_again([_stone(alice_with_face, FACE, 1)]) == 1
    assert not FaceTemplate.objects.exists()
    assert User.objects.count() == 1


def test_a_consent_that_was_withdrawn_after_the_backup_is_withdrawn_again(
    alice_with_face: User,
) -> None:
    assert erased.erase_again([_stone(alice_with_face, CONSENT, 1)]) == 1
    assert services.consent_of(alice_with_face) is None
    assert not FaceTemplate.objects.exists()


def test_a_permission_to_train_that_was_ended_after_the_backup_is_ended_again(alice: User) -> None:
    services.give_consent(user=alice, training=True)
    assert erased.erase_again([_stone(alice, TRAINING, 1)]) == 1
    assert not services.may_train(alice)
    assert services.consent_of(alice) is not None


@pytest.mark.parametrize("purpose", Purpose)
def test_one_purpose_that_was_ended_after_the_backup_is_ended_again_alone(
    alice_with_face: User, purpose: Purpose
) -> None:
    services.give_consent(user=alice_with_face, training=True)
    assert erased.erase_again([_stone(alice_with_face, f"{CONSENT}:{purpose.value}", 1)]) == 1
    assert set(ledger.in_force(alice_with_face)) == set(Purpose) - {purpose}
    assert alice_with_face.has_face == (purpose != Purpose.SIGNIN)


@pytest.mark.parametrize("event", [ACCOUNT, FACE, CONSENT, f"{CONSENT}:signin", TRAINING])
def test_what_was_set_up_again_after_an_erasure_stays(alice_with_face: User, event: str) -> None:
    """The account is older only where it is the face, or the consent, that was erased."""
    if event != ACCOUNT:
        User.objects.update(date_joined=timezone.now() - timedelta(hours=1))
    assert erased.erase_again([_stone(alice_with_face, event, -5)]) == 0
    assert FaceTemplate.objects.count() == User.objects.count() == 1
    assert Consent.objects.filter(withdrawn=None).count() == 2


def test_a_tombstone_of_somebody_else_erases_nobody(alice_with_face: User) -> None:
    other = Tombstone(timezone.now().isoformat(), ACCOUNT, chain.pseudonym(4711))
    assert erased.erase_again([other]) == 0
    assert User.objects.count() == 1


def test_an_erasure_is_kept_outside_the_database_under_a_pseudonym(
    alice_with_face: User,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.VAR = tmp_path
    number = alice_with_face.pk
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_face(user=alice_with_face)
        services.take_back(user=alice_with_face, purpose=Purpose.EVIDENCE)
        services.withdraw_consent(user=alice_with_face)
        services.delete_account(user=alice_with_face)
    text = (tmp_path / tombstones.FILE).read_text()
    kept = tombstones.read([tmp_path / tombstones.FILE])
    assert [stone.event for stone in kept] == [FACE, f"{CONSENT}:evidence", CONSENT, ACCOUNT]
    assert {stone.subject for stone in kept} == {chain.pseudonym(number)}
    assert "alice" not in text
    in_the_trail = [(stone.event, stone.subject) for stone in tombstones.of_the_trail()]
    assert in_the_trail[-4:] == [(stone.event, stone.subject) for stone in kept]


def test_other_events_leave_no_tombstone(
    alice: User,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.VAR = tmp_path
    with django_capture_on_commit_callbacks(execute=True):
        services.give_consent(user=alice, training=True)
        flows.enrol(alice, ALICE)
    assert not (tmp_path / tombstones.FILE).exists()


def test_a_line_that_is_no_tombstone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text('{"at": "yesterday", "event": "x", "subject": "y"}\n')
    with pytest.raises(ValueError, match="no line of a list of erasures"):
        tombstones.read([tmp_path / "list"])
