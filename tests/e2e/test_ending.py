"""A real server that is told to end while somebody is in front of its camera."""

import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

from liveness.chain import FrameChain
from portal.demo import clips
from portal.demo.client import Visitor
from portal.demo.server import running


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_running_attempt_finishes_new_ones_are_told_to_come_again_and_then_the_server_ends(
    tmp_path: Path, portal_settings: dict[str, str]
) -> None:
    with running(tmp_path, LIVEGATE_DRAIN_PAUSE="1", **portal_settings) as server:
        first, second = Visitor(server.url), Visitor(server.url)
        pages = []
        for visitor in (first, second):
            form = visitor.get("/signin/face/").form("/signin/face/")
            visitor.send(form, username="somebody")
            pages.append(visitor.get("/signin/face/capture/"))
        with first.socket(pages[0], server.url) as socket:
            socket.send(json.dumps({"type": "start", "ticket": pages[0].data["ticket"]}))
            ready = json.loads(socket.recv(timeout=30))
            chain = FrameChain(pages[0].data["ticket"], bytes.fromhex(ready["nonce"]))
            server.process.send_signal(signal.SIGTERM)
            end = time.monotonic() + 10
            while _status(f"{server.url}/readyz") != 503 and time.monotonic() < end:
                time.sleep(0.05)
            assert _status(f"{server.url}/readyz") == 503
            assert _status(f"{server.url}/healthz") == 200
            refused = second.capture(pages[1], clips.live_clip(clips.PERSON))
            assert refused == {"type": "error", "code": "restarting"}
            answer = {"type": "hint"}
            for jpeg in clips.live_clip(clips.PERSON) * 5:
                time.sleep(0.1)
                socket.send(chain.seal(jpeg))
                answer = json.loads(socket.recv(timeout=30))
                if answer["type"] != "hint":
                    break
            assert (answer["type"], answer.get("verdict")) == ("verdict", "pass")
        finished = first.send(pages[0].form("/signin/face/finish/"), attempt=answer["attempt"])
        assert finished.status in (200, 403, 429), "The form that follows a pass is still answered."
        assert server.process.wait(20) == 0


def test_a_server_nobody_uses_ends_at_once(tmp_path: Path, portal_settings: dict[str, str]) -> None:
    with running(tmp_path, **portal_settings) as server:
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        assert time.monotonic() - began < 20, "It may take 60 seconds, but only for an attempt."
