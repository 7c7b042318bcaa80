"""Attempts at the JSON interface: keys that do not work any more, that reach too far, and bodies of junk."""

import json
from random import Random
from typing import Any

from portal.attack.attacker import Answer, Attacker, LetIn
from portal.attack.faces import clip, show, told
from portal.attack.grounds import Grounds
from portal.attack.kinds import kind
from portal.attack.sockets import damaged

_READS = (
    "attempts/",
    "models/",
    "training-runs/",
    "people/",
    "captures/",
    "drift/reports/",
    "gate/benchmarks/",
)
_WRITES = (
    "captures/",
    "check/",
    "people/",
    "attempts/undo/",
    "models/roll-back/",
    "drift/reference/",
)
_JSON = {"Content-Type": "application/json"}


def _call(day: Grounds, rng: Random, key: str, method: str, path: str, body: Any = None) -> Answer:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {**_JSON, "Authorization": f"Bearer {key}"}
    return Attacker(day.url, rng).ask(method, f"/api/v1/{path}", data, headers)


def _refused(answer: Answer, what: str, *expected: int) -> str:
    if answer.status not in expected:
        raise LetIn(f"{what} answered {answer.status}: {answer.body[:120]!r}")
    return answer.word


@kind(weight=350)
def wrong_key(day: Grounds, rng: Random) -> str:
    """A key made up, cut, with another's secret, or of no characters at all."""
    mark, prefix, secret = day.keys.program.split("_", 2)
    keys = ["", "lg_", f"lg_{prefix}_", f"lg_{prefix}_{secret[:-1]}", f"xx_{prefix}_{secret}"]
    keys += [
        f"lg_{prefix}_{rng.randbytes(24).hex()}",
        "lg_\x00_x",
        "lg_%_%",
        "é" * 40,
        "lg" + "_" * 900,
    ]
    keys += [f"lg_{rng.randbytes(4).hex()}_{secret}", f"{mark}_{prefix}\t_{secret}"]
    path = rng.choice((*_READS, *_WRITES))
    answer = _call(day, rng, rng.choice(keys), rng.choice(["GET", "POST"]), path, {})
    return _refused(answer, f"a wrong key at {path}", 400, 401, 403)


@kind(weight=200)
def dead_key(day: Grounds, rng: Random) -> str:
    """A key that has expired or was revoked."""
    key, path = rng.choice([day.keys.expired, day.keys.revoked]), rng.choice((*_READS, *_WRITES))
    answer = _call(day, rng, key, rng.choice(["GET", "POST"]), path, {"purpose": "liveness"})
    return _refused(answer, f"a dead key at {path}", 401, 403)


@kind(weight=250)
def key_out_of_scope(day: Grounds, rng: Random) -> str:
    """A key that works, where its scope does not reach."""
    path = rng.choice([path for path in (*_READS, *_WRITES) if not path.startswith("drift/rep")])
    method = "POST" if path in _WRITES else "GET"
    answer = _call(day, rng, day.keys.narrow, method, path, {"purpose": "liveness"})
    return _refused(answer, f"a narrow key at {path}", 403, 405)


@kind(weight=100)
def key_of_another_program(day: Grounds, rng: Random) -> str:
    """Orders a capture, and another program's key asks for it and redeems it."""
    made = _call(day, rng, day.keys.program, "POST", "captures/", {"purpose": "liveness"})
    path = f"captures/{json.loads(made.body)['id']}/"
    words = []
    for method, way in (("GET", path), ("POST", f"{path}redeem/")):
        words.append(_refused(_call(day, rng, day.keys.other, method, way), way, 404))
    early = _call(day, rng, day.keys.program, "POST", f"{path}redeem/")
    return f"{words[0]}; {_refused(early, 'redeeming before the end', 409)}"


@kind(weight=300)
def junk_for_a_program(day: Grounds, rng: Random) -> str:
    """A key that works, and bodies that do not: other types, NUL, deep and broken JSON, numbers without end."""
    wild: list[Any] = [
        None,
        [],
        "x",
        7,
        {"purpose": ["verify"]},
        {"purpose": "verify", "person": "\x00"},
    ]
    wild += [
        {"purpose": "liveness", "seconds": 10**400},
        {"purpose": "liveness", "origin": "http://[::1"},
    ]
    wild += [
        {"purpose": "verify", "person": {"a": 1}},
        {"purpose": "liveness", "reference": "\x00"},
    ]
    wild += [
        {"purpose": "liveness", "reference": "\ud800"},
        {"purpose": "enrol", "person": "x" * 9000},
    ]
    wild += [b"[" * 5000, b"\xff\xfe", b'{"purpose":', b'{"seconds": NaN, "purpose": "liveness"}']
    paths: tuple[str, ...] = (
        "captures/",
        "captures/\x00/redeem/",
        "people/%00/",
        "captures/1/",
        "check/burst/",
        "check/pair/",
    )
    paths += ("attempts/?who=%00", "attempts/?since=9999999999-01-01&page=-1", "attempts/?page=%00")
    path = rng.choice((*["captures/"] * 6, *paths))
    method = "GET" if "?" in path else "POST"
    answer = _call(day, rng, day.keys.program, method, path, rng.choice(wild))
    return _refused(
        answer,
        f"junk at {path}",
        400,
        403,
        404,
        405,
        409,
        415,
        429,
        *([200] if "?" in path else []),
    )


@kind(weight=120)
def junk_picture(day: Grounds, rng: Random) -> str:
    """A key that works, and a picture to check that is none: damaged, a bomb, another format, a broken upload."""
    mark = rng.randbytes(8).hex()
    data = damaged(rng.choice(day.face), rng)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="image"; filename="x\x01.jpg"\r\n\r\n'
    whole = head.encode() + data + f"\r\n--{mark}--\r\n".encode()
    body = rng.choice([whole, whole, head.encode() + data, data, whole.replace(b"image", b"\x00")])
    headers = {"Content-Type": f"multipart/form-data; boundary={mark}"}
    headers |= {"Authorization": f"Bearer {day.keys.program}"}
    path = rng.choice(("check/", "check/", "check/burst/", "check/pair/"))
    answer = Attacker(day.url, rng).ask("POST", f"/api/v1/{path}", body, headers)
    # A small clean PNG is a picture: it is judged, and there is nobody in it.
    if answer.status == 200 and json.loads(answer.body).get("verdict") != "live":
        return "200 not live"
    return _refused(answer, f"a junk picture at {path}", 400, 404, 413, 415, 429)


@kind(weight=60)
def junk_repeated(day: Grounds, rng: Random) -> str:
    """Idempotency keys that cannot be one, and one that is used for two different requests."""
    token = rng.choice(["", " ", "é", "x" * 300, "a\tb", "same"])
    headers = {**_JSON, "Authorization": f"Bearer {day.keys.program}", "Idempotency-Key": token}
    body = json.dumps({"purpose": "liveness", "seconds": rng.randrange(1, 59)}).encode()
    answer = Attacker(day.url, rng).ask("POST", "/api/v1/captures/", body, headers)
    return _refused(answer, "a repeated order", 400, 409)


@kind(weight=200)
def forged_frame(day: Grounds, rng: Random) -> str:
    """The address of another site's capture, guessed or altered."""
    token = rng.choice(
        [rng.randbytes(48).hex(), "0" * 96, day.attempts[0], "%00" * 32, "ä" * 3, "x" * 5000]
    )
    path = f"/embed/{token.encode('ascii', 'replace').decode()}/"
    return _refused(Attacker(day.url, rng).ask("GET", path), "a forged capture", 400, 404, 414)


@kind(weight=25)
def phone_in_a_frame(day: Grounds, rng: Random) -> str:
    """A capture that another site ordered to verify a person, and a phone that shows them."""
    order = {"purpose": "verify", "person": rng.choice(day.victims).name}
    made = _call(day, rng, day.keys.program, "POST", "captures/", order)
    capture, attacker = json.loads(made.body), Attacker(day.url, rng)
    page = attacker.get(capture["url"].replace(f"{day.url}", ""))
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    answer = show(attacker, page, clip(day.phone, rng))
    redeemed = _call(day, rng, day.keys.program, "POST", f"captures/{capture['id']}/redeem/")
    result = json.loads(redeemed.body).get("result", {})
    if result.get("matched") or result.get("verdict") == "live":
        raise LetIn(f"a phone was verified: {result}")
    return told(answer)
