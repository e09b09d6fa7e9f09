"""Judging a journal: obligations and their bounds, the catalogue of checks, metrics, the verdict of a run."""
