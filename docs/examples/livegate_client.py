"""A client for Livegate's API, in the standard library alone. Copy it into your application.

    livegate = Livegate("https://door.example.org", "lg_…")
    livegate.register("ada", "ada@example.org")
    livegate.consent("ada", training=False)          # after you have shown the text and she has agreed
    capture = livegate.order("enrol", person="ada", origin="https://shop.example")
    …                                                # your page shows capture["url"], see docs/api.md
    result = livegate.redeem(capture["id"])          # once; the signature is checked

On the command line: ``LIVEGATE_KEY=lg_… python livegate_client.py https://door.example.org verify ada``
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote


class Problem(Exception):
    """The portal refused. ``status`` and ``code`` are for programs; the text is for people."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body.get("detail") or body.get("title") or f"HTTP {status}")
        self.status = status
        self.code = str(body.get("code", ""))
        self.errors = body.get("errors", [])


class Livegate:
    """One portal and one API key. url: the portal's address without a path."""

    def __init__(self, url: str, key: str, seconds: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._seconds = seconds

    def register(self, username: str, email: str = "") -> Any:
        """An account without a password."""
        return self._call("POST", "people/", {"username": username, "email": email})

    def consent_text(self) -> Any:
        """What the person has to be shown before they agree."""
        return self._call("GET", "consent-text/")

    def consent(self, username: str, training: bool, evidence: bool = False) -> Any:
        """This person was shown today's text and agreed to it; evidence and training are questions of their own."""
        version = self.consent_text()["version"]
        body = {"text_version": version, "evidence": evidence, "training": training}
        return self._call("POST", f"people/{quote(username)}/consents/", body)

    def order(self, purpose: str, **order: Any) -> Any:
        """A capture: purpose ``liveness``, ``verify`` or ``enrol``; person, reference, origin, seconds."""
        return self._call("POST", "captures/", {"purpose": purpose, **order})

    def state(self, capture: str) -> str:
        return str(self._call("GET", f"captures/{capture}/")["state"])

    def wait(self, capture: str, seconds: float = 600.0) -> str:
        """Ask once a second until somebody has finished this capture."""
        until = time.monotonic() + seconds
        while (state := self.state(capture)) in ("open", "running") and time.monotonic() < until:
            time.sleep(1)
        return state

    def redeem(self, capture: str) -> Any:
        """The result, once. Raises Problem, and ValueError where the signature is wrong."""
        answer = self._call("POST", f"captures/{capture}/redeem/")
        return read_signed(answer["signed"], self._key)

    def webhook(self, url: str, events: list[str]) -> Any:
        """Have events sent to your server. Keep the ``secret``: it cannot be read again, see ``check_webhook``."""
        return self._call("POST", "webhooks/", {"url": url, "events": events})

    def export(self, username: str) -> Any:
        return self._call("GET", f"people/{quote(username)}/export/")

    def erase(self, username: str) -> None:
        """The person and everything that is stored about them."""
        self._call("DELETE", f"people/{quote(username)}/")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """A POST that gets no answer is sent once more; its Idempotency-Key keeps it from being done twice."""
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            f"{self._url}/api/v1/{path}", data=data, headers=headers, method=method
        )
        for last in (False, True):
            try:
                with urllib.request.urlopen(request, timeout=self._seconds) as response:
                    return json.loads(response.read() or b"null")
            except urllib.error.HTTPError as error:
                raise Problem(error.code, _problem(error.read())) from error
            except OSError:
                if last:
                    raise
        raise AssertionError("unreachable")


def read_signed(token: str, key: str) -> Any:
    """The result in a signed answer. Raises ValueError unless it was made for this key."""
    _, prefix, secret = key.split("_", 2)
    text, _, given = token.rpartition(".")
    shared = hashlib.sha256(secret.encode()).hexdigest().encode()
    if not hmac.compare_digest(
        hmac.new(shared, text.encode(), hashlib.sha256).digest(), _plain(given)
    ):
        raise ValueError("This result is not signed for this key.")
    head, claims = (json.loads(_plain(part)) for part in text.split("."))
    if head["alg"] != "HS256" or claims["aud"] != prefix:
        raise ValueError("This result is for another key.")
    return claims["result"]


def check_webhook(
    body: bytes, headers: Mapping[str, str], secret: str, seconds: float = 300.0
) -> Any:
    """The event in the body of a webhook. Raises ValueError for a wrong signature and for one of another hour.

    body: the bytes as they came; headers: of the request; secret: ``whsec_…``. An event may come twice, with the same
    ``webhook-id``: remember those you have worked on.
    """
    given = {name.lower(): value for name, value in headers.items()}
    number, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{number}.{at}.".encode() + body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    signatures = given.get("webhook-signature", "").split()
    if not any(hmac.compare_digest(b"v1," + right, each.encode()) for each in signatures):
        raise ValueError("This event is not signed with our secret.")
    if not at.isdigit() or abs(time.time() - int(at)) > seconds:
        raise ValueError("This event was signed too long ago, or our clock is wrong.")
    return json.loads(body)


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _problem(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def main(url: str, purpose: str, person: str = "") -> None:
    livegate = Livegate(url, os.environ["LIVEGATE_KEY"])
    capture = livegate.order(purpose, person=person or None)
    print("Open this in a browser with a camera:", capture["url"], flush=True)
    livegate.wait(capture["id"])
    print(json.dumps(livegate.redeem(capture["id"]), indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
