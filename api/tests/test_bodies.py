"""A body that cannot be read is a wrong request, whatever is in it."""

import pytest

from api.tests.conftest import Program

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b'{"purpose":', b'{"seconds": NaN}'],
    ids=["deep lists", "deep objects", "no Unicode", "half", "no number"],
)
@pytest.mark.parametrize("path", ["captures/", "check/pair/", "people/"])
def test_a_body_that_cannot_be_read_is_refused(program: Program, path: str, body: bytes) -> None:
    answer = program().post(f"/api/v1/{path}", body, content_type="application/json")
    assert answer.status_code in (400, 415), answer.content
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\ud800"])
@pytest.mark.parametrize("field", ["person", "reference", "purpose"])
def test_text_that_no_database_keeps_is_refused(program: Program, field: str, text: str) -> None:
    body = f'{{"purpose": "liveness", "{field}": "{text}"}}'
    answer = program().post("/api/v1/captures/", body, content_type="application/json")
    assert answer.status_code == 400, answer.content


def test_a_person_whose_name_has_a_nul_is_nobody(program: Program) -> None:
    answer = program().post("/api/v1/captures/", {"purpose": "verify", "person": "a\x00"})
    assert answer.status_code == 400, answer.content
    assert "person" in answer.content.decode()


@pytest.mark.parametrize("path", ["people/%00/", "attempts/?who=%00", "people/a%00b/export/"])
def test_an_address_with_a_nul_names_nothing(program: Program, path: str) -> None:
    answer = program().get(f"/api/v1/{path}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (answer.json()["code"], answer.json()["status"]) == ("parse_error", 400)
