"""a week's tables and artefacts -> why one track is on one listener's list at its place, or is not on it."""
