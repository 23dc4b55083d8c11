"""The reference fine-tune: a short script over a recipe."""
