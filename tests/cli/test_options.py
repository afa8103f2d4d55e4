import annotated_types
import pytest

from warpmarks.configuration import ImageConfig, TrainingConfig


@pytest.mark.parametrize(
    ("command", "flag", "setting"),
    [
        (["train", "images", "--run", "run"], "--image-size", ImageConfig.model_fields["size"]),
        (["benchmark"], "--size", ImageConfig.model_fields["size"]),
        (
            ["train", "images", "--run", "run"],
            "--batch-size",
            TrainingConfig.model_fields["batch_size"],
        ),
        (
            ["train", "images", "--run", "run"],
            "--landmarks",
            TrainingConfig.model_fields["num_landmarks"],
        ),
        (["detect", "run", "images"], "--copies", TrainingConfig.model_fields["copies"]),
    ],
)
def test_a_flag_takes_what_its_setting_takes(warpmarks, command, flag, setting):
    least = next(limit.ge for limit in setting.metadata if isinstance(limit, annotated_types.Ge))
    most = next(limit.le for limit in setting.metadata if isinstance(limit, annotated_types.Le))
    for value, expected in ((least - 1, f"at least {least}"), (most + 1, f"at most {most}")):
        code, _, err = warpmarks(*command, flag, value)
        assert (code, f"{flag} is {value}: expected {expected};" in err) == (2, True), err
