"""Numbers by which compiled averages know an activation, and the limit of no length; knowing a number loads none."""

ERF, LINEAR, RELU = 0, 1, 2  # of the activations that have closed forms
ONE = 3  # the constant 1 in place of an activation
LEAKY, STEP, SIGN = 4, 5, 6  # the last two have no derivative
CODES = {  # by the kind of an activation
    "erf": ERF,
    "linear": LINEAR,
    "relu": RELU,
    "leaky_relu": LEAKY,
    "step": STEP,
    "sign": SIGN,
}
VANISHING = 1e-100  # variance of a field whose length goes to zero
