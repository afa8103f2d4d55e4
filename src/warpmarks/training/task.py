"""What a run learns: all that differs between learning landmarks and learning annotated points."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from warpmarks.system.stages import STOPPED, StageClock


class Measures(ABC):
    """What a task finds out about its network, always on the same images and warps."""

    loss: float
    """The objective; the schedule looks for its plateaus."""

    @abstractmethod
    def line(self) -> dict[str, Any]:
        """Plain values for ``log.jsonl``, the loss among them."""

    @abstractmethod
    def problems(self) -> list[str]:
        """What is wrong and what to try, a sentence each; empty for a healthy run."""

    @abstractmethod
    def collapsing(self) -> bool:
        """Whether so much is wrong that the user should be told while the run goes on."""


MeasuresT = TypeVar("MeasuresT", bound=Measures)


class Task(ABC, Generic[MeasuresT]):
    """Makes the loss of any training step and measures the network between steps.

    Attributes:
        clock: told of the stages of a step.
    """

    clock: StageClock = STOPPED

    @abstractmethod
    def loss(
        self, network: Callable[..., Any], step: int, teacher: nn.Module | None = None
    ) -> Tensor:
        """The loss of step ``step``, counted from 0, on this process's share of its batch.

        Args:
            network: what trains.
            step: counted from 0.
            teacher: in self-training, the network with averaged weights.
        """

    def reference(self, network: nn.Module) -> Float[Tensor, "landmarks 2"] | None:
        """Where the network's landmarks usually are, always of the same images; None: not known."""
        del network
        return None

    def choose(self, network: nn.Module, count: int) -> tuple[int, ...]:
        """The landmarks that a run keeps of those that the network has, ascending."""
        raise NotImplementedError

    @abstractmethod
    def measure(self, network: nn.Module, landmarks: Sequence[int] | None = None) -> MeasuresT:
        """How the network does, as it would detect; called without gradients.

        Args:
            network: with averaged weights.
            landmarks: those that the run keeps, where it does not keep all.
        """


@dataclass(frozen=True)
class Evaluation(Generic[MeasuresT]):
    """A run's state at one step; a line of ``log.jsonl``.

    Attributes:
        step: steps done.
        seconds: of training and evaluation so far.
        pairs_per_second: since the last evaluation; of a supervised run a pair is an image and its
            annotations.
        learning_rate: of the next step.
        self_training_from: the step after which self-training began; None before.
        measures: what the task has measured.
    """

    step: int
    seconds: float
    pairs_per_second: float
    learning_rate: float
    self_training_from: int | None
    measures: MeasuresT

    def line(self) -> dict[str, Any]:
        """Flat plain values."""
        values = asdict(self)
        del values["measures"]
        return values | self.measures.line()
