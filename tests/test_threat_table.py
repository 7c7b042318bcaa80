"""Every test that docs/security.md calls a proof exists under that name."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
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


def _rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_every_attack_has_its_row() -> None:
    named = [row[0].lower() for row in _rows()]
    assert [attack for attack in ATTACKS if not any(attack in name for name in named)] == []


def test_every_row_names_tests_and_every_named_test_exists() -> None:
    for row in _rows():
        nodes = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row[-1])
        assert nodes, row
        missing = [name for file, name in nodes if name not in _functions(ROOT / file)]
        assert missing == [], row
