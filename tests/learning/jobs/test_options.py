from __future__ import annotations

from typing import Any

import pytest

from learning.errors import InvalidTrainConfig, UnsupportedNetwork
from learning.jobs.options import going_on_from, read_options, resolved_options


def read(**options: Any) -> Any:
    return read_options(options, bands=["R", "G"], class_codes=["a", "b"], seed=4)


def test_options_become_a_network_and_a_configuration_and_keep_every_value_they_had() -> None:
    options = {"architecture": "segformer", "encoder": "mit_b0", "lovasz_share": 1, "devices": 2, "zoom": 0.25}
    spec, config = read(**options)
    assert (spec.architecture, spec.decoder_channels) == ("segformer", (128,))
    assert (config.lovasz_share, config.losses.cross_entropy, config.augmentation.zoom) == (1, 0, 0.25)
    kept = resolved_options(options, spec, config)
    assert kept["decoder_channels"] == [128] and kept["devices"] == 2 and kept["dice_share"] == 0.0
    assert read(**kept) == (spec, config), "and the run can be done again"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compile": "yes"}, "compile = 'yes' cannot be used: expected true or false"),
        ({"steps": 2.5}, "steps = 2.5 cannot be used: expected a whole number"),
        ({"steps": True}, "steps = True"),
        ({"zoom": "much"}, "zoom = 'much' cannot be used: expected a number"),
        ({"devices": 0}, "devices = 0"),
        ({"loss": "dice"}, "'loss' does not exist; the options are .*lovasz_share"),
        ({"dice_share": 0.7, "focal_share": 0.7}, "add up to 1.4"),
        ({"opinions": 2.5}, "opinions = 2.5 cannot be used: expected a whole number"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_what_is_expected(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidTrainConfig, match=said):
        read(**options)


def test_widths_that_do_not_fit_the_architecture_are_refused() -> None:
    with pytest.raises(UnsupportedNetwork, match="one whole number"):
        read(architecture="upernet", decoder_channels=[96, 64, 48, 32, 16])
    with pytest.raises((UnsupportedNetwork, InvalidTrainConfig)):
        read(decoder_channels=128)


def test_dropout_alone_leaves_the_network_that_a_run_goes_on_from() -> None:
    imported, _config = read(encoder="resnet18")
    options = going_on_from(imported, {"dropout": 0.1})
    assert (options["encoder"], options["dropout"]) == ("resnet18", 0.1)
    assert read(**options)[0].dropout == 0.1
    assert "encoder" not in going_on_from(imported, {"architecture": "unet"})
