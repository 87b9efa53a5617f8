"""What decides: features of listeners, tracks and candidates, and the ranker made of them."""
