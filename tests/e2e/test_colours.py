"""The colours in a real browser: painted as the server asks, answered by a face they fall on, and skipped on request."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from liveness.engine import frames
from liveness.engine.faces import YuNet
from portal.demo import clips
from portal.demo.server import Server, running
from tests.e2e import people
from tests.e2e.browser import ALLOWED, camera, chromium, screenshot
from tests.e2e.people import Person

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# A camera in whose picture the page's own colour falls on the face: what a screen does to somebody in front of it.
_MIRROR = """
(([picture, box, share]) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [320, 240];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const image = new Image();
  image.src = picture;
  const linear = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const shone = () => {
    const flash = document.querySelector("[data-flash] .flash");
    const colour = flash && getComputedStyle(flash).backgroundColor.match(/[\\d.]+/g);
    return colour ? colour.slice(0, 3).map(Number).map(linear) : [0, 0, 0];
  };
  let turn = 0;
  const draw = () => {
    turn += 1;
    context.drawImage(image, 2 * Math.sin(turn / 9), 1.5 * Math.sin(turn / 7), 320, 240);
    const gains = shone().map((light) => (1 + share * light) ** (1 / 2.4));
    const pixels = context.getImageData(0, 0, 320, 240);
    const [left, top, width, height] = box;
    for (let y = 0; y < 240; y += 1) {
      for (let x = 0; x < 320; x += 1) {
        const i = 4 * (320 * y + x);
        const noise = 5 * (Math.random() - 0.5);
        const away = ((x - left) / width - 0.5) ** 2 + ((y - top) / height - 0.5) ** 2;
        for (let c = 0; c < 3; c += 1) {
          pixels.data[i + c] = pixels.data[i + c] * (away < 0.27 ? gains[c] : 1) + noise;
        }
      }
    }
    context.putImageData(pixels, 0, 0);
  };
  navigator.mediaDevices.getUserMedia = async () => {
    await image.decode();
    draw();
    setInterval(draw, 90);
    return canvas.captureStream(12);
  };
})
"""
_WATCH = """
() => {
  const state = document.querySelector("[data-test=capture-state]");
  window.painted = [];
  new MutationObserver(() => window.painted.push(state.dataset.flash ?? null))
    .observe(state, { attributeFilter: ["data-flash"] });
}
"""


@pytest.fixture(scope="module")
def portal(
    tmp_path_factory: pytest.TempPathFactory, portal_settings: dict[str, str]
) -> Iterator[Server]:
    """A portal that asks for the colours of everybody."""
    folder = tmp_path_factory.mktemp("colours")
    with running(folder, **portal_settings, LIVENESS_FLASH="always") as server:
        yield server


@pytest.fixture(scope="module")
def enrolled(portal: Server, videos: dict[str, Path]) -> Person:
    """Somebody who skipped the colours when they registered, for which their password was just given."""
    person = people.new_person()
    with chromium(portal.url, camera(videos["enrolling"])) as page:
        people.sign_up(page, person)
        people.consent(page)
        page.check("[data-test=flash-skip]")
        people.start_camera(page)
        page.wait_for_url("**/account/face/done/")
    return person


@pytest.fixture(scope="module")
def mirror() -> str:
    """The script of a camera before which a portrait hangs that the page lights."""
    return _camera_script(0.2)


@pytest.fixture(scope="module")
def unlit() -> str:
    """The script of a camera that sees the same portrait, as if the page were dark."""
    return _camera_script(0.0)


def _camera_script(share: float) -> str:
    """share: the page's light on the face, at full white, beside what else falls on it."""
    picture = frames.fit(frames.decode(clips.live_clip(clips.PERSON, 1)[0]), 320, 240)
    box = YuNet().detect(picture)[0].box
    data = base64.b64encode(frames.encode_jpeg(picture, 92)).decode()
    facts = [f"data:image/jpeg;base64,{data}", [box.x, box.y, box.w, box.h], share]
    return f"({_MIRROR})({json.dumps(facts)})"


class Listener:
    """What the server asks the page to paint."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str | None] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._receive)

    def _receive(self, payload: str | bytes) -> None:
        message = json.loads(payload)
        if message["type"] == "flash":
            self.asked.append(message["colour"])


def _start(page: Page, username: str) -> None:
    people.name_myself(page, username)
    page.evaluate(_WATCH)
    people.start_camera(page)


def _signs_in(page: Page, attempts: int) -> bool:
    """Whether the attempt that has begun lets them in, or one of the next: where nothing paints in time, too little is seen."""
    sorry = [f"[data-test=capture-state][data-state={state}]" for state in people.ENDED[1:]]
    inside = page.locator("[data-test=nav-signout]")
    for left in reversed(range(attempts)):
        expect(page.locator(", ".join(sorry)).or_(inside)).to_have_count(1, timeout=120_000)
        if inside.count() or not left:
            break
        page.click("[data-test=capture-retry]")
        people.start_camera(page)
    return inside.count() == 1


def test_a_face_that_the_page_lights_signs_in_and_the_page_paints_what_the_server_asks(
    portal: Server, enrolled: Person, mirror: str
) -> None:
    with chromium(portal.url, (ALLOWED,)) as page:
        page.add_init_script(mirror)
        listener = Listener(page)
        _start(page, enrolled.username)
        overlay = page.locator("[data-flash] .flash")
        expect(overlay).to_be_visible(timeout=60_000)
        assert overlay.bounding_box() == {"x": 0, "y": 0, "width": 1100, "height": 850}
        expect(page.locator("[data-test=capture-hint]")).to_contain_text("change softly")
        page.wait_for_timeout(600)
        painted = page.evaluate("() => window.painted")
        assert len(painted) >= 1
        assert painted == listener.asked[: len(painted)]
        screenshot(page, "capture-colours")
        assert _signs_in(page, attempts=3)
        assert listener.asked[-1] is None
        assert people.is_signed_in(page)


def test_a_camera_that_the_page_does_not_light_gets_nobody_in(
    portal: Server, enrolled: Person, unlit: str
) -> None:
    with chromium(portal.url, (ALLOWED,)) as page:
        page.add_init_script(unlit)
        page.set_default_timeout(120_000)
        listener = Listener(page)
        _start(page, enrolled.username)
        ended = page.locator(
            "[data-test=capture-state][data-state=abstained], [data-test=capture-state][data-state=failed]"
        )
        expect(ended).to_have_count(1, timeout=120_000)
        assert len(listener.asked) > 14
        painted = page.evaluate("() => window.painted")
        assert list(filter(None, painted)) == list(filter(None, listener.asked))
        expect(page.locator("[data-flash]")).to_have_count(0)
        screenshot(page, "capture-colours-not-seen")
        assert not people.is_signed_in(page)


def test_whoever_skips_sees_no_colours_and_is_asked_for_a_second_factor(
    portal: Server, enrolled: Person, videos: dict[str, Path]
) -> None:
    with chromium(portal.url, camera(videos["returning"])) as page:
        listener = Listener(page)
        people.name_myself(page, enrolled.username)
        screenshot(page, "capture-colours-offered")
        page.check("[data-test=flash-skip]")
        page.reload()
        expect(page.locator("[data-test=flash-skip]")).to_be_checked()
        people.start_camera(page)
        expect(page.locator("[data-test=second-factor-missing]")).to_be_visible(timeout=60_000)
        screenshot(page, "colours-skipped")
        assert listener.asked == []
        assert not people.is_signed_in(page)


def test_where_less_motion_is_preferred_they_are_skipped_unless_wanted(portal: Server) -> None:
    with chromium(portal.url, (ALLOWED,)) as page:
        page.emulate_media(reduced_motion="reduce")
        people.name_myself(page, "somebody")
        expect(page.locator("[data-test=flash-skip]")).to_be_checked()
        page.uncheck("[data-test=flash-skip]")
        page.reload()
        expect(page.locator("[data-test=flash-skip]")).not_to_be_checked()
