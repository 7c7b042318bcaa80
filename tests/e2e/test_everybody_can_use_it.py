"""WCAG 2.2 AA by axe on every page, light and dark, wide and narrow; no page is too wide, from left or from right."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from portal.demo.server import running
from tests.e2e import people, site
from tests.e2e.browser import ALLOWED, NO_CAMERA, camera, chromium, screenshot
from tests.e2e.conftest import ADMINISTRATOR, ADMINISTRATOR_PASSWORD
from tests.e2e.site import Furnished

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("everybody")]

_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_SIZES = {"wide": (1100, 850), "narrow": (360, 740)}
_PICTURED = {("wide", "light"), ("narrow", "dark")}
_OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The OpenAPI document's own pages are Swagger's, landmarks included; what stands around them is ours.
_FOREIGN = {"exclude": [["#swagger-ui"]]}


@pytest.fixture(scope="module")
def furnished(
    tmp_path_factory: pytest.TempPathFactory, portal_settings: dict[str, str]
) -> Iterator[Furnished]:
    settings = portal_settings | {"LIVEGATE_DRIFT_REFERENCE": "60"}
    with running(tmp_path_factory.mktemp("furnished"), **settings) as server:
        server.manage("createsuperuser", "--noinput")
        yield site.furnish(server, (ADMINISTRATOR, ADMINISTRATOR_PASSWORD))


def _violations(page: Page, colours_alone: bool = False) -> list[str]:
    only = {"type": "rule", "values": ["color-contrast"]}
    every: dict[str, Any] = {"type": "tag", "values": _LEVELS}
    options = {"runOnly": only if colours_alone else every, "resultTypes": ["violations"]}
    if page.locator("#swagger-ui").count():
        every["values"] = _LEVELS[:-1]
    found = Axe().run(page, context=_FOREIGN, options=options).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


def _looked_at(
    page: Page, name: str, schemes: tuple[str, ...] = ("light", "dark")
) -> dict[str, list[str]]:
    """Light and dark, wide and narrow: what axe finds, and what hangs over to the side.

    From light to dark nothing changes but colours: the other rules are asked once for each size.
    """
    found: dict[str, list[str]] = {}
    for size, (width, height) in _SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found[f"{name}, {size}, {scheme}"] = _violations(page, scheme != schemes[0])
            if (size, scheme) in _PICTURED:
                screenshot(page, f"all/{size}/" + re.sub(r"\W+", "-", name))
        for direction in ("rtl", "ltr"):
            page.evaluate(f"document.documentElement.dir = {direction!r}")
            if (over := page.evaluate(_OVERHANG)) > 0:
                found[f"{name}, {size}, {direction}"] = [f"{over} px too wide"]
    page.set_viewport_size({"width": _SIZES["wide"][0], "height": _SIZES["wide"][1]})
    return {place: list(dict.fromkeys(what)) for place, what in found.items() if what}


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_page_keeps_the_rules_in_every_light_and_size(
    furnished: Furnished, language: str
) -> None:
    found: dict[str, list[str]] = {}
    pages = 0
    with chromium(furnished.server.url, ()) as page:
        page.set_extra_http_headers({"Accept-Language": language})
        for name in site.every_page(page, furnished):
            assert page.get_attribute("html", "lang") == language, name
            schemes = ("light", "dark") if language == "en" else ("light",)
            found |= _looked_at(page, f"{language} {name}", schemes)
            pages += 1
    assert pages > 40
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "video", "ends"), [("capturing", "dark", False), ("refused", "phone", True)]
)
def test_the_camera_page_keeps_them_while_it_looks_and_when_it_refuses(
    furnished: Furnished, videos: dict[str, Path], name: str, video: str, ends: bool
) -> None:
    with chromium(furnished.server.url, camera(videos[video])) as page:
        people.name_myself(page, "somebody")
        people.start_camera(page)
        people.await_state(page, *(people.ENDED if ends else ("capturing",)))
        assert _looked_at(page, name) == {}


def test_the_camera_page_keeps_them_without_a_camera(furnished: Furnished) -> None:
    with chromium(furnished.server.url, (ALLOWED, NO_CAMERA)) as page:
        people.name_myself(page, "somebody")
        people.start_camera(page)
        people.await_state(page, "error")
        assert _looked_at(page, "no camera") == {}


def test_axe_finds_what_is_wrong(furnished: Furnished) -> None:
    """The test above can fail."""
    with chromium(furnished.server.url, ()) as page:
        page.goto("/")
        page.evaluate("document.querySelector('h1').style.color = '#bbb'")
        page.evaluate("document.querySelector('nav').removeAttribute('aria-label')")
        page.evaluate("document.documentElement.removeAttribute('lang')")
        assert {each.split(":")[0] for each in _violations(page)} >= {
            "color-contrast",
            "html-has-lang",
        }
