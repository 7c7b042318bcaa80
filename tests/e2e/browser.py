"""A headless Chromium with a clip for a camera. One browser sees one clip: the flag is read at its start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.e2e import needs

SCREENSHOTS = Path(__file__).resolve().parents[2] / "var" / "screenshots"
_QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ALLOWED = "--use-fake-ui-for-media-stream"
NO_CAMERA = "--use-fake-device-for-media-stream=device-count=0"
_PATIENCE = 30_000


def camera(video: Path) -> tuple[str, ...]:
    """Flags of a browser whose camera shows the video and whose user allows its use."""
    return (
        ALLOWED,
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    )


@contextmanager
def chromium(url: str, flags: Sequence[str], expected: list[str] | None = None) -> Iterator[Page]:
    """A new browser with an empty profile; its page resolves addresses against ``url``.

    A script that throws and a breach of the content policy fail the test at the end, or are put into ``expected``.
    """
    faults: list[str] = []
    executable = needs.chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=[*_QUIET, *flags], headless=True
        )
        try:
            context = browser.new_context(base_url=url, viewport={"width": 1100, "height": 850})
            context.set_default_timeout(_PATIENCE)
            page = context.new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda message: faults.extend(_breaches(message.text)))
            yield page
        finally:
            browser.close()
    if expected is None:
        assert faults == [], faults
    else:
        expected += faults


def _breaches(text: str) -> list[str]:
    return [text] if "Content Security Policy" in text else []


def screenshot(page: Page, name: str) -> None:
    path = SCREENSHOTS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True)
