"""One YAML a reference fine-tune."""
