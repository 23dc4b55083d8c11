"""The builders: one short script a published dataset."""
