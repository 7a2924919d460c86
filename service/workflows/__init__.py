"""Use cases: the only place where registry, documents, signing and archive meet."""
