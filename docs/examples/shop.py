"""A shop that asks Livegate whether a living person is there, in the standard library alone. Read it, then write yours.

    LIVEGATE_URL=https://door.example.org LIVEGATE_KEY=lg_… python shop.py 9000

The key needs the scope ``captures:write`` and the origin ``http://localhost:9000``. The browser is shown the capture, but
what it says is never believed: this server redeems the capture itself. ``LIVEGATE_SECRET=whsec_…`` lets it check webhooks.
"""

import json
import os
import secrets
import sys
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from livegate_client import Livegate, Problem, check_webhook

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Shop</title>
<h1>Your basket</h1>
<p><button id="prove">Show that you are there</button></p>
<p id="said" role="status"></p>
<div id="here"></div>
<script type="module" src="/shop.js"></script>
</html>
"""
SCRIPT = """
import { LivegateCapture } from "LIVEGATE/static/js/livegate-capture.js";

const said = document.querySelector("#said");
const names = ["ready", "started", "hint", "passed", "refused", "abstained", "failed", "closed"];

document.querySelector("#prove").addEventListener("click", async () => {
  const { url } = await post("/order");
  const capture = new LivegateCapture(url);
  for (const name of names) {
    capture.addEventListener(name, (event) => {
      document.body.dataset.events = `${document.body.dataset.events ?? ""} ${name}`;
      said.textContent = event.detail.words || name;
    });
  }
  capture.addEventListener("passed", async () => {
    const answer = await post("/pay");
    capture.remove();
    said.textContent = answer.paid ? "Paid. Thank you!" : `Not paid: ${answer.why}`;
  });
  capture.mount(document.querySelector("#here"));
});

async function post(path) {
  const response = await fetch(path, { method: "POST" });
  return response.json();
}
"""


class Shop(BaseHTTPRequestHandler):
    """Each visitor has a cookie, and the capture of their basket is known to this server alone."""

    livegate: Livegate
    origin: str
    url: str
    captures: dict[str, str] = {}
    heard: dict[str, Any] = {}

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, "text/html", PAGE)
        elif self.path == "/shop.js":
            self._answer(200, "text/javascript", SCRIPT.replace("LIVEGATE", self.url))
        else:
            self._answer(404, "text/plain", "There is nothing here.")

    def do_POST(self) -> None:
        steps = {"/order": self._order, "/pay": self._pay, "/hook": self._hook}
        step = steps.get(self.path) if self._visitor or self.path == "/hook" else None
        try:
            self._json(*(step() if step else (404, {})))
        except Problem as problem:
            self._json(409, {"paid": False, "why": str(problem)})

    def _order(self) -> tuple[int, Any]:
        capture = self.livegate.order("liveness", origin=self.origin, reference=self._visitor)
        self.captures[self._visitor] = capture["id"]
        return 200, {"url": capture["url"]}

    def _pay(self) -> tuple[int, Any]:
        """The proof: redeemed over our own connection, once, with the signature checked."""
        result = self.livegate.redeem(self.captures.get(self._visitor, "none"))
        return 200, {"paid": result["verdict"] == "live", "why": result["verdict"]}

    def _hook(self) -> tuple[int, Any]:
        """An event may come twice: its id tells."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            event = check_webhook(body, dict(self.headers), os.environ["LIVEGATE_SECRET"])
        except ValueError as error:
            return 400, {"why": str(error)}
        self.heard.setdefault(self.headers["webhook-id"], event)
        return 200, {}

    @property
    def _visitor(self) -> str:
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        return cookie["visitor"].value if "visitor" in cookie else ""

    def _json(self, status: int, body: Any) -> None:
        self._answer(status, "application/json", json.dumps(body))

    def _answer(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        policy = f"default-src 'none'; script-src 'self' {self.url}; frame-src {self.url}"
        self.send_header("Content-Security-Policy", f"{policy}; connect-src 'self'")
        if not self._visitor:
            visitor = secrets.token_urlsafe(16)
            self.send_header("Set-Cookie", f"visitor={visitor}; HttpOnly; SameSite=Strict")
        self.end_headers()
        self.wfile.write(text.encode())


def main(port: str) -> None:
    Shop.url = os.environ["LIVEGATE_URL"]
    Shop.livegate = Livegate(Shop.url, os.environ["LIVEGATE_KEY"])
    Shop.origin = f"http://localhost:{port}"
    print(f"The shop is open at {Shop.origin}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Shop).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
