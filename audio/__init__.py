"""HOW TO HEAR: from an audio file to tempo, key, mood, energy, acousticness and an embedding. Arrays in, numbers out."""
