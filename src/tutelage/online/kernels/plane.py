"""Where the general right-hand side evaluates: samples of both units, and the line or plane of two fields."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tutelage.kernels.smooth import CAP, FINER, POINTS, Samples, lagrange, parity

MOST = 64.0  # steps in the largest standard deviation: a state beyond is refused, by NaN
_TAIL = 4e-13  # of the integrand: where the grid ends
_PRUNED = 1e-14  # of the sum over nodes: what leaves a node out
_RING = 0.25  # between radii at which growth is measured
_RINGS = 46

_plain = {"cache": True, "error_model": "numpy"}


@njit(**_plain)
def largest_deviation(C, a, step):
    """Return the largest standard deviation, or -1 for a state that is not finite or needs too many nodes."""
    largest = 0.0
    for c in range(C.shape[0]):
        if not math.isfinite(a[c]):
            return -1.0
        for d in range(C.shape[0]):
            if not math.isfinite(C[c, d]):
                return -1.0
        largest = max(largest, C[c, c])
    return math.sqrt(largest) if math.sqrt(largest) <= MOST * step else -1.0


@njit(**_plain)
def measure_reach(model, student, teacher, sigma):
    """Return the radius at which the Gaussian has killed g'^2 g^2, and the largest g^2 up to each of _RINGS radii."""
    x, value, slope = np.empty(2 * _RINGS), np.empty(2 * _RINGS), np.empty(2 * _RINGS)
    steep, growth = np.zeros(_RINGS), np.zeros(_RINGS)
    for j in range(_RINGS):
        x[2 * j] = (j + 1) * _RING * sigma
        x[2 * j + 1] = -x[2 * j]
    for u in range(2):
        if u == 0:
            teacher(x, model.teacher_parameters, value, slope)
        else:
            student(x, model.student_parameters, value, slope)
        for j in range(_RINGS):
            growth[j] = max(growth[j], growth[j - 1] if j > 0 else 0.0)
            for b in range(2):
                growth[j] = max(growth[j], value[2 * j + b] ** 2)
                steep[j] = max(steep[j], steep[j - 1] if j > 0 else 0.0, slope[2 * j + b] ** 2 if u == 1 else 0.0)
    total = 0.0
    for j in range(_RINGS):
        steep[j] *= growth[j] * math.exp(-0.5 * ((j + 1) * _RING) ** 2)
        total += _RING * steep[j]
    last = _RINGS - 1
    while last > 8 and not steep[last] > _TAIL * total:
        last -= 1
    return (last + 1) * _RING, growth


@njit(**_plain)
def take_samples(model, student, teacher, sigma, reach):
    """Return the samples of both units that any table may need."""
    spacing = min(model.step, CAP * sigma) / FINER if sigma > 0.0 else model.step / FINER
    half = math.ceil(1.5 * reach * sigma / spacing) + 80
    n = 2 * half + 1
    x = np.empty(n)
    for p in range(n):
        x[p] = (p - half) * spacing
    value, slope, square = np.empty((2, n)), np.empty((2, n)), np.empty((2, n))
    student(x, model.student_parameters, value[0], slope[0])
    teacher(x, model.teacher_parameters, value[1], slope[1])
    for u in range(2):
        for p in range(n):
            square[u, p] = value[u, p] ** 2
    return Samples(spacing, half, value, slope, square, parity(value))


@njit(**_plain)
def clip(x, bound):
    return min(max(x, -bound), bound)


@njit(**_plain)
def condition(C, first, second, along, across, spread):
    """Write every field as along z1 + across z2 + spread xi, where fields `first` and `second` have no xi."""
    P = C.shape[0]
    for direction in range(2):
        pivot = first if direction == 0 else second
        out = along if direction == 0 else across
        left = C[pivot, pivot] - (along[pivot] ** 2 if direction == 1 else 0.0)
        root = math.sqrt(left) if left > 0.0 and (direction == 0 or first != second) else 0.0
        for c in range(P):
            if direction == 0:
                spread[c] = max(C[c, c], 0.0)
            shared = C[pivot, c] - (along[pivot] * along[c] if direction == 1 else 0.0)
            out[c] = clip(shared / root, math.sqrt(spread[c])) if root > 0.0 else 0.0
            if c == pivot:
                out[c] = root
            elif c == first:
                out[c] = 0.0
            spread[c] = max(spread[c] - out[c] ** 2, 0.0)
    for c in range(P):
        spread[c] = 0.0 if c in (first, second) else math.sqrt(spread[c])


@njit(**_plain)
def line_or_plane(a, model, student, first, second, along, across, reach, even):
    """Return the nodes of the line or plane of fields `first` and `second`, one row for each.

    Rows are z1, z2, weight, weight g' g', sum of a g over both fields, and g and g' of the first.
    """
    h1, h2 = CAP, CAP
    for c in range(along.shape[0]):
        h1 = min(h1, model.step / abs(along[c])) if along[c] != 0.0 else h1
        h2 = min(h2, model.step / abs(across[c])) if across[c] != 0.0 else h2
    plane = across[second] != 0.0
    L1, L2 = int(reach / h1), int(reach / h2) if plane else 0
    nodes = np.empty(((2 * L1 + 1) * (2 * L2 + 1), 7))
    count = 0
    scale = h1 / math.sqrt(2 * math.pi) * (h2 / math.sqrt(2 * math.pi) if plane else 1.0)
    for j in range(0 if even else -L1, L1 + 1):
        for l in range(0 if even and j == 0 else -L2, L2 + 1):
            z1, z2 = j * h1, l * h2
            if z1 * z1 + z2 * z2 <= reach * reach:
                nodes[count, 0], nodes[count, 1] = z1, z2
                nodes[count, 2] = scale * math.exp(-0.5 * (z1 * z1 + z2 * z2))
                if even and (j != 0 or l != 0):
                    nodes[count, 2] *= 2.0
                count += 1
    x, value, slope = np.empty(count), np.empty(count), np.empty(count)
    for p in range(count):
        x[p] = along[first] * nodes[p, 0]
    student(x, model.student_parameters, value, slope)
    for p in range(count):
        nodes[p, 3] = nodes[p, 2] * slope[p]
        nodes[p, 4] = a[first] * value[p]
        nodes[p, 5], nodes[p, 6] = value[p], slope[p]
        x[p] = along[second] * nodes[p, 0] + across[second] * nodes[p, 1]
    if first != second:
        student(x, model.student_parameters, value, slope)
    for p in range(count):
        nodes[p, 3] *= slope[p]
        if first != second:
            nodes[p, 4] += a[second] * value[p]
    return nodes[:count]


@njit(**_plain)
def prune(nodes, growth):
    """Move the nodes that count to the front and return how many they are."""
    total, kept = 0.0, 0
    for p in range(nodes.shape[0]):
        total += abs(nodes[p, 3])
    for p in range(nodes.shape[0]):
        ring = min(int(math.sqrt(nodes[p, 0] ** 2 + nodes[p, 1] ** 2) / _RING), _RINGS - 1)
        if abs(nodes[p, 3]) * growth[ring] > _PRUNED * total * growth[7]:
            for q in range(7):
                nodes[kept, q] = nodes[p, q]
            kept += 1
    return kept


@njit(**_plain)
def locate(nodes, rest, along, across, spacing, begin, half, row, weights):
    """Write in which row of its table each field is at each node, and the weights of the interpolation."""
    m = rest.shape[0]
    for p in range(nodes.shape[0]):
        for c in range(m):
            position = (along[rest[c]] * nodes[p, 0] + across[rest[c]] * nodes[p, 1]) / spacing
            whole = math.floor(position)
            lagrange(position - whole, weights, (p * m + c) * POINTS)
            row[p * m + c] = begin[c] + half[c] + int(whole) - 4
