"""No code of the protocol is ever shown raw: each has its words in the page's script."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from liveness.engine.quality import Quality
from liveness.engine.session import Reason
from liveness.protocol import Close

SCRIPTS = Path(settings.BASE_DIR) / "static" / "js"
SOCKET_CODES = {"bad_message", "frame_in_flight", "frame_too_large", "too_fast"} | {
    "wrong_ticket",
    "expired_ticket",
    "used_ticket",
    "other_session",
    "other_purpose",
    "no_session",
    "broken_chain",
    "repeated_frames",
    "deadline",
    "busy",
    "restarting",
    "unavailable",
    "internal_error",
}


def table(name: str) -> dict[str, str]:
    """The keys of one of the tables in words.js, each with what stands behind its colon."""
    text = (SCRIPTS / "words.js").read_text()
    found = re.search(rf"const {name} = {{\n(.*?)\n}};", text, re.DOTALL)
    assert found, name
    return dict(re.findall(r"^  (\w+):\s*(.*?)(?:,)?$", found[1], re.MULTILINE))


@pytest.mark.parametrize("code", list(Quality))
def test_every_quality_has_a_hint_and_an_explanation(code: Quality) -> None:
    assert code in table("HINTS")
    assert code in table("ABSTENTIONS")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    assert reason in table("REFUSALS") | table("ABSTENTIONS")


@pytest.mark.parametrize("close", list(Close))
def test_every_close_code_leads_to_words(close: Close) -> None:
    kind = table("CLOSES")[str(int(close))].strip('"')
    assert kind in table("FAILURES")


@pytest.mark.parametrize("code", sorted(SOCKET_CODES))
def test_every_error_of_the_socket_leads_to_words(code: str) -> None:
    assert table("ERRORS")[code].strip('"') in table("FAILURES")


def test_no_error_of_the_socket_is_forgotten() -> None:
    """Read off the rooms that raise them."""
    room = Path(settings.BASE_DIR) / "liveness"
    text = "".join((room / f).read_text() for f in ("consumers.py", "protocol.py", "tickets.py"))
    text += (room / "services.py").read_text()
    raised = re.findall(r'(?:ProtocolError|TicketError)\(\s*"(\w+)"', text)
    raised += re.findall(r'return "(\w+_ticket)"', text)
    assert set(raised) <= set(table("ERRORS"))
    assert set(raised) <= SOCKET_CODES


def test_every_trouble_of_the_camera_has_words() -> None:
    camera = (SCRIPTS / "camera.js").read_text()
    kinds = set(re.findall(r'"(camera_\w+|insecure|unsupported|too_large)"', camera))
    assert {"camera_refused", "camera_missing", "camera_busy", "insecure"} <= kinds
    assert kinds <= set(table("FAILURES"))


def test_the_words_do_not_tell_an_attacker_what_gave_them_away() -> None:
    refusals = table("REFUSALS")
    assert refusals["spoof"] == refusals["different_people"] == "UNCONFIRMED"
    text = (SCRIPTS / "words.js").read_text()
    shown = " ".join(re.findall(r'gettext\(\s*"([^"]+)"', text)).lower()
    for word in ("spoof", "score", "photo", "screen", "fake", "replay"):
        assert word not in shown
