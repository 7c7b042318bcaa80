"""Everything the portal says is said in every language, and what is compiled is what is written."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from portal.words import catalogs

LANGUAGES = catalogs.languages()
EVERY = [(language, domain) for language in LANGUAGES for domain in catalogs.DOMAINS]
TEMPLATES = catalogs.BASE_DIR / "templates"
_FILLED_IN = re.compile(r"%\(\w+\)s|%s|%%|\{\w*[^{}]*\}|<[^>]+>|\n")
_SAID = re.compile(
    r"\{%\s*blocktranslate.*?endblocktranslate\s*%\}|\{%\s*block (page_class|main_attributes|head|scripts) "
    r"%\}.*?\{%\s*endblock|<(script|style|pre|code|kbd)\b.*?</\2>|\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<!--.*?-->",
    re.S,
)
_TAG = re.compile(r"<[^>]*>", re.S)
_WORDY = re.compile(r'\b(aria-label|alt|title|placeholder)="[^"]*?[A-Za-z]{3}[^"]*"')
# Documents stay in one language: the report of a training, and the page that explains an archive of one's data.
_DOCUMENTS = {"report.html", "archive_readme.txt"}
_NAMES = {"Livegate", "nbsp", "ldquo", "rdquo", "middot", "hellip", "ndash"}


def _pairs(catalog: Catalog) -> list[tuple[str, str]]:
    """Each message with what is said for it; the plural alone where there is one, as its number is in both."""
    found = []
    for message in catalog:
        if isinstance(message.id, list | tuple):
            found.append((str(message.id[1]), str((message.string or ["", ""])[1])))
        elif message.id:
            found.append((str(message.id), str(message.string)))
    return found


def test_there_is_another_language_than_english() -> None:
    assert "de" in LANGUAGES
    assert len(_pairs(catalogs.read("de", "django"))) > 700


@pytest.mark.parametrize(("language", "domain"), EVERY)
def test_every_word_of_the_sources_is_translated(language: str, domain: str) -> None:
    missing = catalogs.untranslated(catalogs.renewed(language, domain))
    assert missing == [], "Translate them in locale/, after `make words` has put them there."


@pytest.mark.parametrize(("language", "domain"), EVERY)
def test_what_is_compiled_is_what_is_written(language: str, domain: str) -> None:
    written = catalogs.compiled(catalogs.read(language, domain))
    assert catalogs.path(language, domain, "mo").read_bytes() == written, "Run `make words`."


@pytest.mark.parametrize(("language", "domain"), EVERY)
def test_a_translation_fills_in_what_the_original_does(language: str, domain: str) -> None:
    differing = [
        (said, translated)
        for said, translated in _pairs(catalogs.read(language, domain))
        if set(_FILLED_IN.findall(said)) != set(_FILLED_IN.findall(translated))
    ]
    assert differing == []


def test_german_is_friendly() -> None:
    """This portal says "du"; so does what allauth says on its pages."""
    every = [pair for domain in catalogs.DOMAINS for pair in _pairs(catalogs.read("de", domain))]
    formal = [
        said for _, said in every if catalogs.FORMAL.search(re.sub(r"^Sie |[.:] Sie ", "", said))
    ]
    assert formal == []


@pytest.mark.parametrize(
    "template",
    [path for path in sorted(TEMPLATES.rglob("*.*")) if path.name not in _DOCUMENTS],
    ids=lambda path: path.relative_to(TEMPLATES).as_posix(),
)
def test_a_template_says_nothing_that_cannot_be_translated(template: Path) -> None:
    rest = _SAID.sub(" ", template.read_text(encoding="utf-8"))
    attributes = [found[0] for found in _WORDY.finditer(rest)]
    words = set(re.findall(r"[A-Za-z]{3,}", _TAG.sub(" ", rest))) - _NAMES
    assert (attributes, words) == ([], set()), "Wrap it in translate or blocktranslate."
