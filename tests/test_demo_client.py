"""The visitor of the demonstration reads pages as a browser would."""

import pytest

from portal.demo.client import VisitError, read_page

_HTML = """
<html><head><title>Camera</title><style>p {}</style></head><body>
<form action="/auth/logout/" method="post"><input type="hidden" name="csrf" value="a"></form>
<main id="capture" data-ticket="t1" data-socket-path="/ws/liveness/"><p>Look   here</p>
<form method="post"><input name="attempt" value="1"><input type="checkbox" name="training">
<input type="checkbox" name="kept" checked><input type="submit" name="go"></form></main>
<script>let hidden = 1;</script></body></html>
"""
_URL = "http://127.0.0.1:8000/signin/face/capture/"


def test_visible_words_are_read_and_scripts_are_not() -> None:
    assert read_page(200, _URL, _HTML).words == "Look here"


def test_a_form_sends_what_a_browser_would_send() -> None:
    page = read_page(200, _URL, _HTML)
    assert page.form("/auth/logout/").values == {"csrf": "a"}
    assert page.form("/signin/face/capture/").values == {"attempt": "1", "kept": "on"}


def test_the_capture_element_tells_its_ticket() -> None:
    assert read_page(200, _URL, _HTML).data == {"ticket": "t1", "socket-path": "/ws/liveness/"}


def test_a_missing_form_is_an_error_that_quotes_the_page() -> None:
    with pytest.raises(VisitError, match=r"no form for /account/.*Look here"):
        read_page(200, _URL, _HTML).form("/account/")
