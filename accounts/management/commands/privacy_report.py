"""What is held about whom, for which purpose, and what goes when. No face, no score, no secret is shown."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import erasure, holdings, names, retention
from accounts.models import User

Report = dict[str, Any]


class Command(BaseCommand):
    help = "Print what is held about one person, or about everybody, with counts, dates, purposes and retention dates."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "user", nargs="?", help="a user name or an e-mail address; everybody without it"
        )
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, user: str | None, json: bool, **options: Any) -> None:
        people = User.objects.order_by("pk") if user is None else [_found(user)]
        sessions = erasure.signed_in()
        reports = [holdings.report(person, sessions) for person in people]
        site = _site(reports)
        lines = [_json({"people": reports, "site": site})] if json else _lines(reports, site)
        for line in lines:
            self.stdout.write(line)


def _found(name: str) -> User:
    user = names.find_user(names.canonical(name))
    if user is None:
        raise CommandError(
            f"There is nobody of the name {name!r}; give a user name or an e-mail address."
        )
    return user


def _site(reports: Iterable[Report]) -> Report:
    """Over all of them: how much of each kind, and when the first of it goes; and accounts that will go unconfirmed."""
    kinds: dict[str, dict[str, Any]] = {}
    for item in (item for report in reports for item in report["held"]):
        kind = kinds.setdefault(item["what"], {"count": 0, "next": None})
        kind["count"] += item["count"]
        kind["next"] = min(filter(None, (kind["next"], item["until"])), default=None)
    pending = retention.pending_accounts(timezone.now()).count()
    return {"held": kinds, "unconfirmed_accounts_that_go_next": pending}


def _json(content: Report) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


def _lines(reports: list[Report], site: Report) -> Iterator[str]:
    for report in reports:
        yield from _person(report)
        yield ""
    yield f"All {len(reports)} together, and when the first of it goes:"
    for what, kind in sorted(site["held"].items()):
        yield f"  {kind['count']:6d}  {what}: {_day(kind['next']) or 'not by the clock'}"
    yield f"  {site['unconfirmed_accounts_that_go_next']:6d}  unconfirmed accounts go with the next sweep"


def _person(report: Report) -> Iterator[str]:
    last = _day(report["last_sign_in"]) or "never"
    yield f"{report['person']}: joined {_day(report['joined'])}, last sign-in {last}"
    for purpose, given in report["consents"].items():
        yield f"  agreed to {purpose}: version {given['version']}, {_day(given['given'])}"
    if not report["consents"]:
        yield "  agreed to nothing"
    for item in report["held"]:
        since = f" since {_day(item['since'])}" if item["since"] else ""
        goes = f"{_day(item['until'])}, " if item["until"] else ""
        yield f"  {item['count']:6d}  {item['what']}{since}, for {item['purpose']}; goes {goes}{item['rule']}"
    training, api = report["elsewhere"].get("training", {}), report["elsewhere"].get("api", {})
    yield f"  {training.get('copies', 0):6d}  copies for training"
    yield f"  {api.get('captures', 0):6d}  captures of other sites"
    for model in training.get("models", []):
        yield f"          {model['name']} ({model['sha256'][:8]}) learned from their pictures: {model['how']}"


def _day(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d}" if moment else ""
