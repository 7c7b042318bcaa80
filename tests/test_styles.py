"""Styles read as well from right to left: sides are named by the direction of reading, not by the hand."""

import re
from pathlib import Path

import pytest

STYLES = sorted((Path(__file__).resolve().parent.parent / "static" / "css").glob("*.css"))
# The box around a face lies on a picture, which does not turn with the writing.
_ON_THE_PICTURE = "    left 0.12s linear,"
_BY_HAND = re.compile(
    r"(margin|padding|border|inset|scroll-margin|scroll-padding)-(left|right)\b"
    r"|(^|[^-\w])(left|right)\s*:|(text-align|float|clear|caption-side)\s*:\s*(left|right)"
    r"|border-(top|bottom)-(left|right)-radius"
)
_FOUR = re.compile(r"\b(margin|padding|inset|border-radius|border-width)\s*:\s*([^;()]+);")


def _wrong(line: str) -> bool:
    four = _FOUR.search(line)
    sides = four[2].split() if four else []
    return bool(_BY_HAND.search(line)) or (len(sides) == 4 and sides[1] != sides[3])


@pytest.mark.parametrize("style", STYLES, ids=lambda path: path.name)
def test_no_style_names_the_left_or_the_right(style: Path) -> None:
    lines = style.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if _wrong(line) and line != _ON_THE_PICTURE] == []


@pytest.mark.parametrize(
    "line",
    ["margin-left: 1rem;", "left: 0;", "text-align: right;", "padding: 0 1rem 0 0;"],
)
def test_such_a_line_is_found(line: str) -> None:
    assert _wrong(f"  {line}")
