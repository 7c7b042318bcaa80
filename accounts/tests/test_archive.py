"""What a person takes away: everything held, their own pictures, the texts, and nobody else."""

import hashlib
import io
import json
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from accounts import archive, consent, services
from accounts.consent import Purpose
from accounts.models import Consent, User
from accounts.tests import flows
from liveness import runtime
from liveness.engine.faces import Embedding, Face
from liveness.models import Evidence
from liveness.tests.fakes import (
    ALICE,
    BOX,
    MALLORY,
    FakeEngine,
    ended_attempt,
    live,
    passed_attempt,
    serving,
    spoof,
)

Files = dict[str, bytes]


def refuse(user: User) -> int:
    """A refused attempt; how many pictures of it are kept."""
    attempt = ended_attempt(FakeEngine(spoof()), claimed=user.username, user=user)
    return attempt.evidence.count()


def unpacked(content: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def built(user: User, *faces: Embedding, **values: Any) -> Files:
    """The archive, when the kept pictures show these faces, the last one for ever."""
    with serving(FakeEngine(live(), faces or [ALICE])):
        return unpacked(archive.build(user, **values))


def pictures(files: Files) -> list[str]:
    return [name for name in files if name.startswith("pictures/")]


def test_the_download_is_a_zip_with_a_page_that_names_every_part(alice_with_face: User) -> None:
    kept = refuse(alice_with_face)
    client = flows.signed_in(alice_with_face)
    with serving(FakeEngine(live(), [ALICE])):
        response = client.get(reverse("accounts:export"))
    assert response["Content-Type"] == "application/zip"
    assert "attachment" in response["Content-Disposition"]
    assert "no-store" in response["Cache-Control"]
    files = unpacked(response.content)
    readme = files["README.txt"].decode()
    for name in files:
        assert name.split("/")[0] in readme, name
    assert f"{kept} kept pictures" in readme
    assert len(pictures(files)) == kept
    assert all(files[name].startswith(b"\xff\xd8") for name in pictures(files))


def test_pictures_of_somebody_else_under_this_name_stay(alice_with_face: User) -> None:
    kept = refuse(alice_with_face)
    files = built(alice_with_face, ALICE, MALLORY)
    assert len(pictures(files)) == 1
    assert f"{kept - 1} more pictures" in files["README.txt"].decode()


def test_a_picture_with_a_second_face_stays(alice_with_face: User) -> None:
    refuse(alice_with_face)
    engine = FakeEngine(live(), [ALICE])
    engine.detector = SimpleNamespace(detect=lambda picture: [Face(BOX, 0.9), Face(BOX, 0.8)])
    with serving(engine):
        assert pictures(unpacked(archive.build(alice_with_face))) == []


def test_without_a_face_to_compare_with_no_picture_goes_out(alice: User) -> None:
    services.give_consent(user=alice)
    assert refuse(alice)
    files = built(alice)
    assert pictures(files) == []
    assert "because no face of yours is on record" in files["README.txt"].decode()


def test_a_picture_that_cannot_be_opened_is_left_out(alice_with_face: User) -> None:
    kept = refuse(alice_with_face)
    Evidence.objects.filter(pk=Evidence.objects.earliest("pk").pk).update(jpeg=b"altered")
    assert len(pictures(built(alice_with_face))) == kept - 1


def test_the_texts_are_there_word_for_word(alice: User) -> None:
    services.give_consent(user=alice, training=True)
    files = built(alice)
    data = json.loads(files["data.json"])
    texts = [name for name in files if name.startswith("consents/")]
    assert len(texts) == len(Purpose)
    digests = {row["text_sha256"] for row in data["consents"]}
    for name in texts:
        assert hashlib.sha256(files[name][:-1]).hexdigest() in digests
    assert consent.text(Purpose.TRAINING).question.encode() in b"".join(files.values())


def test_a_text_that_was_not_kept_is_said_to_be_gone(alice: User) -> None:
    services.give_consent(user=alice, evidence=False)
    Consent.objects.update(digest="0" * 64)
    assert "1 earlier text is no longer kept" in built(alice)["README.txt"].decode()


def test_nothing_secret_and_nobody_else_is_in_it(alice_with_face: User) -> None:
    berta = User.objects.create_user("berta", "berta@example.org", flows.PASSWORD)
    flows.enrol(berta, MALLORY)
    refuse(berta)
    flows.signed_in(berta)
    refuse(alice_with_face)
    files = built(alice_with_face)
    text = b"\n".join(part for name, part in files.items() if not name.endswith(".jpg"))
    template = alice_with_face.face_template
    assert b"berta" not in text
    for secret in (template.sealed, template.sealed_seed, ALICE.tobytes()):
        assert bytes(secret)[:24] not in b"".join(files.values())
    assert alice_with_face.password.encode() not in text
    for hidden in (b"pooled", b"margin", b"threshold", b"p_live", b'"seed"', b'"secret"'):
        assert hidden not in text
    assert template.model_name.encode() in files["README.txt"]


def test_when_nothing_can_be_compared_the_person_is_told_to_come_again(
    alice_with_face: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(alice_with_face)

    def busy(*args: object) -> None:
        raise runtime.Busy

    monkeypatch.setattr(runtime, "run_now", busy)
    client = flows.signed_in(alice_with_face)
    with serving(FakeEngine(live())):
        page = client.get(reverse("accounts:export"), follow=True)
    assert b"Try again in a minute" in page.content


def test_the_page_says_what_is_held_and_until_when(alice_with_face: User) -> None:
    refuse(alice_with_face)
    passed_attempt(user=alice_with_face)
    page = flows.signed_in(alice_with_face).get(reverse("accounts:data")).content.decode()
    for words in ("Face template", "Pictures of attempts that did not succeed", "after 30 days"):
        assert words in page
    assert "1095 days after its last use" in page
