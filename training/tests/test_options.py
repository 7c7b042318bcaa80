import pytest

from training.options import OptionError, Options, from_dict


def test_options_survive_json() -> None:
    options = Options(scales=(1.5, 2.7), calibration_domains=("x",), limit=3)
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
        ({"calibration_domains": []}, "calibration_domains"),
        ({"batch": None}, "NoneType"),
    ],
)
def test_a_wrong_option_is_refused_in_words(values: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        from_dict(values)
