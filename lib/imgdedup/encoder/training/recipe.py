"""What a training does: its data, its steps and its loss."""

import math
from dataclasses import dataclass

SCRATCH = "scratch"  # the start without weights


@dataclass(frozen=True)
class Recipe:
    """What the training does.

    `start` is SCRATCH or anything that `embed.weights` takes. `views` is the number of edited
    pictures to see, two for each photograph of a batch; the learning rate reaches zero after them.
    `sides` gives the share of the views at each input side in pixels, in turn: multiples of 8, at
    most SIDE of `photos`. `pooling` and `root` are for using and measuring the descriptor; see
    `network.PowerMean`. The training itself takes them, too, where `pooled` is true, else the plain
    mean. `teacher` is the name of the weights to imitate instead of the contrastive loss, and
    `teacher_digest` their digest; both are empty without a teacher.
    """

    views: int
    start: str = "builtin"
    batch: int = 256
    sides: tuple[tuple[float, int], ...] = ((0.85, 64), (0.15, 96))
    temperature: float = 0.1
    entropy: float = 0.2
    rate: float = 6e-4
    decay: float = 0.05
    warmup: int = 60  # steps
    seed: int = 1
    frozen: tuple[str, ...] = ("conv1", "bn1", "layer1", "layer2")
    pooling: float = 2.0
    root: float = 2.0
    pooled: bool = True
    teacher: str = ""
    teacher_digest: str = ""

    @property
    def kept(self) -> tuple[str, ...]:
        """The parts that training leaves as they are: `frozen`, or none in a start from scratch.

        These parts have the most pixels, so they cost the most to train. They are also the most
        general ones.
        """
        return () if self.start == SCRATCH else self.frozen

    @property
    def steps(self) -> int:
        """The number of steps."""
        return max(1, self.views // (2 * self.batch))

    def side(self, step: int) -> int:
        """The input side of a step in pixels."""
        reached, sum_ = step / self.steps, 0.0
        for share, side in self.sides:
            sum_ += share
            if reached < sum_:
                return side
        return self.sides[-1][1]

    def rate_at(self, step: int) -> float:
        """The learning rate of a step: a linear rise, then half a cosine down to zero."""
        fall = 0.5 + 0.5 * math.cos(math.pi * step / self.steps)
        return self.rate * min(1.0, (step + 1) / self.warmup) * fall
