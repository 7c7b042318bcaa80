"""What a new site still needs, read from the site itself: nobody ticks anything off by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext

from accounts import policies
from accounts.models import User
from liveness.models import Attempt, Review
from portal import doctor, keys_copy


@dataclass(frozen=True)
class Item:
    """One thing a site needs. found: what is so now; mend: what to do, empty when done; link: where, or empty."""

    name: str
    title: str
    done: bool
    found: str
    mend: str = ""
    link: str = ""


def items() -> list[Item]:
    """In the order in which they are best done."""
    return [look() for look in _LOOKS]


def _secure() -> Item:
    title = gettext("People reach it securely")
    if urlsplit(settings.SITE_URL).scheme != "https":
        found = gettext(
            "%(site)s works on this machine alone: browsers give the camera to https pages."
        )
        mend = gettext("Put a TLS proxy in front, and set SITE_URL=https://… and BEHIND_PROXY=1.")
        return Item("https", title, False, found % {"site": settings.SITE_URL}, mend)
    return _of_doctor("https", title, doctor.certificate)


def _mail() -> Item:
    return _of_doctor("mail", gettext("Mails leave the house"), doctor.mail)


def _camera() -> Item:
    title = gettext("A camera was seen")
    seen = Attempt.objects.exclude(frames=[]).order_by("-created").first()
    if seen is None:
        mend = gettext("Set up your own face, or sign in with it.")
        return Item("camera", title, False, gettext("No attempt has shown a frame yet."), mend,
                    reverse("accounts:enrol_capture"))  # fmt: skip
    return Item("camera", title, True, gettext("Last on %(when)s.") % {"when": _when(seen.created)})


def _second_factor() -> Item:
    title = gettext("Administrators have a second factor")
    without = [
        user.get_username() for user in _administrators() if not policies.has_second_factor(user)
    ]
    if without:
        found = gettext("Not yet: %(names)s.") % {"names": ", ".join(without)}
        mend = gettext("Set up an authenticator app.")
        return Item("second-factor", title, False, found, mend, reverse("mfa_index"))
    return Item("second-factor", title, True, gettext("Every one of them."))


def _keys() -> Item:
    title = gettext("The keys are kept elsewhere too")
    if not keys_copy.made_here():
        return Item(
            "keys",
            title,
            True,
            gettext("They come from the settings: whoever set them keeps them."),
        )
    note = keys_copy.noted()
    if note is None:
        found = gettext(
            "No copy of the present keys is on record; without them no face can be opened again."
        )
        mend = gettext("Run manage.py copy_keys with a folder on another disk.")
        return Item("keys", title, False, found, mend)
    return Item("keys", title, True, gettext("Copied on %(when)s.") % {"when": _when(note.at)})


def _review() -> Item:
    title = gettext("A refused attempt was reviewed")
    first = Review.objects.order_by("created").first()
    if first is None:
        mend = gettext(
            "Hold a photo on a phone up to the camera, and label what the queue then shows."
        )
        found = gettext("No attempt has a label yet.")
        return Item("review", title, False, found, mend, reverse("liveness:queue"))
    return Item(
        "review", title, True, gettext("First on %(when)s.") % {"when": _when(first.created)}
    )


def _sound() -> Item:
    """The doctor's remaining parts that answer at once."""
    title = gettext("Database, model and storage are sound")
    parts = (doctor.database, doctor.tables, doctor.keys, doctor.weight_files, doctor.model,
             doctor.storage, doctor.bundles)  # fmt: skip
    ailing = [finding for finding in doctor.examine(parts) if finding.state != doctor.OK]
    if ailing:
        found = "; ".join(f"{each.part}: {each.text}" for each in ailing)
        return Item("sound", title, False, found, " ".join(each.mend for each in ailing))
    return Item("sound", title, True, gettext("manage.py doctor finds nothing wrong there."))


_LOOKS: tuple[Callable[[], Item], ...] = (
    _sound,
    _secure,
    _mail,
    _camera,
    _second_factor,
    _keys,
    _review,
)


def _of_doctor(name: str, title: str, part: doctor.Examination) -> Item:
    """Done when the doctor has nothing to say of this part but that it is well."""
    findings = doctor.examine((part,))
    worst = next((each for each in findings if each.state != doctor.OK), findings[0])
    return Item(name, title, worst.state == doctor.OK, worst.text, worst.mend)


def _administrators() -> QuerySet[User]:
    return User.objects.filter(is_superuser=True, is_active=True).order_by("pk")


def _when(moment: object) -> str:
    return formats.date_format(timezone.localtime(moment), gettext("j M Y, H:i"))  # type: ignore[arg-type]
