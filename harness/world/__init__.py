"""Chargers, vehicles, drivers, load groups and servers as state machines that do no I/O and have no clock."""
