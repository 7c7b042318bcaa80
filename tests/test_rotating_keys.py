"""Keys are rotated while the portal serves: half-way everything opens, a killed rotation goes on, a lost key is said."""

import os
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import decrypt
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts import matching
from accounts.models import FaceTemplate, User
from accounts.tests import flows
from liveness import crypto, evidence, keyring
from liveness.models import Evidence
from liveness.tests.fakes import ALICE, MALLORY, FakeEngine, ended_attempt, spoof
from portal.management.commands.rotate_keys import SEALED
from trail.models import AuditEntry

OLD, NEW = os.urandom(32), os.urandom(32)
TOTP_SECRET = "JBSWY3DPEHPK3PXP"

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(settings: Settings) -> list[User]:
    """Three faces and the evidence of a refusal, sealed under the old key; the new one is first from now on."""
    settings.LIVENESS_ENCRYPTION_KEYS = [OLD]
    people = [User.objects.create_user(name) for name in ("a", "b", "c")]
    for user in people:
        flows.enrol(user, ALICE)
    TOTP.activate(people[0], TOTP_SECRET)
    RecoveryCodes.activate(people[0])
    FaceTemplate.objects.filter(user=people[0]).update(
        pending=matching.rotated(people[0].face_template, ALICE)
    )
    ended_attempt(FakeEngine(spoof()), claimed="a", user=people[0])
    settings.LIVENESS_ENCRYPTION_KEYS = [NEW, OLD]
    return people


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def everything_opens(people: list[User]) -> bool:
    pictures = [evidence.open_frame(row) for row in Evidence.objects.all()]
    app = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    codes = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    template = FaceTemplate.objects.get(user=people[0])
    matching.blended(template, bytes(template.pending or b""), 0.5)
    return (
        all(matching.match(user, ALICE) for user in people)
        and all(pictures)
        and decrypt(app.data["secret"]) == TOTP_SECRET
        and bool(RecoveryCodes(codes).get_unused_codes())
    )


def test_after_a_rotation_the_old_key_is_needed_no_more(
    people: list[User], settings: Settings
) -> None:
    said = rotate()
    assert set(keyring.in_use(SEALED)) == {crypto.key_ids()[0]}
    assert crypto.key_ids()[1] not in said
    settings.LIVENESS_ENCRYPTION_KEYS = [NEW]
    assert everything_opens(people)
    assert not matching.match(people[0], MALLORY)
    assert AuditEntry.objects.filter(event="keys_rotated").exists()


def test_killed_half_way_everything_opens_and_the_rest_follows(
    people: list[User], settings: Settings
) -> None:
    next(keyring.rotate(SEALED, batch=1))
    assert len(keyring.in_use(SEALED)) == 2
    assert everything_opens(people)
    rotate()
    assert len(keyring.in_use(SEALED)) == 1
    assert everything_opens(people)


def test_a_second_rotation_changes_nothing(people: list[User]) -> None:
    rotate()
    before = list(FaceTemplate.objects.order_by("pk").values_list("sealed", flat=True))
    assert ": 0 sealed anew" in rotate()
    assert list(FaceTemplate.objects.order_by("pk").values_list("sealed", flat=True)) == before


def test_a_face_that_is_set_up_meanwhile_is_not_overwritten(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = crypto.seal

    def meanwhile(plain: bytes, context: str) -> bytes:
        monkeypatch.setattr(crypto, "seal", seal)
        flows.enrol(people[0], MALLORY)
        return seal(plain, context)

    monkeypatch.setattr(crypto, "seal", meanwhile)
    list(keyring.rotate(matching.SEALED))
    assert matching.match(people[0], MALLORY)
    assert matching.match(people[1], ALICE)


def test_a_lost_key_is_said_and_lets_nobody_in(people: list[User], settings: Settings) -> None:
    settings.LIVENESS_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(CommandError, match="cannot be opened"):
        rotate()
    with pytest.raises(crypto.SealError, match="restore it"):
        matching.match(people[0], ALICE)
    assert len(keyring.in_use(SEALED)) == 1
    settings.LIVENESS_ENCRYPTION_KEYS = [NEW, OLD]
    rotate()
    assert everything_opens(people)
