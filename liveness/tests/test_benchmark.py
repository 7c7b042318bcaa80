"""What `manage.py benchmark` prints."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from liveness.engine.frames import encode_jpeg
from liveness.tests.bundles import make_bundle
from liveness.tests.engine.pictures import flat

PORTRAIT = Path(settings.BASE_DIR) / "portal" / "demo" / "portraits" / "collins.jpg"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    make_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_one_look_and_its_parts_are_timed(bundle: Path) -> None:
    out = StringIO()
    call_command("benchmark", PORTRAIT, bundle=bundle, rounds=2, stdout=out)
    rows = {line[:24].strip(): line[24:].split() for line in out.getvalue().splitlines()}
    parts = [float(rows[name][1]) for name in ("decode", "detect", "crop", "score")]
    assert all(part > 0 for part in parts)
    assert float(rows["one look"][1]) >= max(parts)
    assert "predecessor" not in out.getvalue()


def test_a_picture_without_a_face_is_refused(bundle: Path, tmp_path: Path) -> None:
    picture = tmp_path / "wall.jpg"
    picture.write_bytes(encode_jpeg(flat()))
    with pytest.raises(CommandError, match="no face"):
        call_command("benchmark", picture, bundle=bundle)


def test_missing_files_of_the_predecessor_are_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"detector\.onnx"):
        call_command("benchmark", PORTRAIT, bundle=bundle, seed=tmp_path)
