"""Captures of other sites: who may order, show and redeem them."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from api import captures
from api.models import ApiKey, Capture
from api.tests.conftest import Program

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example"


def _order(client: Client, **order: Any) -> Any:
    body = {"purpose": "liveness", **order}
    return client.post("/api/v1/captures/", body, "application/json")


@pytest.fixture
def shop(program: Program) -> Client:
    return program(origins=[SHOP])


def test_only_the_page_it_was_ordered_for_may_show_it(shop: Client, client: Client) -> None:
    page = client.get(_order(shop, origin=SHOP).json()["url"])
    assert page.status_code == 200
    assert f"frame-ancestors {SHOP}" in page["Content-Security-Policy"]
    assert "X-Frame-Options" not in page
    assert not page.cookies
    alone = client.get(_order(shop).json()["url"])
    assert "frame-ancestors 'none'" in alone["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in client.get("/")["Content-Security-Policy"]


def test_a_site_that_is_not_the_keys_is_refused(shop: Client) -> None:
    answer = _order(shop, origin="https://evil.example")
    assert (answer.status_code, answer.json()["code"]) == (409, "origin_not_allowed")


def test_a_forged_address_shows_no_camera(shop: Client, client: Client) -> None:
    address = _order(shop).json()["url"]
    turned = address[:-2] + ("0" if address[-2] != "0" else "1") + "/"
    assert client.get(turned).status_code == 404
    assert client.get("/embed/nothing/").status_code == 404
    assert Capture.objects.get().tries == 0


def test_after_three_tries_it_is_over(shop: Client, client: Client) -> None:
    address = _order(shop, origin=SHOP).json()["url"]
    for _ in range(captures.TRIES):
        assert client.get(address).status_code == 200
    over = client.get(address)
    assert over.status_code == 410
    assert "capture is over" in over.content.decode()


def test_a_key_sees_its_own_captures_alone(shop: Client, program: Program) -> None:
    number = _order(shop).json()["id"]
    other = program()
    assert other.get("/api/v1/captures/").json()["results"] == []
    assert other.get(f"/api/v1/captures/{number}/").status_code == 404
    assert other.post(f"/api/v1/captures/{number}/redeem/").status_code == 404


def test_a_browsers_session_orders_none(admin_client: Client) -> None:
    assert _order(admin_client).status_code == 403
    assert not ApiKey.objects.exists()


def test_a_capture_about_nobody_is_refused(shop: Client) -> None:
    assert _order(shop, purpose="verify").json()["code"] == "person_missing"
    User.objects.create_user("ada")
    assert _order(shop, purpose="verify", person="ada").json()["code"] == "no_face"
    assert _order(shop, purpose="enrol", person="ada").json()["code"] == "no_consent"


def test_what_nobody_has_finished_is_not_redeemed(shop: Client) -> None:
    number = _order(shop).json()["id"]
    answer = shop.post(f"/api/v1/captures/{number}/redeem/")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_ended")
    assert Capture.objects.get().redeemed is None
