"""The pictures of a report: real PNGs with words for those who do not see them."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from training import figures, plots
from training.evaluation import ScoredFrame, frame_trials
from training.report import Plot
from training.tests.evaluated import cameras, frames

EVERY = {"roc", "det", "confusion", "scores", "reliability", "cameras"}


def _draw(scored: list[ScoredFrame]) -> dict[str, Plot]:
    made = plots.draw(frame_trials(scored), figures.report(scored))
    return {plot.name: plot for plot in made}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Plot]:
    return _draw(list(cameras()))


def test_every_plot_is_a_png_of_its_own_with_ink_on_white(drawn: dict[str, Plot]) -> None:
    assert set(drawn) == EVERY
    for plot in drawn.values():
        pixels = np.asarray(Image.open(io.BytesIO(plot.png)).convert("RGB"))
        assert (pixels[0, 0] == 255).all(), plot.name
        assert min(pixels.shape[:2]) > 300, plot.name
        assert (pixels < 128).any(axis=2).mean() > 0.002, plot.name
    assert len({plot.png for plot in drawn.values()}) == len(EVERY)


def test_alternative_texts_say_what_the_plots_show(drawn: dict[str, Plot]) -> None:
    scored = list(cameras())
    report = figures.report(scored)
    worst = report["frames"]["eer_by_camera"]["each"][0]
    assert f"{worst['name']} with {100 * worst['eer']:.3g}" in drawn["cameras"].alt
    assert f"{report['frames']['pooled']['auc']:.4f}" in drawn["roc"].alt
    row = report["frames"]["pooled"]["confusion"][0]
    assert f"bona fide: {row['accepted']} accepted" in drawn["confusion"].alt
    assert drawn["scores"].alt.endswith("The threshold is 0.500.")


def test_one_class_alone_leaves_out_what_compares_two() -> None:
    assert set(_draw(frames("a", "", [0.9, 0.2, None]))) == {"confusion", "scores", "reliability"}


def test_frames_without_any_score_still_give_the_confusion_matrix() -> None:
    assert set(_draw(frames("a", "", [None, None]))) == {"confusion"}


def test_scores_at_the_ends_and_perfect_separation_can_be_drawn() -> None:
    assert set(_draw(frames("a", "", [1.0, 1.0]) + frames("a", "print", [0.0]))) == EVERY


def test_useless_models_with_many_species_and_thresholds_can_be_drawn() -> None:
    names = [f"species {n}" for n in range(8)]
    scored = frames("a", "", [0.1, 0.2, 0.3])
    for n, name in enumerate(names):
        scored += [replace(frame, threshold=n / 10) for frame in frames("a", name, [0.7, 0.8])]
    made = _draw(scored)
    assert all(name in made["scores"].alt for name in names)
    assert "threshold" not in made["scores"].alt


def test_two_models_are_laid_over_each_other_with_their_error_rates_in_words() -> None:
    live, attacks = np.linspace(0.5, 1, 50), np.linspace(0, 0.5, 50)
    plot = plots.overlay({"champion": (live, attacks), "candidate": (attacks, live)})
    assert plot.png.startswith(b"\x89PNG")
    assert "champion 1 %" in plot.alt
    assert "candidate 99 %" in plot.alt
