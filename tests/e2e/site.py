"""Every page of the portal, for the tests that look at all of them."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from playwright.sync_api import Page, Route

from portal.demo import clips
from portal.demo.server import Server
from portal.demo.story import Story
from tests.e2e import people

PUBLIC = (
    *("/", "/auth/signup/", "/auth/login/", "/auth/password/reset/", "/auth/password/reset/done/"),
    *("/signin/face/", "/auth/confirm-email/nothing/", "/notice/nothing/", "/api/v1/docs/"),
    "/there-is-no-such-page/",
)
OWN = (
    *(
        "/account/",
        "/account/face/consent/",
        "/account/face/consent/withdraw/",
        "/account/face/delete/",
    ),
    *("/account/delete/", "/auth/logout/", "/auth/email/", "/auth/password/change/"),
    *("/auth/second-factor/", "/auth/second-factor/totp/activate/", "/review/"),
)
STAFF = (
    *("/review/", "/review/?state=any&label=any", "/review/?who=nobody", "/review/drift/"),
    *(
        "/training/",
        "/training/new/",
        "/models/",
        "/models/roll-back/",
        "/gate/",
        "/keys/",
        "/account/",
    ),
)
# Pages that a number leads to: found on the page before by the link that leads there.
LINKED = {
    "/review/": "[data-test=review-row] a",
    "/training/": "[data-test=training-row] a",
    "/models/": "[data-test=model-row] a",
    "/gate/": "[data-test=gate-report] a",
}
# Pages that cannot be asked for: their templates, shown at an address of the site.
MADE = ("429.html", "500.html", "403_csrf.html")
_FACTS = (
    "import json; from liveness.models import ModelVersion as M; "
    "m = M.objects.get(state='candidate').pk; print(json.dumps([f'/models/{m}/promote/', "
    "f'/models/{m}/disagreement/', f'/models/{m}/shadow/']))"
)


@dataclass(frozen=True)
class Furnished:
    """A portal with something on every page. more: addresses that only this one has."""

    server: Server
    administrator: tuple[str, str]
    more: tuple[str, ...]


def furnish(server: Server, administrator: tuple[str, str]) -> Furnished:
    """A person who enrolled and was refused twice, by the real portal; then weeks of use, written at once."""
    story = Story(server.url)
    for step in (story.sign_up, story.consent, story.enrol, story.sign_out):
        told = step()
        assert told.as_expected, told
    screen = clips.recaptured_clip(clips.PERSON, seed=5)
    assert story.be_refused("a phone is shown", screen).as_expected
    code = f"from tests.e2e.furnish import everything; everything({administrator[0]!r})"
    server.manage("shell", "--no-imports", "--command", code)
    more = json.loads(server.manage("shell", "--no-imports", "--command", _FACTS))
    return Furnished(server, administrator, tuple(more))


def every_page(page: Page, site: Furnished) -> Iterator[str]:
    """Open one page after the other, signed out, signed in, and as staff; the name of each while it is open."""
    for path in PUBLIC:
        page.goto(path)
        yield f"public {path}"
    for template in MADE:
        _show(page, site.server, template)
        yield f"public {template}"
    people.name_myself(page, "somebody")
    yield "public capture, idle"
    person = people.new_person()
    people.sign_up(page, person)
    for path in OWN:
        page.goto(path)
        yield f"own {path}"
    people.sign_out(page)
    people.sign_in_with_password(page, *site.administrator)
    for path in (*STAFF, *site.more):
        page.goto(path)
        yield f"staff {path}"
        if path in LINKED:
            page.locator(LINKED[path]).first.click()
            page.wait_for_load_state()
            yield f"staff {path}…"


def _show(page: Page, server: Server, template: str) -> None:
    language = page.get_attribute("html", "lang")
    code = (
        "from django.template.loader import render_to_string; from django.utils.translation import activate; "
        f"activate({language!r}); print(render_to_string({template!r}))"
    )
    html = server.manage("shell", "--no-imports", "--command", code)
    html = re.sub(r"^.*?(?=<!doctype)", "", html, flags=re.S)

    def answer(route: Route) -> None:
        route.fulfill(body=html, content_type="text/html; charset=utf-8")

    page.route(f"**/made/{template}", answer)
    page.goto(f"/made/{template}")
