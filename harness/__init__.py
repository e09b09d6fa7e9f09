"""harness: a resilience chaos-testing harness for EV chargers."""
