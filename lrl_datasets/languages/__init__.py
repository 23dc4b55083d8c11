"""One TOML file a language, and the loader that validates it."""
