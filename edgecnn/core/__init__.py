"""The foundation of all other packages: documents, configuration, store, child processes, errors."""
