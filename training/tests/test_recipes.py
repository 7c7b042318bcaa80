"""The named ways to train."""

import pytest

from training import recipes
from training.building import net_spec
from training.fas.tables import TABLES
from training.options import IMAGENET, OptionError


def test_a_new_model_begins_as_the_one_that_ships_did() -> None:
    options = recipes.options_for("anew", {})
    assert (options.start, options.passes) == (IMAGENET, 1)
    assert TABLES[options.arch].pooled
    assert net_spec(options).patches == len(options.scales) == 2
    assert options.served.size < options.crop.size
    assert (options.simulate, options.plain) == (0.4, 0.5)


def test_every_recipe_but_those_that_go_on_can_be_had_anywhere() -> None:
    for name, recipe in recipes.RECIPES.items():
        if not recipe.goes_on:
            assert recipes.options_for(name, {}).epochs > 0


def test_what_the_network_cannot_do_is_said_before_anything_is_queued() -> None:
    with pytest.raises(OptionError, match="served with the patches"):
        recipes.options_for("anew", {"arch": "minifasnet_v2"})
