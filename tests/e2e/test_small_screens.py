"""Every page fits a narrow telephone: nothing has to be scrolled sideways."""

import pytest

from portal.demo.server import Server
from tests.e2e import people
from tests.e2e.browser import chromium, screenshot
from tests.e2e.conftest import ADMINISTRATOR, ADMINISTRATOR_PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_WIDTH, _HEIGHT = 360, 740
_PUBLIC = ("/", "/auth/signup/", "/auth/login/", "/auth/password/reset/", "/signin/face/")
_PRIVATE = (
    "/account/",
    "/account/face/consent/",
    "/account/consents/",
    "/account/data/",
    "/account/delete/",
    "/review/",
    "/admin/",
    "/account/sessions/",
    "/auth/second-factor/",
    "/admin/accounts/signinpolicy/add/",
)


def test_no_page_is_wider_than_a_telephone(portal: Server) -> None:
    overhang = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    too_wide = {}
    with chromium(portal.url, ()) as page:
        page.set_viewport_size({"width": _WIDTH, "height": _HEIGHT})
        people.name_myself(page, "somebody")
        too_wide[page.url] = page.evaluate(overhang)
        for path in (*_PUBLIC, *_PRIVATE):
            if path == _PRIVATE[0]:
                people.sign_in_with_password(page, ADMINISTRATOR, ADMINISTRATOR_PASSWORD)
            page.goto(path)
            too_wide[path] = page.evaluate(overhang)
            screenshot(page, "narrow" + path.replace("/", "-"))
    assert {path: excess for path, excess in too_wide.items() if excess > 0} == {}
