"""How the simulated world's arrays become files: days of listens, small entities, and the truth."""
