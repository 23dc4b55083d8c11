"""Finds and runs the evaluation tasks, and indexes what they contain."""
