"""Jobs that take landing files in, and what writes them: the simulated world and the importers."""
