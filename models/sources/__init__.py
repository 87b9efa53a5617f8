"""Candidate sources: an item-side artefact and a pure function from listening histories to top-k lists."""
