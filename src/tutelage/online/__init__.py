"""One-pass SGD in two-layer networks: the rule, its views, its asymptotics."""
