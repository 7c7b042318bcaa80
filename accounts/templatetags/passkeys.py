"""Where passkeys work: browsers bind them to a name, and only behind https or on localhost."""

import ipaddress
from typing import Any

from django import template
from django.http import HttpRequest
from django.http.request import split_domain_port

register = template.Library()
_HERE = ("127.0.0.1", "[::1]")


@register.simple_tag(takes_context=True)
def passkeys_work(context: dict[str, Any]) -> bool:
    """Can a browser make or use a passkey at the address of this request?"""
    request: HttpRequest = context["request"]
    host, _ = split_domain_port(request.get_host())
    return host == "localhost" or (request.is_secure() and not _is_number(host))


@register.simple_tag(takes_context=True)
def same_page_on_localhost(context: dict[str, Any]) -> str:
    """The same page under the name of this machine; empty when it was not opened on this machine."""
    request: HttpRequest = context["request"]
    host, port = split_domain_port(request.get_host())
    if host not in _HERE:
        return ""
    return f"{request.scheme}://localhost{f':{port}' if port else ''}{request.path}"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
