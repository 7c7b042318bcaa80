"""The doors between the rooms hold, and the rooms stay small."""

import ast
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("trail", "liveness", "accounts", "training", "api", "portal")


def _lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_rooms(tmp_path: Path) -> Path:
    """The sources and the contracts in a folder where a test may plant something."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "*.onnx", "*.npz", "portraits")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


def _sources() -> Iterator[Path]:
    for package in (*PACKAGES, "tests"):
        for path in (ROOT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield path


def _function_lines() -> list[int]:
    lengths = []
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lengths.append((node.end_lineno or node.lineno) - node.lineno + 1)
    return lengths


def test_the_doors_between_the_rooms_hold() -> None:
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("room", "planted", "contract"),
    [
        ("liveness/apps.py", "import torch", "torch never enters a process that serves"),
        ("training/services.py", "import torch", "torch never enters a worker that only starts"),
        ("liveness/engine/crops.py", "import django", "the engine knows no Django"),
        ("accounts/apps.py", "import cv2", "OpenCV and ONNX Runtime live in"),
        ("liveness/models.py", "import liveness.services", "liveness: what faces outwards"),
        ("liveness/apps.py", "from accounts import models", "liveness knows no other app"),
        ("accounts/models.py", "import training.models", "do not know each other"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    copied_rooms: Path, room: str, planted: str, contract: str
) -> None:
    with (copied_rooms / room).open("a", encoding="utf-8") as source:
        source.write(f"\n{planted}\n")
    done = _lint_imports(copied_rooms)
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert done.returncode == 1
    assert any(contract in line for line in broken), done.stdout


def test_the_portal_never_loads_torch(tmp_path: Path) -> None:
    code = (
        "import django, sys; django.setup(); import portal.urls, liveness.routing, training.tasks;"
    )
    code += "print('torch' in sys.modules, 'liveness.consumers' in sys.modules)"
    own = {"DJANGO_SETTINGS_MODULE": "portal.settings", "LIVEGATE_VAR": str(tmp_path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == ["False", "True"]


def test_functions_stay_small() -> None:
    lengths = _function_lines()
    assert statistics.median(lengths) <= 10
    assert statistics.quantiles(lengths, n=10)[-1] <= 30


def test_no_file_grows_over_400_lines() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _sources()}
    assert {path: size for path, size in sizes.items() if size > 400} == {}
