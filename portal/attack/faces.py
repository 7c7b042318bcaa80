"""Attempts with pictures: whole captures over real sockets, which the liveness check and the match have to refuse."""

import itertools
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from websockets.exceptions import ConnectionClosed

from liveness.chain import FrameChain
from portal.attack.attacker import Attacker, Broken, LetIn, ending, hear, start
from portal.attack.grounds import Grounds, nobody
from portal.attack.kinds import kind
from portal.attack.timing import CLOCK
from portal.demo.client import Page

FINISH = "/signin/face/finish/"
_FASTEST = 0.06
_PARALLEL = 8


def show(
    attacker: Attacker,
    page: Page,
    frames: Iterable[bytes],
    camera: str = "",
    pause: tuple[float, float] = (0.08, 0.14),
) -> dict[str, Any]:
    """Hold frames before the capture page's socket until it answers with more than a hint; that answer.

    pause: seconds between two frames, at least and at most. Raises Broken.
    """
    rng = Random(page.data["ticket"])
    with attacker.line(page.data.get("socket-path", "/ws/liveness/")) as line:
        answer = start(line, page.data["ticket"], camera)
        chain = FrameChain(page.data["ticket"], bytes.fromhex(answer.get("nonce", "")))
        for jpeg in frames:
            if answer["type"] in ("verdict", "error"):
                return answer
            time.sleep(rng.uniform(*pause))
            line.send(chain.seal(jpeg))
            answer = hear(line)
        return answer


def clip(frames: Sequence[bytes], rng: Random) -> Iterable[bytes]:
    """The clip from anywhere in it on, for ever."""
    begin = rng.randrange(len(frames))
    return itertools.islice(itertools.cycle(frames), begin, None)


def told(answer: dict[str, Any]) -> str:
    """What a capture ended with, for the table."""
    word = answer.get("reason") or answer.get("code") or ""
    return f"{answer.get('verdict', answer['type'])} {word}".strip()


def tried(attacker: Attacker, page: Page, frames: Iterable[bytes], **how: Any) -> str:
    """A capture, and the form behind it if it passed; how it was refused. Raises LetIn, Broken."""
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    answer = show(attacker, page, frames, **how)
    if answer.get("verdict") != "pass":
        return told(answer)
    return claimed(attacker, str(answer["attempt"]))


def claimed(attacker: Attacker, attempt: str) -> str:
    """Post an attempt's id as the capture page does. Raises LetIn when that signs in."""
    answer = attacker.post(FINISH, attempt=attempt)
    if answer.status != 403 or attacker.inside():
        raise LetIn(f"{FINISH} answered {answer.status} and the account page opens")
    return "passed, then 403"


@kind(weight=220)
def phone(day: Grounds, rng: Random) -> str:
    """A phone that shows the person is held to the camera."""
    attacker = Attacker(day.url, rng)
    return tried(attacker, attacker.face_page(day.somebody(rng)), clip(day.phone, rng))


@kind(weight=40)
def hurried_virtual_camera(day: Grounds, rng: Random) -> str:
    """The same phone through a virtual camera, as fast as the portal takes frames."""
    attacker = Attacker(day.url, rng)
    page = attacker.face_page(nobody(rng))
    fast = (_FASTEST, _FASTEST)
    return tried(attacker, page, clip(day.phone, rng), camera="OBS Virtual Camera", pause=fast)


@kind(weight=120)
def another_face(day: Grounds, rng: Random) -> str:
    """Somebody living, under a name that is not theirs."""
    name, attacker = day.somebody(rng), Attacker(day.url, rng)
    page = attacker.face_page(name)
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    answer = show(attacker, page, clip(day.stranger, rng))
    if answer.get("verdict") != "pass":
        return told(answer)
    began = time.perf_counter()
    way = claimed(attacker, str(answer["attempt"]))
    known = any(name == victim.name for victim in day.victims)
    CLOCK.note("claiming", "somebody" if known else "nobody", time.perf_counter() - began)
    return way


@kind(weight=60)
def swap_mid_attempt(day: Grounds, rng: Random) -> str:
    """Begins with a living stranger and ends with the person, living or on a phone."""
    attacker = Attacker(day.url, rng)
    page = attacker.face_page(day.somebody(rng))
    rest = rng.choice([day.phone, day.face])
    frames = itertools.chain(itertools.islice(clip(day.stranger, rng), 3), clip(rest, rng))
    return tried(attacker, page, frames)


@kind(weight=60)
def swap_before_the_match(day: Grounds, rng: Random) -> str:
    """Passes under a free name, then gives the victim's name in the same session, then claims the pass."""
    attacker = Attacker(day.url, rng)
    page = attacker.face_page(nobody(rng))
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    answer = show(attacker, page, clip(day.stranger, rng))
    if answer.get("verdict") != "pass":
        return told(answer)
    attacker.post("/signin/face/", username=rng.choice(day.victims).name)
    return claimed(attacker, str(answer["attempt"]))


@kind(weight=40)
def claims_in_parallel(day: Grounds, rng: Random) -> str:
    """A stranger's pass, claimed eight times at once."""
    attacker = Attacker(day.url, rng)
    page = attacker.face_page(day.somebody(rng))
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    answer = show(attacker, page, clip(day.stranger, rng))
    if answer.get("verdict") != "pass":
        return told(answer)
    twice = [attacker] * _PARALLEL, [str(answer["attempt"])] * _PARALLEL
    with ThreadPoolExecutor(_PARALLEL) as together:
        words = list(together.map(claimed, *twice))
    return words[0]


@kind(weight=20)
def stolen_pass(day: Grounds, rng: Random) -> str:
    """An owner passes; thieves with the attempt's id claim it first, in parallel, from sessions of their own."""
    owner = rng.choice(day.guests)
    visitor = owner.visitor()
    page, attempt = owner.passed_page(visitor)
    thieves = [Attacker(day.url, rng) for _ in range(4)]
    for thief in thieves:
        thief.face_page(owner.name)
    with ThreadPoolExecutor(len(thieves)) as together:
        words = list(together.map(claimed, thieves, [attempt] * len(thieves)))
    page = visitor.send(page.form(FINISH), attempt=attempt)
    if page.path != "/account/":
        raise Broken("thieves used up the pass of its owner")
    owner.ledger.note()
    return f"{words[0]}; the owner got in"


@kind(weight=15)
def session_fixation(day: Grounds, rng: Random) -> str:
    """Plants a session cookie of their own on an owner, who signs in with it; then uses it."""
    attacker, owner = Attacker(day.url, rng), rng.choice(day.guests)
    attacker.face_page(nobody(rng))
    planted = attacker.cookie_values["session"]
    victim = owner.visitor()
    victim.plant("session", planted)
    owner.sign_in(victim)
    if attacker.inside():
        raise LetIn("the planted session is signed in")
    if victim.cookie_values["session"] == planted:
        raise LetIn("the session kept its key")
    return "a new session key"


@kind(weight=25)
def still(day: Grounds, rng: Random) -> str:
    """One living picture, again and again."""
    attacker = Attacker(day.url, rng)
    frames = itertools.repeat(rng.choice(day.face))
    page = attacker.face_page(nobody(rng))
    return tried(attacker, page, frames, pause=(_FASTEST, _FASTEST))


@kind(weight=25)
def loop(day: Grounds, rng: Random) -> str:
    """Four living pictures in a loop."""
    attacker = Attacker(day.url, rng)
    frames = itertools.cycle(rng.sample(list(day.face), 4))
    page = attacker.face_page(day.somebody(rng))
    return tried(attacker, page, frames, pause=(_FASTEST, _FASTEST))


@kind(weight=250)
def replayed_conversation(day: Grounds, rng: Random) -> str:
    """The recording of a conversation that passed, under a new ticket."""
    attacker = Attacker(day.url, rng)
    page = attacker.face_page(day.somebody(rng))
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    with attacker.line() as line:
        answer = start(line, page.data["ticket"])
        if answer["type"] == "error":
            return ending(line) + f" {answer['code']}"
        try:
            for message in day.recording:
                line.send(message)
        except ConnectionClosed:
            pass
        return ending(line)


@kind(weight=15)
def pass_of_another_purpose(day: Grounds, rng: Random) -> str:
    """A capture that passed for an enrolment is claimed as a sign-in, and a sign-in's as an enrolment."""
    attacker = rng.choice(day.lodgers)
    attacker.post("/account/face/consent/", face="on")
    page = attacker.get("/account/face/capture/")
    if "ticket" not in page.data:
        return f"{page.status} no camera page"
    answer = show(attacker, page, clip(day.stranger, rng))
    if answer.get("verdict") != "pass":
        return told(answer)
    reply = attacker.post(FINISH, attempt=str(answer["attempt"]))
    if reply.status != 403:
        raise LetIn(f"an enrolment's pass was taken as a sign-in: {reply.status}")
    other = Attacker(day.url, rng)
    page = other.face_page(nobody(rng))
    answer = show(other, page, clip(day.stranger, rng))
    reply = attacker.post("/account/face/finish/", attempt=str(answer.get("attempt", "")))
    if reply.headers.get("location") != "/account/":
        raise LetIn(f"a sign-in's pass was enrolled: {reply.word}")
    return "403 and not set up"
