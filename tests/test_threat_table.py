"""Every test that docs/security.md and docs/operations.md call a proof exists under that name."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLES = {"security.md": "## Attacks", "operations.md": "## When a part dies"}
PARTS = ("portal", "redis", "postgresql", "worker")
ATTACKS = (
    "photo",
    "replay",
    "between liveness and match",
    "mid-attempt",
    "stolen ticket",
    "cross-site websocket",
    "session fixation",
    "enumeration by answer",
    "enumeration by time",
    "parallel guessing",
    "replayed frames",
    "oversized and malformed",
    "idor",
    "stolen database",
    "stolen media folder",
    "lost key",
    "rotation half-way",
)


def _rows(page: str) -> list[list[str]]:
    """The rows of the table below the page's heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = text.partition(TABLES[page] + "\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_every_attack_has_its_row() -> None:
    named = [row[0].lower() for row in _rows("security.md")]
    assert [attack for attack in ATTACKS if not any(attack in name for name in named)] == []


def test_every_part_that_may_die_has_its_row() -> None:
    named = [row[0].lower() for row in _rows("operations.md")]
    assert [part for part in PARTS if not any(part in name for name in named)] == []


@pytest.mark.parametrize("page", TABLES)
def test_every_row_names_tests_and_every_named_test_exists(page: str) -> None:
    for row in _rows(page):
        nodes = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row[-1])
        assert nodes, row
        missing = [name for file, name in nodes if name not in _functions(ROOT / file)]
        assert missing == [], row
