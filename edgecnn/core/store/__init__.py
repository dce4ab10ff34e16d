"""Content-addressed store, manifests, artifacts."""
