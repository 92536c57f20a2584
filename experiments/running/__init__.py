"""One run, without MLflow: from settings to a folder with a trained model."""
