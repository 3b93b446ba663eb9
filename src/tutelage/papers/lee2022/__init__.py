"""Lee, Sarao Mannelli, Clopath, Goldt & Saxe, Maslow's Hammer for Catastrophic Forgetting: Node Re-Use vs Node
Activation, ICML 2022 (arXiv:2205.09029).

For a second task a student uses a unit again that knows the first, or activates one that does not. Teachers of
intermediate similarity are forgotten most, since the old unit is used again and has to move. What helps, helps by what
it does to this choice.

Learning rates, times and starts are ours; figures are not numbered: claims are reproduced, not pixels. Where a finding
needs a unit that the first task leaves unused, it is said so. Images are digits: on Fashion-MNIST no maximum of
forgetting in between was found (see the notes of `continual.data_mixing`).
"""

from __future__ import annotations

from tutelage.papers import Figure
from tutelage.papers.lee2022.interventions import consolidation_strength, interventions
from tutelage.papers.lee2022.replay import replay_period, restart_and_replay
from tutelage.papers.lee2022.reuse import node_reuse, order_parameters

__all__ = [
    "FIGURES",
    "consolidation_strength",
    "interventions",
    "node_reuse",
    "order_parameters",
    "replay_period",
    "restart_and_replay",
]

PAPER = "Lee et al., ICML 2022"

FIGURES = (
    Figure(
        "lee2022/node-reuse",
        "Forgetting, re-use and displacement against similarity: teachers, and mixed digits",
        "Forgetting is worst at intermediate similarity, on digits as between teachers, whose old unit is used again "
        "there and moves, while for unrelated ones another unit is activated.",
        f"{PAPER}, forgetting against similarity",
        node_reuse,
        {"similarities": 11, "seeds": (1,), "mixtures": (0.0, 0.4, 1.0), "replicas": 4},
    ),
    Figure(
        "lee2022/order-parameters",
        "Errors, heads and overlaps in the second task",
        "For unrelated teachers a fresh unit learns the second task and the old one stays, for equal ones the old unit "
        "gets a head, and in between it gets one and leaves the first teacher.",
        f"{PAPER}, node activation and re-use",
        order_parameters,
        {"points": 20},
    ),
    Figure(
        "lee2022/consolidation-strength",
        "Consolidation of rising strength",
        "The stronger consolidation is, the less is forgotten at intermediate similarity, and strong consolidation "
        "makes the second task's curves come together, but on a larger error, even for equal teachers.",
        f"{PAPER}, elastic weight consolidation",
        consolidation_strength,
        {"strengths": (0.0, 1.0, 10.0), "similarities": (0.0, 0.2, 0.6, 0.8, 1.0), "seeds": (1,), "points": 15},
    ),
    Figure(
        "lee2022/restart-and-replay",
        "Replay from the weights of the first task, and from new ones",
        "Where the first task leaves a unit unused, replay from new weights ends better on both tasks than replay from "
        "the old ones at intermediate similarity, but where both units learned it, worse on the first.",
        f"{PAPER}, interleaved replay",
        restart_and_replay,
        {"similarities": (0.0, 0.4, 0.6, 0.8, 1.0), "unused": (1,), "shared": (2,), "restarts": 2},
    ),
    Figure(
        "lee2022/replay-period",
        "Replay of the first task after every n examples of the second",
        "At similarities of 0.6 and 0.8 more is forgotten the rarer replay is, and replay of any period leaves the "
        "second task behind what it reaches without.",
        f"{PAPER}, interleaved replay",
        replay_period,
        {"periods": (1, 20, 1000), "similarities": (0.0, 0.6, 0.8, 1.0), "seeds": (1,)},
    ),
    Figure(
        "lee2022/interventions",
        "What each way to help leaves of both tasks",
        "Consolidation, a frozen unit and replay keep the first task at all intermediate similarities, and with a "
        "copied head forgetting is no longer worst in between.",
        f"{PAPER}, ways to mitigate forgetting",
        interventions,
        {"similarities": 6, "seeds": (1,)},
    ),
)
