"""Attempts at the pages: forged forms, other people's things, guessed names, and requests no browser sends."""

import time
import urllib.parse
from random import Random

from portal.attack.attacker import Answer, Attacker, LetIn
from portal.attack.faces import FINISH
from portal.attack.grounds import Grounds, nobody
from portal.attack.kinds import kind
from portal.attack.timing import CLOCK

_CHANGES = (
    "/signin/face/",
    FINISH,
    "/auth/login/",
    "/auth/logout/",
    "/auth/signup/",
    "/auth/password/change/",
    "/auth/password/reset/",
    "/auth/email/",
    "/auth/second-factor/recovery-codes/generate/",
    "/account/face/consent/",
    "/account/face/consent/withdraw/",
    "/account/face/training/",
    "/account/face/finish/",
    "/account/face/delete/",
    "/account/delete/",
    "/review/undo/",
    "/review/drift/begin/",
    "/training/new/",
    "/models/roll-back/",
    "/models/1/promote/",
    "/gate/models/1/judge/",
    "/keys/",
    "/keys/1/revoke/",
    "/admin/login/",
    "/admin/accounts/user/add/",
    "/api/v1/attempts/undo/",
    "/api/v1/models/roll-back/",
    "/api/v1/captures/",
)
_STAFFS = (
    "/review/",
    "/review/{attempt}/",
    "/review/{attempt}/worst.jpg",
    "/review/{attempt}/best.jpg",
    "/review/{attempt}/playback/0.jpg",
    "/review/{attempt}/crop-2.7.png",
    "/review/{attempt}/spectrum.png",
    "/review/{attempt}/label/",
    "/review/drift/",
    "/training/",
    "/training/1/",
    "/models/",
    "/models/1/",
    "/models/1/disagreement/",
    "/gate/",
    "/keys/",
    "/admin/",
    "/admin/accounts/user/",
    "/admin/accounts/user/1/change/",
    "/admin/accounts/facetemplate/",
    "/admin/liveness/attempt/{attempt}/change/",
    "/admin/trail/auditentry/",
    "/api/v1/attempts/",
    "/api/v1/attempts/{attempt}/",
    "/api/v1/attempts/{attempt}/label/",
    "/api/v1/models/",
    "/api/v1/training-runs/",
    "/api/v1/gate/benchmarks/",
    "/api/v1/drift/",
    "/api/v1/people/",
    "/api/v1/people/{name}/",
    "/api/v1/people/{name}/export/",
    "/api/v1/people/{name}/face/",
    "/metrics",
)
_WILD = (
    "%00",
    "%ff%fe",
    "%ed%a0%80",
    "%2e%2e%2f" * 9,
    "%0d%0aX-Evil:%201",
    "'%20OR%201=1--",
    "%f0%9f%98%80" * 99,
)
_TYPED = (
    "\x00",
    "a\x00b",
    "\U0001f600" * 150,
    "x" * 100_000,
    "' OR ''='",
    "<script>",
    "\u202eevil",
    "\ud7ff",
    " ",
)
_METHODS = (
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "GET",
    "HEAD",
    "BREW",
)


def _kept_out(answer: Answer, what: str) -> str:
    """Raises LetIn unless the answer is a refusal, or a redirect to where one signs in."""
    there = answer.headers.get("location", "")
    if answer.status in (400, 401, 403, 404, 405, 413, 415, 429) or "login" in there:
        return answer.word
    raise LetIn(f"{what} answered {answer.status} {there}")


@kind(weight=600)
def forged_form(day: Grounds, rng: Random) -> str:
    """A form of another site, sent with the cookies of somebody who is signed in, without the token or with a wrong one."""
    lodger, path = rng.choice(day.lodgers), rng.choice(_CHANGES)
    token = rng.choice(["", "x" * 64, f"{rng.randrange(36**30):064x}", "\x00"])
    fields = {"csrfmiddlewaretoken": token, "attempt": rng.choice(day.attempts), "face": "on"}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if rng.random() < 0.5:
        headers["Origin"] = "https://evil.example"
    body = urllib.parse.urlencode({**fields, "username": day.victims[0].name}).encode()
    return _kept_out(lodger.ask("POST", path, body, headers), f"POST {path}")


@kind(weight=650)
def of_another_person(day: Grounds, rng: Random) -> str:
    """A member without rights asks for other people's attempts, pictures, faces, and for the pages of staff."""
    path = rng.choice(_STAFFS).format(
        attempt=rng.choice(day.attempts), name=rng.choice(day.victims).name
    )
    lodger = rng.choice(day.lodgers)
    if rng.random() < 0.6:
        answer = lodger.ask("GET", path, headers={"X-Forwarded-For": "10.9.9.9"})
    else:
        way = rng.choice(["POST", "DELETE", "PUT", "PATCH"])
        token = {"X-CSRFToken": lodger.cookie_values.get("csrftoken", "")}
        answer = lodger.ask(way, path, b"label=live", {**token, "Content-Type": "application/json"})
    if path == "/metrics" and answer.status == 200:
        raise LetIn("/metrics is open")
    return _kept_out(answer, path)


@kind(weight=300)
def of_staff_unsigned(day: Grounds, rng: Random) -> str:
    """The same without signing in at all, sometimes with a session or device cookie made up."""
    path = rng.choice((*_STAFFS, "/account/", "/account/export/", "/account/face/capture/"))
    path = path.format(attempt=rng.choice(day.attempts), name=rng.choice(day.victims).name)
    made_up = f"session={rng.randbytes(16).hex()}; device=a:b:{rng.randbytes(9).hex()}"
    cookie = rng.choice(["", made_up, "session=" + "A" * 5000, "session=\"'\\\x07; csrftoken=;"])
    return _kept_out(Attacker(day.url, rng).ask("GET", path, headers={"Cookie": cookie}), path)


@kind(weight=200)
def claim_of_anothers_attempt(day: Grounds, rng: Random) -> str:
    """The id of a real attempt of somebody else is claimed, as a sign-in and as an enrolment."""
    attacker = Attacker(day.url, rng)
    attacker.face_page(nobody(rng))
    attempt = rng.choice([*day.attempts, rng.choice(_TYPED), f"{{{day.attempts[0]}}}", "0" * 32])
    answer = attacker.post(FINISH, attempt=attempt)
    if answer.status == 302 or attacker.inside():
        raise LetIn(f"the attempt of another person signed in: {answer.word}")
    lodger = rng.choice(day.lodgers)
    reply = lodger.post("/account/face/finish/", attempt=attempt)
    if reply.headers.get("location", "").endswith("/done/"):
        raise LetIn("the face of another person was enrolled")
    return f"{answer.word}, {reply.word}"


@kind(weight=500)
def wild_address(day: Grounds, rng: Random) -> str:
    """Addresses and queries that nobody should write: no Unicode, control characters, ways upwards, endless."""
    base = rng.choice(
        ("/", "/signin/face/", "/review/", "/embed/", "/notice/", "/static/", "/api/v1/")
    )
    wild = rng.choice(_WILD)
    more = [f"{base}{wild}", f"{base}?next={wild}&page={wild}", f"/{wild}", f"{base}{'a' * 9000}"]
    more += [f"/api/v1/attempts/?who={wild}&order={wild}", f"/auth/password/reset/key/{wild}-x/"]
    path = rng.choice(
        [*more, f"/auth/confirm-email/{wild}/", "//evil.example/%2e%2e", "/static/../manage.py"]
    )
    person = rng.choice([Attacker(day.url, rng), *day.lodgers])
    answer = person.ask("GET", path)
    return _harmless(answer, path)


@kind(weight=300)
def wild_headers(day: Grounds, rng: Random) -> str:
    """Hosts that are not ours, forwarded lies, cookies without end, header values that no browser sends."""
    wild = rng.choice(
        ["\x00", "\x7f\x01", "é\xff", "a" * 9000, "{}", "${jndi:ldap://evil}", "-1", ",,,"]
    )
    names: tuple[str, ...] = (
        "Host",
        "X-Forwarded-Host",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "Cookie",
        "Referer",
    )
    names += (
        "User-Agent",
        "Accept-Language",
        "Authorization",
        "Content-Type",
        "X-Request-ID",
        "Range",
    )
    names += ("Daphne-Root-Path", "Sec-WebSocket-Protocol", "If-Modified-Since", "Accept", "Origin")
    headers = {rng.choice(names): wild}
    path = rng.choice(
        ("/", "/signin/face/", "/api/v1/schema/", "/auth/login/", "/static/css/x.css")
    )
    if rng.random() < 0.2:
        headers |= {"Host": "evil.example"}
    return _harmless(Attacker(day.url, rng).ask("GET", path, headers=headers), str(headers))


@kind(weight=150)
def wild_method(day: Grounds, rng: Random) -> str:
    """Methods that a page does not know, and bodies where there should be none, or of the wrong kind."""
    way = rng.choice(_METHODS)
    kinds = (
        "application/json",
        "multipart/form-data; boundary=",
        "text/xml",
        "multipart/form-data",
    )
    headers = {"Content-Type": rng.choice(kinds)}
    path = rng.choice(("/signin/face/", FINISH, "/healthz", "/api/v1/check/", "/auth/login/"))
    answer = Attacker(day.url, rng).ask(way, path, rng.randbytes(rng.randrange(1, 900)), headers)
    return _harmless(answer, f"{way} {path}")


@kind(weight=300)
def wild_form(day: Grounds, rng: Random) -> str:
    """Forms with their token, and values that nobody types: NUL, a hundred thousand letters, markup, SQL."""
    attacker = Attacker(day.url, rng)
    attacker.get("/signin/face/")
    typed, other = rng.choice(_TYPED), rng.choice(_TYPED)
    ways = [
        ("/signin/face/", {"username": typed, "next": other}),
        (FINISH, {"attempt": typed}),
        ("/auth/password/reset/", {"email": f"{typed}@example.org"}),
        ("/auth/login/", {"login": "", "password": typed, "next": other}),
        ("/auth/signup/", {"username": typed, "email": other, "password1": "a", "password2": "b"}),
        ("/notice/x/", {"answer": typed}),
    ]
    path, fields = rng.choice(ways)
    return _harmless(attacker.post(path, None, **fields), path)


@kind(weight=150)
def giant_form(day: Grounds, rng: Random) -> str:
    """Forms of megabytes, of thousands of fields, or of fewer bytes than they announce."""
    attacker = Attacker(day.url, rng)
    attacker.get("/signin/face/")
    kind_ = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies = [b"username=" + b"x" * 3_000_000, b"&".join(b"f%d=1" % n for n in range(3000))]
    answer = attacker.ask("POST", "/signin/face/", rng.choice(bodies), kind_)
    return _harmless(answer, "/signin/face/")


@kind(weight=60)
def open_redirect(day: Grounds, rng: Random) -> str:
    """A way back that leads to another site."""
    targets = (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
    )
    target = urllib.parse.quote(rng.choice(targets))
    lodger = rng.choice(day.lodgers)
    path = rng.choice((f"/signin/face/?next={target}", f"/auth/login/?next={target}"))
    answer = lodger.ask("GET", path)
    if "evil" in answer.headers.get("location", "") and "next=" not in answer.headers["location"]:
        raise LetIn(f"{path} leads away: {answer.headers['location']}")
    return answer.word


@kind(weight=350)
def guessed_name(day: Grounds, rng: Random) -> str:
    """Listens to how long the portal takes for a name of somebody and for one of nobody."""
    names = [("somebody", rng.choice(day.guests).name), ("nobody", nobody(rng))]
    rng.shuffle(names)
    statuses = set()
    for who, name in names:
        attacker = Attacker(day.url, rng)
        form = attacker.get("/signin/face/").form("/signin/face/")
        began = time.perf_counter()
        page = attacker.send(form, username=name)
        CLOCK.note("naming", who, time.perf_counter() - began)
        statuses.add((page.status, page.words))
    if len(statuses) > 1:
        raise LetIn(f"the answers tell who exists: {statuses}")
    return f"one page for both, {statuses.pop()[0]}"


@kind(weight=60)
def guessed_password(day: Grounds, rng: Random) -> str:
    """Common passwords, for a name of somebody and for one of nobody."""
    name = rng.choice([rng.choice(day.guests).name, nobody(rng)])
    attacker = Attacker(day.url, rng)
    attacker.get("/auth/login/")
    password = rng.choice(["123456", "password", "qwerty", name, "letmein", "\x00"])
    answer = attacker.post("/auth/login/", login=name, password=password)
    if attacker.inside():
        raise LetIn(f"the password {password!r} opened an account")
    return answer.word


@kind(weight=40)
def pages_without_end(day: Grounds, rng: Random) -> str:
    """One address opens capture page after capture page."""
    network = f"192.168.{rng.randrange(2)}"
    attacker = Attacker(day.url, rng, network)
    words = [str(attacker.face_page(nobody(rng)).status) for _ in range(8)]
    return f"{words.count('429')} of 8 refused (429)" if "429" in words else "8 pages, no attempt"


def _harmless(answer: Answer, what: str) -> str:
    """Raises LetIn when something evil came back as ours."""
    there = answer.headers.get("location", "")
    if "x-evil" in answer.headers or urllib.parse.urlsplit(there).netloc.startswith("evil"):
        raise LetIn(f"{what} was answered with {there or 'a header of the attacker'}")
    if b"<script>alert" in answer.body or b"DJANGO_SETTINGS" in answer.body:
        raise LetIn(f"{what} was answered with what it must not show")
    return answer.word
