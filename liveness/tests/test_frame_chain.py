"""Every frame follows the one before, from the ticket on, or the socket closes."""

import pytest

from liveness.chain import BrokenChain, FrameChain
from liveness.tests.fakes import FakeEngine, jpeg, live
from liveness.tests.sockets import Browser, open_ticket, started, the_attempt

NONCE = bytes(16)


def test_what_one_end_seals_the_other_opens_in_order() -> None:
    page, server = FrameChain("ticket", NONCE), FrameChain("ticket", NONCE)
    assert [server.open(page.seal(data)) for data in (b"a", b"", b"a")] == [b"a", b"", b"a"]


@pytest.mark.parametrize("other", [FrameChain("other", NONCE), FrameChain("ticket", b"1" * 16)])
def test_a_frame_of_another_ticket_or_socket_is_refused(other: FrameChain) -> None:
    with pytest.raises(BrokenChain):
        FrameChain("ticket", NONCE).open(other.seal(b"a"))


def test_a_frame_that_is_left_out_repeated_or_altered_breaks_the_chain() -> None:
    page, server = FrameChain("ticket", NONCE), FrameChain("ticket", NONCE)
    first, second, third = (page.seal(data) for data in (b"a", b"b", b"c"))
    server.open(first)
    for wrong in (first, third, second[:-1] + b"x", b"", second[:31]):
        with pytest.raises(BrokenChain):
            server.open(wrong)
    assert server.open(second) == b"b"


def test_two_sockets_never_share_a_nonce() -> None:
    assert FrameChain("ticket").nonce != FrameChain("ticket").nonce


async def _ends_as_broken(page: Browser, message: bytes, engine: FakeEngine) -> None:
    await page.send_bytes(message)
    assert await page.hear() == {"type": "error", "code": "broken_chain"}
    assert await page.close_code() == 4422
    attempt = await the_attempt()
    assert (attempt.state, attempt.reason, engine.seen) == ("error", "broken_chain", 1)


@pytest.mark.django_db(transaction=True)
async def test_a_frame_that_somebody_put_in_ends_the_attempt_unread() -> None:
    engine = FakeEngine(live())
    async with started(engine) as page:
        await page.show()
        await _ends_as_broken(page, bytes(32) + jpeg(seed=99), engine)


@pytest.mark.django_db(transaction=True)
async def test_a_recording_of_an_earlier_conversation_is_refused() -> None:
    engine = FakeEngine(live())
    earlier = FrameChain(await open_ticket(purpose="signin"))
    async with started(engine, "signin") as page:
        await page.show()
        await page.send_bytes(earlier.seal(jpeg(seed=1)))
        assert (await page.hear())["code"] == "broken_chain"
    assert engine.seen == 1
