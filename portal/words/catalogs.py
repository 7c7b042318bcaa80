"""What can be translated, and what is: GNU gettext catalogs by means of Babel."""

import ast
import io
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import allauth
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_javascript, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

BASE_DIR = Path(__file__).resolve().parents[2]
LOCALE = BASE_DIR / "locale"
DOMAINS = ("django", "djangojs")
_ROOMS = ("accounts", "api", "liveness", "portal", "trail", "training")
_KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "gettext": None,
    "gettext_lazy": None,
    "_": None,
    "ngettext": (1, 2),
}
# Reports and command lines are documents for operators: they stay in one language.
_ENGLISH = ("training/report.html",)
# Foreign German that says "Sie" is said anew: this portal says "du".
FORMAL = re.compile(r"\b(Sie|Ihr|Ihre|Ihren|Ihrem|Ihrer|Ihres|Ihnen)\b")

_NOISE = ('"POT-Creation', '"PO-Revision', '"Report-', '"Last-Tr', '"Language-Team', '"Generated')

Found = tuple[str, str | tuple[str, ...]]
"""The file a message stands in, and the message: one string, or singular and plural."""


def languages() -> list[str]:
    """Those that have a folder in ``locale``."""
    return sorted(path.name for path in LOCALE.iterdir() if path.is_dir())


def path(language: str, domain: str, ending: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / f"{domain}.{ending}"


def read(language: str, domain: str) -> Catalog:
    """The catalog as it was written; an empty one if there is none."""
    source = path(language, domain, "po")
    if not source.exists():
        return Catalog(locale=language, domain=domain)
    with source.open("rb") as file:
        return _dateless(read_po(file, locale=language, domain=domain))


def renewed(language: str, domain: str) -> Catalog:
    """Every message of the sources, with the translation it has; messages that are gone are left out."""
    old = read(language, domain)
    new = _dateless(Catalog(locale=language, domain=domain, fuzzy=False, header_comment=""))
    for file, message in sorted(found(language, domain), key=lambda each: (each[0], str(each[1]))):
        known = old.get(message)
        new.add(message, known.string if known else None, locations=[(file, 0)])
    return new


def _dateless(catalog: Catalog) -> Catalog:
    """The same bytes come of the same words, whenever they are written."""
    catalog.creation_date = datetime(2026, 1, 1, tzinfo=UTC)
    catalog.project, catalog.version = "Livegate", "1"
    return catalog


def write(catalog: Catalog, language: str, domain: str) -> None:
    """The text for people and, compiled, the file for the portal."""
    path(language, domain, "mo").write_bytes(compiled(catalog))
    text = io.BytesIO()
    write_po(text, catalog, width=0, include_lineno=False, omit_header=False)
    lines = text.getvalue().decode().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(_NOISE)]
    path(language, domain, "po").write_text("".join(kept), encoding="utf-8")


def compiled(catalog: Catalog) -> bytes:
    """The bytes of the file that a portal reads."""
    data = io.BytesIO()
    write_mo(data, catalog)
    return data.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """The messages without a translation, or with a guessed one."""
    return [_first(each.id) for each in catalog if each.id and not _whole(each)]


def _whole(message: Message) -> bool:
    strings = message.string if isinstance(message.string, list | tuple) else [message.string]
    wanted = 2 if isinstance(message.id, list | tuple) else 1
    return len(strings) >= wanted and all(strings) and not message.fuzzy


def _first(message: str | Iterable[str]) -> str:
    return message if isinstance(message, str) else next(iter(message))


def found(language: str, domain: str) -> Iterator[Found]:
    """Every message of the sources. For "django" that includes what allauth says too formally in that language."""
    if domain == "djangojs":
        for script in sorted((BASE_DIR / "static" / "js").glob("*.js")):
            with script.open("rb") as file:
                yield from _read(script, extract_javascript(file, _KEYWORDS, [], {}))
        return
    for room in _ROOMS:
        for source in sorted((BASE_DIR / room).rglob("*.py")):
            if not {"tests", "migrations", "words"} & set(source.relative_to(BASE_DIR).parts[:-1]):
                with source.open("rb") as file:
                    yield from _read(source, extract_python(file, _KEYWORDS, [], {}))
    for template in sorted((BASE_DIR / "templates").rglob("*.*")):
        if not template.as_posix().endswith(_ENGLISH):
            yield from _template(template)
    yield from _formal(language)


def _read(source: Path, messages: Iterable[tuple[Any, ...]]) -> Iterator[Found]:
    name = source.relative_to(BASE_DIR).as_posix()
    for _, function, message, _ in messages:
        if function == "ngettext" and isinstance(message, tuple):
            yield name, (str(message[0]), str(message[1]))
        elif isinstance(message, str) and message:
            yield name, message


_CALL = re.compile(r"\b(gettext|ngettext|_)\(")
_STRING = re.compile(r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def _template(source: Path) -> Iterator[Found]:
    """Django turns a template into calls of gettext between blanks; their strings are read."""
    name = source.relative_to(BASE_DIR).as_posix()
    text = templatize(source.read_text(encoding="utf-8"), origin=name)
    for call in _CALL.finditer(text):
        strings, at = [], call.end()
        while literal := _STRING.match(text, at):
            strings.append(str(ast.literal_eval(literal[1])))
            at = (
                literal.end() + len(text[literal.end() :]) - len(text[literal.end() :].lstrip(", "))
            )
        if call[1] == "ngettext" and len(strings) == 2:
            yield name, (strings[0], strings[1])
        elif strings:
            yield name, strings[0]


def _formal(language: str) -> Iterator[Found]:
    """What allauth says in this language with a formal address."""
    source = Path(allauth.__file__).parent / "locale" / language / "LC_MESSAGES" / "django.po"
    if language != "de" or not source.exists():
        return
    with source.open("rb") as file:
        for message in read_po(file, locale=language):
            if message.id and FORMAL.search(str(message.string)):
                yield "allauth", message.id if isinstance(message.id, str) else tuple(message.id)
