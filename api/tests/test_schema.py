"""The OpenAPI document is valid, complete, and can be read without loading anything from elsewhere."""

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

pytestmark = pytest.mark.django_db
_METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def _operations(document: Any) -> list[tuple[str, Any]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]


def test_the_document_validates(document: Any) -> None:
    validate_schema(document)


def test_the_document_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    from drf_spectacular.drainage import GENERATOR_STATS

    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS, capsys.readouterr().err


def test_every_door_is_under_the_version(document: Any) -> None:
    assert document["paths"]
    assert all(path.startswith("/api/v1/") for path in document["paths"])


def test_every_operation_describes_its_answers(document: Any) -> None:
    bare = [
        f"{name} {status}"
        for name, operation in _operations(document)
        for status, answer in operation["responses"].items()
        if status != "204" and not answer.get("content")
    ]
    assert bare == []


def test_every_operation_says_what_it_does(document: Any) -> None:
    assert [
        name for name, operation in _operations(document) if "description" not in operation
    ] == []


def test_an_address_that_does_not_exist_is_a_problem(client: Client) -> None:
    for address in ("/api/v1/nothing/", "/api/attempts/"):
        answer = client.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
        assert answer.json()["code"] == "not_found"


def test_a_refusal_is_a_problem(client: Client) -> None:
    answer = client.get("/api/v1/attempts/")
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code == 401


def test_mistakes_are_named_one_by_one(admin_client: Client) -> None:
    answer = admin_client.post(
        "/api/v1/training-runs/", {"recipe": "none", "options": 3}, "application/json"
    )
    assert answer.status_code == 400
    found = {(item["field"], item["code"]) for item in answer.json()["errors"]}
    assert found == {("recipe", "invalid_choice"), ("options", "not_a_dict")}


def test_the_pages_need_no_inline_script_and_no_other_site(client: Client) -> None:
    page = client.get("/api/v1/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert not re.search(r"<style|<script(?![^>]* src=)|https?://(?!testserver)", text)
    script = re.search(r'src="([^"]*script[^"]*)"', text)
    assert script is not None
    assert client.get(script[1])["Content-Type"].startswith("application/javascript")
