"""Sound -> what a small convolutional network hears in it: a unit embedding, and the taste that such a sound meets."""
