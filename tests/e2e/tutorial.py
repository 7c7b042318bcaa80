"""What docs/tutorial.md tells a newcomer to do, done in a browser: chapter by chapter, timed, with pictures."""

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from portal.demo import clips
from portal.demo.server import BASE_DIR, Server, running
from tests.e2e import people
from tests.e2e.browser import camera, chromium
from tests.e2e.people import Person

CHAPTERS = (
    "Start the portal",
    "Become its administrator",
    "Set up a face",
    "Sign in with the face",
    "Hold up a phone",
    "Review what was refused",
    "Train a first candidate",
    "Ask the gate",
)
RECIPE = '{"epochs": 3, "samples_per_epoch": 200}'
"""Options of the tutorial's run: a touch-up that a laptop ends within a minute."""

_KEEPER = Person("keeper", "seven-green-bicycles")
_VISITOR = Person("visitor", "a-tram-to-the-harbour")
_TRAINED = 300_000
_MAIL = {"EMAIL_URL": "consolemail://", "ACCOUNT_EMAIL_VERIFICATION": "none"}
"""What the portal does by itself where nobody says where mail goes."""
_QUALITY, _MARGIN = 76, 12
_WINDOW = {"width": 1100, "height": 900}
# Chromium calls its fake camera by the path of the clip that it shows.
_CALL_IT_A_CAMERA = (
    "Object.defineProperty(MediaStreamTrack.prototype, 'label', { get: () => 'Webcam' })"
)


@dataclass(frozen=True)
class Album:
    """Pictures of pages, written into ``folder`` where there is one. taken: their names, also of those not written."""

    folder: Path | None
    taken: list[str] = field(default_factory=list)

    def take(self, page: Page, name: str, *, dark: bool = False, upto: str = "") -> None:
        """What the window shows, from its top to the end of the element ``upto``, in light colours or, as a second one, in dark ones."""
        for scheme, file in (("light", name), ("dark", f"{name}-dark"))[: 1 + dark]:
            self.taken.append(f"{file}.webp")
            if self.folder is not None:
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                _write(page, self.folder / self.taken[-1], upto)
        page.emulate_media(color_scheme="light")


def _write(page: Page, path: Path, upto: str) -> None:
    shown = page.viewport_size
    assert shown is not None
    height: float = shown["height"]
    if upto:
        page.evaluate("scrollTo(0, 0)")
        box = page.locator(upto).first.bounding_box()
        assert box is not None
        height = box["y"] + box["height"] + _MARGIN
    clip = {"x": 0.0, "y": 0.0, "width": float(shown["width"]), "height": height}
    png = page.screenshot(clip=clip if upto else None, full_page=bool(upto))
    Image.open(io.BytesIO(png)).convert("RGB").save(path, "WEBP", quality=_QUALITY, method=6)


@dataclass
class Walk:
    """A newcomer at a fresh portal in ``var``. seconds: chapter → how long it took."""

    var: Path
    album: Album
    open: ExitStack
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._shown = {
            "enrolling": clips.live_clip(clips.PERSON, seed=1),
            "returning": clips.live_clip(clips.PERSON, seed=4, light=0.8),
            "phone": clips.recaptured_clip(clips.PERSON, seed=5),
        }
        self._videos = {
            name: clips.write_mjpeg(clip, self.var.parent / f"{name}.mjpeg")
            for name, clip in self._shown.items()
        }

    def all(self) -> None:
        steps = (
            *(self.start, self.administrate, self.enrol, self.sign_in),
            *(self.be_refused, self.review, self.train, self.judge),
        )
        for chapter, step in zip(CHAPTERS, steps, strict=True):
            begin = time.monotonic()
            step()
            self.seconds[chapter] = time.monotonic() - begin

    def start(self) -> None:
        self._stopping = self.open.enter_context(ExitStack())
        self._server = self._stopping.enter_context(running(self.var, **_MAIL))
        with self._window() as page:
            page.goto("/")
            expect(page.locator("[data-test=unattended]")).to_be_visible()
            self.album.take(page, "start-page", upto=".steps")

    def administrate(self) -> None:
        code = re.search(r"enter the code ([A-Z0-9-]+)", self._server.log.read_text())
        assert code is not None, "The server prints a code while nobody administers it."
        with self._window() as page:
            page.goto("/")
            page.click("[data-test=unattended] a")
            self.album.take(page, "set-up", upto="main .card")
            page.fill("[name=code]", code[1])
            page.fill("[name=username]", _KEEPER.username)
            page.fill("[name=email]", "keeper@example.org")
            page.fill("[name=password1]", _KEEPER.password)
            page.fill("[name=password2]", _KEEPER.password)
            page.click("[data-test=setup-submit]")
            expect(page.locator("[data-test=checklist-count]")).to_be_visible()
            self.album.take(page, "checklist", upto=".checklist")

    def enrol(self) -> None:
        with self._window("enrolling") as page:
            people.sign_up(page, _VISITOR)
            self.album.take(page, "consent", upto="main .card")
            people.consent(page, training=True)
            people.start_camera(page)
            people.await_state(page, "capturing")
            page.wait_for_timeout(900)
            self.album.take(page, "capture", dark=True, upto="[data-test=capture-cancel]")
            page.wait_for_url("**/account/face/done/")
            self.album.take(page, "enrolled", upto="main .card")
            people.sign_out(page)
            assert not people.is_signed_in(page)

    def sign_in(self) -> None:
        with self._window("returning") as page:
            people.name_myself(page, _VISITOR.username)
            people.start_camera(page)
            page.wait_for_url("**/account/")
            expect(page.locator("[data-test=face-status]")).to_be_visible()
            self.album.take(page, "account", upto=".grid")

    def be_refused(self) -> None:
        """Twice, so that the administrator has two attempts to label."""
        with self._window("phone") as page:
            for _ in range(2):
                people.name_myself(page, _VISITOR.username)
                people.start_camera(page)
                assert people.await_state(page, *people.ENDED) == "failed"
            self.album.take(page, "refused", upto=".capture-foot")
            assert not people.is_signed_in(page)

    def review(self) -> None:
        with self._window() as page:
            people.sign_in_with_password(page, _KEEPER.username, _KEEPER.password)
            page.goto("/review/", wait_until="networkidle")
            self.album.take(page, "queue", upto=".attempts")
            page.locator("[data-test=review-row] a").first.click()
            page.wait_for_load_state("networkidle")
            self.album.take(page, "review", dark=True, upto=".moments .card")
            for _ in range(2):
                with page.expect_navigation():
                    page.keyboard.press("s")
            expect(page.locator("[data-test=review-empty]")).to_be_visible()
            page.goto("/review/?state=any&label=screen")
            expect(page.locator("[data-test=review-row]")).to_have_count(2)

    def train(self) -> None:
        """The portal is started again with the practice set; the run is trained as its page says."""
        done = [sys.executable, "-m", "portal.demo.practice", str(self.var / "practice")]
        said = subprocess.run(done, cwd=BASE_DIR, check=True, capture_output=True, text=True).stdout
        name, value = re.findall(r"^(LIVEGATE_DATA_SETS)=(.+)$", said, re.MULTILINE)[0]
        self._stopping.close()
        self._server = self._stopping.enter_context(running(self.var, **_MAIL, **{name: value}))
        with self._window() as page:
            people.sign_in_with_password(page, _KEEPER.username, _KEEPER.password)
            page.goto("/training/")
            page.click("[data-test=training-new]")
            page.click("summary")
            page.fill("[name=options]", RECIPE)
            page.click("[data-test=training-preview]")
            expect(page.locator("[data-test=preview-attempts]")).to_contain_text("2 attempts")
            self.album.take(page, "preview", upto="[data-test=training-start]")
            page.click("[data-test=training-start]")
            page.wait_for_url(re.compile(r"/training/\d+/"))
            words = page.locator(".note code").first.inner_text()
            self.album.take(page, "queued", upto="#run section.card")
            with _working(self._server, words):
                page.reload()
                half = page.locator("[data-field=epoch]", has_text=re.compile("[2-9]"))
                expect(half).to_be_visible(timeout=_TRAINED)
                self.album.take(page, "training", upto="#run section.card")
                expect(page.locator("[data-state=done]")).to_be_visible(timeout=_TRAINED)
            page.reload()
            self.album.take(page, "trained", upto="#run section.card")

    def judge(self) -> None:
        manifest = self.var / "practice" / "manifest.csv"
        self._server.manage("models", "freeze", "practice", str(manifest), "--split", "dev")
        model = re.search(r"([0-9a-f]{12})  candidate", self._server.manage("models", "list"))
        assert model is not None
        told = _told(self._server, "models", "gate", model[1])
        assert re.search(r"^(Passed\.|CommandError: Refused\. .+)$", told, re.MULTILINE), told
        with self._window() as page:
            people.sign_in_with_password(page, _KEEPER.username, _KEEPER.password)
            page.goto("/gate/")
            page.locator("[data-test=gate-report] a").click()
            expect(page.locator("[data-test=figure]").first).to_be_visible()
            self.album.take(page, "gate", upto="table")
            page.locator(".steps a").last.click()
            expect(page.locator("[data-test=gate]")).to_be_visible()
            self.album.take(page, "candidate", upto=".facts")

    @contextmanager
    def _window(self, shows: str = "") -> Iterator[Page]:
        """A browser of its own, as everybody has one; its camera shows a clip."""
        flags = camera(self._videos[shows]) if shows else ()
        with chromium(self._server.url, flags) as page:
            page.set_viewport_size(_WINDOW)
            page.add_init_script(_CALL_IT_A_CAMERA)
            yield page


@contextmanager
def _working(server: Server, words: str) -> Iterator[None]:
    """``manage.py …``, as a page spells it, in a process of its own; it has to end well."""
    command = [sys.executable, *words.split()]
    process = subprocess.Popen(command, cwd=BASE_DIR, env=server.environment)
    try:
        yield
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def _told(server: Server, *words: str) -> str:
    """What a command says, whether it ends well or not: a refusal of the gate is an answer too."""
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(
        command, cwd=BASE_DIR, env=server.environment, capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr).strip()


def machine() -> str:
    """This machine in a few words, for a table of times."""
    about = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*: (.+)$", about.read_text(), re.M) if about.exists() else None
    return f"{len(os.sched_getaffinity(0))} hyperthreads{f' of {named[1]}' if named else ''}"
