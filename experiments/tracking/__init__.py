"""All that imports MLflow: the store, what is logged of a run, the UI."""
