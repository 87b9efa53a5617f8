"""Trainers: histories -> artefacts, on the driver and over Arrow."""
