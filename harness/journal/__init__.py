"""The record of a run: the only thing that checks, metrics and reports read."""
