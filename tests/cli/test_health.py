from listening import Listener
from tiny_runs import tiny_config
from warpmarks.cli.health import HealthTable
from warpmarks.training.health import Health
from warpmarks.training.task import Evaluation
from warpmarks.training.unsupervised_task import PairMeasures


def test_what_is_zero_but_for_rounding_has_no_sign():
    """The diversity of one landmark is 1 less a sum of probabilities."""
    health = Health(12.04, [3.0], [-0.004], [0], [], [], [], 0.1)
    measures = PairMeasures(2.0, 2.1521, -4e-8, health, tiny_config(num_landmarks=1))
    listener = Listener()
    HealthTable(listener)(Evaluation(2, 1.0, 13.1, 0.001, None, measures))
    told = "2 0:00:01 13.1 2.0000 2.1521 0.0000 12.04 % 0 % 1 0 0"
    assert listener.messages[1].split() == told.split()
