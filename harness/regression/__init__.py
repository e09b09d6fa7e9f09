"""Whether a run is worse than another one, or a suite of them than what was committed."""
