"""Random numbers of the chain, compiled: drawn ahead for each lane, handed out one by one, and lengths made of them."""

from __future__ import annotations

import math

from numba import njit

from tutelage.kernels.draws import fill_normal, fill_uniform

inlined = njit(cache=True, forceinline=True, error_model="numpy")
compiled = njit(cache=True, error_model="numpy")


@inlined
def _normal(l, normals, used):
    """Return the next normal number of a lane."""
    used[l, 0] += 1
    return normals[l, used[l, 0] - 1]


@inlined
def _uniform(l, uniforms, used):
    used[l, 1] += 1
    return uniforms[l, used[l, 1] - 1]


@compiled
def refill(l, generator, normals, uniforms, used, most):
    """Draw anew for a lane that may run out within `most` more numbers of either kind; what was left is dropped."""
    if used[l, 0] + most > normals.shape[1]:
        fill_normal(generator[l], normals[l])
        used[l, 0] = 0
    if used[l, 1] + most > uniforms.shape[1]:
        fill_uniform(generator[l], uniforms[l])
        used[l, 1] = 0


@inlined
def take(lanes, normals, used, out, b, count):
    """Move the next `count` normal numbers of each lane to out[b, :count]."""
    for l in range(len(lanes)):
        for j in range(count):
            out[b, j, l] = normals[l, used[l, 0] + j]
        used[l, 0] += count


@compiled
def _chi_again(l, d, c, x, u, generator, normals, uniforms, used):
    """Return a length of :func:`chi` for a lane whose first proposal was not accepted at once."""
    while True:
        root = 1.0 + c * x
        if root > 0.0:
            cube = root * root * root
            if math.log(u) < 0.5 * (x * x) + d * (1.0 - cube + math.log(cube)):
                return math.sqrt(2.0 * d * cube)
        refill(l, generator, normals, uniforms, used, 1)
        x, u = _normal(l, normals, used), _uniform(l, uniforms, used)


@inlined
def chi(lanes, freedom, generator, normals, uniforms, used, proposal, out, i):
    """Write the length of a normal vector in `freedom` >= 1 dimensions to out[i] (Marsaglia and Tsang 2000)."""
    n = len(lanes)
    if freedom == 1:
        for l in range(n):
            out[i, l] = abs(_normal(l, normals, used))
        return
    d = 0.5 * freedom - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    for l in range(n):
        proposal[0, l], proposal[1, l] = _normal(l, normals, used), _uniform(l, uniforms, used)
    refused = 0
    for l in range(n):
        x, u = proposal[0, l], proposal[1, l]
        root, square = 1.0 + c * x, x * x
        out[i, l] = math.sqrt(max(2.0 * d * (root * root * root), 0.0))
        refused += 0 if root > 0.0 and u < 1.0 - 0.0331 * square * square else 1
    if refused:
        for l in range(n):
            x, u = proposal[0, l], proposal[1, l]
            if not (1.0 + c * x > 0.0 and u < 1.0 - 0.0331 * (x * x) * (x * x)):
                out[i, l] = _chi_again(l, d, c, x, u, generator, normals, uniforms, used)


@compiled
def bartlett(lanes, rows, freedom, generator, normals, uniforms, used, proposal, length, T):
    """Write a lower triangular T (rows, rows, lanes) whose T T' is Wishart; columns beyond `freedom` are zero."""
    for i in range(rows):
        for j in range(rows):
            if j == i and j < freedom:
                chi(lanes, freedom - i, generator, normals, uniforms, used, proposal, length, 0)
                for l in range(len(lanes)):
                    T[i, i, l] = length[0, l]
            else:
                for l in range(len(lanes)):
                    T[i, j, l] = _normal(l, normals, used) if j < i and j < freedom else 0.0
