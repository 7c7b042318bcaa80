"""Between a session and a page: does the session satisfy the sign-in policy, and is its proof fresh enough for this?

Views of every room are behind this one middleware, because most rooms know nothing of people. What is listed as open or
as fresh is a view's name; a name that is not listed as open is closed to a session that lacks a factor.
"""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from asgiref.sync import sync_to_async
from channels.auth import get_user
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import ResolverMatch

from accounts import policies, sessions, step_up
from accounts.models import User
from accounts.policies import Factor
from api.authentication import bearer
from api.problems import MEDIA_TYPE

NOT_ALLOWED = 4403

# Open to a session that lacks a factor: signing out, setting up what is missing, and what is open to strangers too.
OPEN = {
    "home", "healthz", "readyz", "metrics", "embed:capture", "api-schema", "api-docs",
    "accounts:step", "accounts:notice", "accounts:consent", "accounts:enrol_capture", "accounts:enrol_finish",
    "accounts:enrolled", "accounts:signin_face", "accounts:signin_capture", "accounts:signin_finish",
    "accounts:signin_more", "accounts:setup", "set_language", "script_words", "model_card",
}  # fmt: skip
OPEN_STARTS = ("account_", "mfa_")

# Pages of the staff, by namespace or by name; and the interface that shows and does the same.
STAFF_NAMESPACES = {"liveness", "training", "models", "gate", "api", "admin"}
STAFF_NAMES = {"checklist", "test_mail"}
STAFF_API = "api-"
NOT_STAFF = {"api-schema", "api-docs", "admin:login", "admin:logout", "admin:jsi18n"}

# What needs a fresh factor, whatever the method. The account's own pages and the keys ask by themselves.
FRESH = {
    "models:change", "models:roll-back", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn",
    "mfa_remove_webauthn", "mfa_edit_webauthn", "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
}  # fmt: skip
# What needs one to be changed.
FRESH_CHANGES = ("admin:", "api-model-", "api-person-")
# Whoever reads an address of the account can have its password reset; a confirmation that is sent again changes nothing.
ADDRESSES = "account_email"
NOT_FRESH = {"admin:login", "admin:logout"}
FRESH_FORMS = ("_add", "_delete", ":accounts_signinpolicy_change", ":accounts_user_change")
_READING = {"GET", "HEAD", "OPTIONS"}

FIRST_PROVE = (
    "This needs a proof that it is you, minutes old: give it on the page {page}, or use an API key."
)
FIRST_COMPLETE = "Your session lacks a factor: open the page {page}, or use an API key."


class Gates:
    """Middleware behind authentication and allauth's own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or bearer(request) is not None:
            return None
        user, match = request.user, request.resolver_match
        if not isinstance(user, User) or match is None:
            return None
        sessions.note(request)
        if lacks_factor(request.session, user, match):
            return _incomplete(request, user)
        if needs_fresh(request, match) and not step_up.is_fresh(request.session, user):
            return None if _is_closed_anyway(user, match) else _stale(request)
        return None


def lacks_factor(session: Any, user: User, match: ResolverMatch) -> bool:
    """Is this page closed to this session, by the sign-in policy or because it is one of the staff's?"""
    name = match.view_name or ""
    if name in OPEN or name.startswith(OPEN_STARTS):
        return False
    if policies.unmet(session, user) is not None:
        return True
    return is_for_staff(match) and not may_work(session, user)


def may_work(session: Any, user: User) -> bool:
    """Does this session satisfy the policy, and what the pages of the staff need besides?"""
    if policies.unmet(session, user) is not None:
        return False
    if not user.is_staff or not policies.staff_pages_need_second_factor():
        return True
    return Factor.SECOND in policies.given(session, user)


def is_for_staff(match: ResolverMatch) -> bool:
    name = match.view_name or ""
    if name in NOT_STAFF:
        return False
    if name in STAFF_NAMES or name.startswith(STAFF_API):
        return True
    return bool(STAFF_NAMESPACES.intersection(match.namespaces))


def needs_fresh(request: HttpRequest, match: ResolverMatch) -> bool:
    """Does this change who gets in or what judges, or erase somebody?"""
    name = match.view_name or ""
    if name in FRESH:
        return True
    if name == ADDRESSES and request.method not in _READING:
        return "action_add" in request.POST or "action_send" not in request.POST
    if name in NOT_FRESH or not name.startswith(FRESH_CHANGES):
        return False
    return request.method not in _READING or name.endswith(FRESH_FORMS)


def _is_closed_anyway(user: User, match: ResolverMatch) -> bool:
    """Whoever has no rights at all is refused by the staff's page itself, at once instead of after a proof."""
    return is_for_staff(match) and not user.is_staff and not user.get_all_permissions()


class StaffSocket:
    """ASGI middleware behind sessions: below ``path``, what a page of the staff could not open is refused at the handshake."""

    def __init__(self, inner: Any, path: str) -> None:
        self._inner, self._path = inner, path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        user = await get_user(scope) if scope["path"].startswith(self._path) else None
        if isinstance(user, User) and not await sync_to_async(may_work)(scope["session"], user):
            await receive()
            await send({"type": "websocket.close", "code": NOT_ALLOWED})
            return
        await self._inner(scope, receive, send)


def _incomplete(request: HttpRequest, user: User) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem("factor_missing", FIRST_COMPLETE.format(page="/account/one-more-step/"))
    only_staff = policies.unmet(request.session, user) is None
    if only_staff and policies.has_second_factor(user):
        return step_up.ask(request)
    return redirect("accounts:step")


def _stale(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        methods = get_adapter().get_reauthentication_methods(request.user)
        page = methods[0]["url"] if methods else "/auth/password/reset/"
        return _problem("fresh_factor_needed", FIRST_PROVE.format(page=page))
    return step_up.ask(request)


def _problem(code: str, detail: str) -> JsonResponse:
    body = {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": code,
        "detail": detail,
    }
    return JsonResponse(body, status=403, content_type=MEDIA_TYPE)
