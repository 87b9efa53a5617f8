"""Next tracks from the order of a history: batches, encoder (JAX), training, and the encoder as an ONNX graph to serve."""
