"""What every wing stands on: documents, configuration, the store, child processes, errors."""
