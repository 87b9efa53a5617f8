"""The feature catalogue: every feature once, as data; models/ranking/features computes them."""
