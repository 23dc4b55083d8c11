"""lm-eval task files, one folder a suite. Content, not code to import from."""
