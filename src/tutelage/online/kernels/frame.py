"""Weights in the frame of the chain, compiled: what a step adds to it, lengths of rows, and back to few columns."""

from __future__ import annotations

import math

import numpy as np

from tutelage.online.kernels.variates import compiled


@compiled
def gram_root(lanes, c, batch, K, L):
    """Write the lower triangular L (K, K, lanes) with L L' = c' c; a dependent row has a zero on the diagonal."""
    for k in range(K):
        for i in range(K):
            for l in range(len(lanes)):
                total = 0.0
                if i <= k:
                    for b in range(batch):
                        total += c[b, k, l] * c[b, i, l]
                    size = total
                    for j in range(i):
                        total -= L[k, j, l] * L[i, j, l]
                    if i < k:
                        total = total / L[i, i, l] if L[i, i, l] > 0.0 else 0.0
                    else:
                        total = math.sqrt(total) if total > 1e-15 * size else 0.0
                L[k, i, l] = total


@compiled
def widen(lanes, c, L, T, new, most, scale, A, count):
    """Write the columns count to count + new - 1 of A: the part of a mini-batch outside of the frame."""
    K, batch = A.shape[0], c.shape[0]
    for k in range(K):
        for j in range(new):
            for l in range(len(lanes)):
                total = 0.0
                for i in range(j, most):
                    total += (L[k, i, l] if batch >= K else c[i, k, l]) * T[i, j, l]
                A[k, count + j, l] = scale * total


@compiled
def normalise(lanes, A, columns, length):
    """Scale the rows of A to length one; length (lanes,) is overwritten."""
    for k in range(A.shape[0]):
        for l in range(len(lanes)):
            length[l] = 0.0
        for j in range(columns):
            for l in range(len(lanes)):
                length[l] += A[k, j, l] * A[k, j, l]
        for l in range(len(lanes)):
            length[l] = 1.0 / math.sqrt(length[l])
        for j in range(columns):
            for l in range(len(lanes)):
                A[k, j, l] *= length[l]


@compiled
def turn_back(lanes, A, M, columns):
    """Reflect the columns of A after the first M so that all after M + K vanish; rows keep their products."""
    K, n = A.shape[0], len(lanes)
    lead, scale, along = np.empty(n), np.empty(n), np.empty(n)
    for k in range(K):
        first = M + k
        for l in range(n):
            along[l] = 0.0
        for j in range(first + 1, columns):
            for l in range(n):
                along[l] += A[k, j, l] * A[k, j, l]
        for l in range(n):
            head, tail = A[k, first, l], along[l]
            length = math.sqrt(head * head + tail)
            to = head if tail == 0.0 else (-length if head > 0.0 else length)
            lead[l] = head - to
            scale[l] = 0.0 if tail == 0.0 else 2.0 / (lead[l] * lead[l] + tail)
            A[k, first, l] = to
        for i in range(k + 1, K):
            for l in range(n):
                along[l] = A[i, first, l] * lead[l]
            for j in range(first + 1, columns):
                for l in range(n):
                    along[l] += A[i, j, l] * A[k, j, l]
            for l in range(n):
                along[l] *= scale[l]
                A[i, first, l] -= along[l] * lead[l]
            for j in range(first + 1, columns):
                for l in range(n):
                    A[i, j, l] -= along[l] * A[k, j, l]
        for j in range(first + 1, columns):
            for l in range(n):
                A[k, j, l] = 0.0
