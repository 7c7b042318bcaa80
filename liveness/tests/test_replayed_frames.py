import json

import pytest

from liveness import consumers
from liveness.chain import FrameChain
from liveness.tests.fakes import FakeEngine, jpeg, live, serving
from liveness.tests.sockets import browser, open_ticket, started, the_attempt

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_frame_that_is_shown_again_is_no_evidence() -> None:
    engine = FakeEngine(live())
    async with started(engine) as page:
        first = await page.show(jpeg(seed=1))
        again = [await page.show(jpeg(seed=1)) for _ in range(8)]
    assert max(hint["progress"] for hint in again) <= first["progress"]
    assert engine.seen == 1


async def test_a_picture_that_stands_still_ends_the_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumers, "_MOST_REPEATS", 3)
    async with started(FakeEngine(live())) as page:
        answers = [await page.show(jpeg()) for _ in range(5)]
        assert answers[-1] == {"type": "error", "code": "repeated_frames"}
        assert await page.close_code() == 4422
    assert (await the_attempt()).reason == "repeated_frames"


async def test_a_virtual_camera_is_asked_for_more_and_passes_like_others() -> None:
    engine = FakeEngine(live())
    ticket = await open_ticket()
    with serving(engine):
        async with browser() as page:
            start = {"type": "start", "ticket": ticket, "camera": "OBS Virtual Camera"}
            await page.send_text(json.dumps(start))
            page.chain = FrameChain(ticket, bytes.fromhex((await page.hear())["nonce"]))
            assert (await page.show_until_verdict(0.11))["verdict"] == "pass"
    attempt = await the_attempt()
    assert (engine.seen, attempt.risks) == (12, ["virtual_camera"])
