from dataclasses import replace

import pytest

from training.options import OptionError, Options, from_dict, patch_info


def test_options_survive_json() -> None:
    options = Options(scales=(1.5, 2.7), calibration_domains=("x",), limit=3, devices=(0, 1))
    assert from_dict(options.as_dict()) == options


def test_what_is_missing_keeps_its_default() -> None:
    assert from_dict({"epochs": "3"}) == Options(epochs=3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"colour": 1}, "Unknown option: colour"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"minutes": -1}, "minutes must not be negative"),
        ({"scales": ["wide"]}, "wide"),
        ({"scales": []}, "Scales must lie"),
        ({"size": 4}, "Size must lie"),
        ({"batch": None}, "NoneType"),
        ({"batch": 1}, "batch must be at least 2"),
        ({"arch": "resnet"}, "arch must be one of .*minifasnet_v2"),
        ({"activation": "tanh"}, "activation must be one of relu"),
        ({"precision": "fp8"}, "precision must be one of auto, fp32, bf16"),
        ({"border": "black"}, "border must be one of"),
        ({"lr": 0}, "lr must be at least"),
        ({"serve_size": 64}, "is served with the patches"),
        ({"least_size": 64}, "is served with the patches"),
        ({"arch": "minifasnet_lite", "size": 80, "least_size": 84}, "must be at most size"),
        ({"lr": "nan"}, "lr must be at least"),
        ({"ema": 1}, "ema must be at most"),
        ({"mixed": 1.5}, "mixed must be at most 1"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"patience": -1}, "patience must not be negative"),
        ({"device": "gpu"}, "device must be auto, cpu or cuda:0"),
        ({"devices": ["zero"]}, "zero"),
    ],
)
def test_a_wrong_option_is_refused_in_words(values: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        from_dict(values)


def test_no_camera_need_be_set_aside() -> None:
    assert from_dict({"calibration_domains": []}).calibration_domains == ()


def test_the_border_reaches_the_crop() -> None:
    assert Options(border="inside").crop.border == "inside"


def test_patches_may_be_named_as_their_folders_are() -> None:
    assert patch_info(["1_80x80", "2.7_80x80"]) == ((1.0, 2.7), 80)


@pytest.mark.parametrize("names", [["org_1_80x60"], ["1_80x60"], ["2.7"], []])
def test_a_folder_that_holds_no_square_patches_is_refused(names: list[str]) -> None:
    with pytest.raises(OptionError, match="patch_info"):
        patch_info(names)


def test_patches_of_one_network_have_one_size() -> None:
    with pytest.raises(OptionError, match="one size"):
        patch_info(["1_80x80", "4_96x96"])


def test_what_is_learnt_binds_a_run_that_is_resumed_and_where_it_runs_does_not() -> None:
    options = Options(arch="minifasnet_lite", lr=0.1)
    assert options.binding() == replace(options, device="cuda:0", minutes=1).binding()
    assert options.binding() != replace(options, lr=0.2).binding()
    assert "least_size" not in options.binding()
    assert replace(options, least_size=72).binding()["least_size"] == 72
