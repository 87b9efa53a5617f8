"""WHAT EXISTS: table contracts, jobs, settings, errors. Imports nothing of the other rooms."""
