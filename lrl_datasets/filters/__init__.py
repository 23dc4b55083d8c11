"""One module a filter: each adds its columns and marks, and never drops a row (see `base`)."""
