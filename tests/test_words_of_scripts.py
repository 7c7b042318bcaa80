"""What a script says to a person is translated, and the page that loads the script hands it the words."""

import re
from functools import cache
from pathlib import Path

import pytest

from portal.words import catalogs

STATIC = catalogs.BASE_DIR / "static"
SCRIPTS = sorted((STATIC / "js").glob("*.js"))
PAGES = sorted((catalogs.BASE_DIR / "templates").rglob("*.html"))
_WORDS = "<script src=\"{% url 'script_words' %}\"></script>"
_LOADED = re.compile(r"""<script[^>]* src="\{% static 'js/([\w-]+)\.js' %\}">""")
_IMPORTED = re.compile(r'^import .* from "\./([\w-]+)\.js";$', re.M)
# A sentence or a capitalised word, or two words with a blank between them; `NotAllowedError` is neither.
_SPOKEN = re.compile(r"(?<![\w-])[A-Z][a-z]+(?![\w])|(?<![.#\w-])[a-z]+ [a-z]{2,}")
# The same in every language.
_NAMES = {"Livegate"}
_STRING = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`"""
_COMMENT = re.compile(rf"({_STRING})|//[^\n]*|/\*.*?\*/", re.S)
# Errors are for programmers, in the console.
_GIVEN = re.compile(rf"\b(?:gettext|Error)\(\s*(?:{_STRING})")


def _untranslated(source: str) -> list[str]:
    """The strings and templates of a script that somebody could read and that no gettext translates."""
    code = _GIVEN.sub("(", _COMMENT.sub(lambda found: found[1] or " ", source))
    return [each for each in re.findall(_STRING, code) if set(_SPOKEN.findall(each)) - _NAMES]


@cache
def _speaks(name: str) -> bool:
    """Whether a script, or one that it imports, asks for translations."""
    source = (STATIC / "js" / f"{name}.js").read_text(encoding="utf-8")
    return "gettext(" in source or any(_speaks(other) for other in _IMPORTED.findall(source))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_nothing_that_cannot_be_translated(script: Path) -> None:
    found = _untranslated(script.read_text(encoding="utf-8"))
    assert found == [], "Give it to gettext, and run `make words`."


@pytest.mark.parametrize(
    "source",
    [
        'show("Please wait");',
        'show("Wait");',
        "show('just a moment');",
        "show(`You are number ${place} in line.`);",
        'show(`${place === 1 ? "first" : "later"} Wait`);',
        'const WORDS = { NotAllowedError: "No passkey answered." };',
        'show(gettext("Wait") + "Please go on");',
    ],
)
def test_a_word_of_its_own_is_noticed(source: str) -> None:
    assert _untranslated(source) != []


@pytest.mark.parametrize(
    "source",
    [
        'show(gettext("Please wait"));',
        'show(\n  gettext(\n    // to the person\n    "Please wait"));',
        'throw new Error("Call remove() first.");',
        'const KINDS = { NotAllowedError: "camera_refused" }; // Please wait',
        'event.target.closest("input, select, textarea, .scroll");',
        "root.style.width = `${percent}%`;",
    ],
)
def test_what_nobody_reads_is_left_alone(source: str) -> None:
    assert _untranslated(source) == []


def test_a_page_hands_its_scripts_their_words_first() -> None:
    speaking = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for loaded in _LOADED.finditer(text):
            if _speaks(loaded[1]):
                speaking.add(loaded[1])
                assert _WORDS in text[: loaded.start()], f"{page.name} loads {loaded[1]}.js alone."
    assert {"capture", "passkey", "player"} <= speaking


def test_who_waits_in_line_is_told_so_in_german() -> None:
    said = catalogs.read("de", "djangojs")
    for words in re.findall(r'gettext\("(You are [^"]+)"\)', (STATIC / "js/words.js").read_text()):
        translated = str(said[words].string)
        assert translated.startswith("Du bist"), words
