"""From marked rows to a release folder: splits, manifest, card; and its publication."""
