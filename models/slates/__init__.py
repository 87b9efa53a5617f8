"""Slates: from candidates to the lists that listeners see, one module per surface, all under the same rules."""
