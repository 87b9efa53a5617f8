"""tables of the feature store -> what the factory knows of one listener, as a document and as a page."""
