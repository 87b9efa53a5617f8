"""Evaluation jobs: how good last week's lists were, and the one door to the planted truth."""
