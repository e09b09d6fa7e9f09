"""Looking for trouble: random plans, drawn from a seed."""
