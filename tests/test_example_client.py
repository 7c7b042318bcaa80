"""The client of docs/examples against a running portal: it registers, verifies, redeems and erases."""

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.tests.receivers import Receiver, receiving
from portal.demo import clips
from portal.demo.client import Visitor
from portal.demo.server import Server, running
from tests.grid_bundle import make_grid_bundle

_FILE = Path(__file__).parents[1] / "docs" / "examples" / "livegate_client.py"


def _example() -> Any:
    spec = importlib.util.spec_from_file_location("livegate_client", _FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _example()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """The shop's own server, which hears of events."""
    with receiving() as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    bundle = make_grid_bundle(tmp_path_factory.mktemp("bundle"))
    values = {
        "LIVENESS_BUNDLE": str(bundle),
        "LIVENESS_ATTEMPTS_PER_MINUTE": "1000",
        "LIVEGATE_WEBHOOK_ALLOW": receiver.place,
        "DJANGO_SUPERUSER_USERNAME": "olga",
        "DJANGO_SUPERUSER_EMAIL": "olga@example.org",
        "DJANGO_SUPERUSER_PASSWORD": "seven green bicycles",
    }
    with running(tmp_path_factory.mktemp("portal"), **values) as started:
        started.manage("createsuperuser", "--noinput")
        yield started


@pytest.fixture(scope="module")
def livegate(server: Server) -> Any:
    scopes = [f"--scope={area}:write" for area in ("people", "captures", "webhooks")]
    text = server.manage("api_key", "create", "olga", "--name=shop", *scopes).strip()
    return example.Livegate(server.url, text.splitlines()[-1])


def _show(server: Server, capture: Any, clip: Any) -> Any:
    """What a browser does with the address it was given."""
    visitor = Visitor(server.url)
    return visitor.capture(visitor.get(capture["url"]), clip)


def test_register_verify_and_redeem(server: Server, livegate: Any) -> None:
    livegate.register("ada", "ada@example.org")
    with pytest.raises(example.Problem, match="no consent") as refused:
        livegate.order("enrol", person="ada")
    assert (refused.value.status, refused.value.code) == (409, "no_consent")
    livegate.consent("ada", training=False)

    ordered = livegate.order("enrol", person="ada")
    assert _show(server, ordered, clips.live_clip(clips.PERSON))["verdict"] == "pass"
    assert livegate.redeem(ordered["id"])["enrolled"] is True

    same = livegate.order("verify", person="ada", reference="basket 7")
    _show(server, same, clips.live_clip(clips.PERSON, seed=1))
    result = livegate.redeem(same["id"])
    found = (result["verdict"], result["matched"], result["reference"])
    assert found == ("live", True, "basket 7")
    with pytest.raises(example.Problem) as again:
        livegate.redeem(same["id"])
    assert (again.value.status, again.value.code) == (409, "redeemed")

    other = livegate.order("verify", person="ada")
    _show(server, other, clips.live_clip(clips.STRANGER))
    assert livegate.redeem(other["id"])["matched"] is False

    phone = livegate.order("verify", person="ada")
    _show(server, phone, clips.recaptured_clip(clips.PERSON, seed=5))
    refusal = livegate.redeem(phone["id"])
    assert (refusal["verdict"], refusal["matched"]) == ("refused", None)

    assert livegate.export("ada")["face"]["stored"] is True
    livegate.erase("ada")
    with pytest.raises(example.Problem) as gone:
        livegate.export("ada")
    assert gone.value.status == 404


def test_a_result_that_was_altered_is_refused(livegate: Any) -> None:
    with pytest.raises(ValueError, match="not signed"):
        example.read_signed("e30.e30.AAAA", "lg_00000000_secret")


def test_a_capture_that_nobody_finished_cannot_be_redeemed(livegate: Any) -> None:
    ordered = livegate.order("liveness")
    assert livegate.state(ordered["id"]) == "open"
    with pytest.raises(example.Problem) as early:
        livegate.redeem(ordered["id"])
    assert early.value.code == "not_ended"


def test_what_happened_is_told_to_a_server_that_checks_the_signature(
    server: Server, livegate: Any, receiver: Receiver
) -> None:
    """No Redis and no worker: the portal itself sends."""
    secret = livegate.webhook(
        receiver.url, ["capture.finished", "capture.redeemed", "person.erased"]
    )
    livegate.register("grace")
    ordered = livegate.order("liveness", reference="basket 9")
    _show(server, ordered, clips.recaptured_clip(clips.PERSON, seed=5))
    livegate.redeem(ordered["id"])
    livegate.erase("grace")
    until = time.monotonic() + 60
    while len(receiver.got) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    told = [example.check_webhook(got.body, got.headers, secret["secret"]) for got in receiver.got]
    assert {event["type"]: event["data"] for event in told} == {
        "capture.finished": _about(ordered, state="refused"),
        "capture.redeemed": _about(ordered, verdict="refused"),
        "person.erased": {"person": "grace"},
    }


def _about(ordered: Any, **more: str) -> dict[str, str]:
    return {"id": ordered["id"], "purpose": "liveness", "reference": "basket 9", **more}
