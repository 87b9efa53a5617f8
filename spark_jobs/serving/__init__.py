"""Jobs that make candidates and lists, and publish them."""
