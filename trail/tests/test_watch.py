import pytest
from pytest_django.fixtures import Settings

from trail import watch
from trail.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_a_changed_threshold_is_an_entry_and_an_unchanged_one_is_not(
    settings: Settings,
) -> None:
    settings.FACE_MATCH_THRESHOLD = 0.43
    assert watch.note_settings() is not None
    assert watch.note_settings() is None
    settings.FACE_MATCH_THRESHOLD = 0.5
    entry = watch.note_settings()
    assert entry is not None
    assert entry.facts["changed"] == "FACE_MATCH_THRESHOLD"
    assert entry.facts["FACE_MATCH_THRESHOLD"] == "0.5"
    assert AuditEntry.objects.count() == 2


def test_every_watched_setting_exists_and_none_is_a_secret(settings: Settings) -> None:
    for name in settings.LIVEGATE_AUDITED_SETTINGS:
        assert hasattr(settings, name), name
        assert "KEY" not in name
        assert "PASSWORD" not in name
