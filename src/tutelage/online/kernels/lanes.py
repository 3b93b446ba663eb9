"""How many replicas of the chain go side by side: known without compiling anything."""

LANES = 8  # one AVX-512 vector, or two of AVX2
