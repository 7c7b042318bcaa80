import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveness.engine.faces import YuNet
from liveness.engine.weights import WeightsError
from training.fas.teachers import Predecessors, fused
from training.tests.test_predecessors import ANCHORS, needs_anchors


def test_opinions_add_up_by_their_weights_and_a_missing_one_counts() -> None:
    logits = np.array([[1.0, 2.0], [np.nan, 2.0]], np.float32)
    both = fused(logits, (0.5, 1.0))
    assert both[0] == pytest.approx(2.5)
    assert np.isnan(both[1])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere is no folder"):
        Predecessors(tmp_path / "nowhere")


@needs_anchors
def test_the_teachers_know_the_published_attacks_from_the_published_live_face() -> None:
    teachers, detector, faces = Predecessors(ANCHORS), YuNet(), []
    for name in ("F1", "T1"):
        picture = np.asarray(cv2.imread(str(ANCHORS / "silentface" / f"image_{name}.jpg")))
        faces.append(teachers.cut(picture, detector.detect(picture)[0].box))
    opinions = teachers.opinions(faces)
    assert opinions.shape == (2, 3)
    attack, live = fused(opinions, teachers.weights)
    assert attack < 0 < live
    alone = teachers.opinions(faces[:1])
    np.testing.assert_allclose(opinions[:1], alone, atol=1e-3)


@needs_anchors
def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    shutil.copy(ANCHORS / "seed" / "best_model.onnx", tmp_path / "seed")
    with pytest.raises(WeightsError):
        Predecessors(tmp_path)
