"""Small scenario files for the tests of the pytest plugin, as texts."""

RIGHT = """\
harness: 1
title: Anna pulls the plug
start: 2026-03-12 16:00
zone: America/Los_Angeles
duration: 12 h
seed: 1
server: juicenet
network: ethernet
supply: {voltage: 240 V}
defaults: {model: juicebox-40, car: bolt, tariff: pge-ev2-a, tou: {charge_in: [off-peak]}}
chargers:
  anna: {session: {plug_in: 17:00, needs: 30 kWh, leave: 03:30}}
plan:
  - {id: crash, at: 18:00, do: server.crash, for: 2 h}
  - {id: pull-plug, at: 19:00, do: station.power-cut, to: anna, for: 20 s}
"""
"""All that was promised holds."""
WRONG = RIGHT + "models: {juicebox-40: {memory: {hold: [departure, memory-loss]}}}\n"
"""The charger does not forget its hold without mains."""
FAILING = {"can-always-charge", "tou-suspended", "unplug-clears-schedule"}
"""What fails then."""
IDLE = {"charging-continues", "override-kept", "settings-remembered", "load-group-within-capacity"}
"""What is promised, and exercised by neither."""
HELD = {
    "can-always-charge", "hold-ends-on-time", "tou-suspended", "unplug-clears-schedule", "override-needed-after-recovery",
    "current-within-limits", "transactions-accounted", "reconnects-in-time", "reconnect-backs-off", "settings-converge",
}  # fmt: skip
"""What holds where all is right."""


def expecting(text: str, expect: str) -> str:
    """A scenario with something under ``expect``, in YAML's braces."""
    return f"{text}expect: {{{expect}}}\n"
