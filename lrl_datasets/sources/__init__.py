"""One module a format: each yields Arrow tables by the contracts in `schema` (see `base`)."""
