"""docs/security.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()
PROOFS = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)


def test_every_row_of_the_threat_table_names_its_proof() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::test_\w+` \|$", row)] == []


def test_every_named_proof_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in PROOFS
        if not re.search(rf"^(async )?def {name}\(", _source(path), re.MULTILINE)
    ]
    assert missing == []


def _source(path: str) -> str:
    return (ROOT / path).read_text() if (ROOT / path).is_file() else ""
