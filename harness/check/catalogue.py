"""The names of the built-in checks, each with what it demands in one line.

Readers of scenarios and models validate names against this; importing it imports no check.
"""

from __future__ import annotations

NAMES: dict[str, str] = {
    "charging-continues": "A car that draws when its charger loses the server keeps drawing.",
    "can-always-charge": "During an outage a car that wants energy and is not held draws, whatever the tariff says.",
    "hold-ends-on-time": "A hold that was in memory at the loss lasts to its own end, and not longer.",
    "tou-suspended": "During an outage no hold window stops a car, and no refused command acts later.",
    "unplug-clears-schedule": "A station unplugged from the wall during an outage forgets its hold and charges.",
    "override-needed-after-recovery": "After recovery in a hold window a car is held again until its driver overrides anew.",
    "override-kept": "An override that the server remembers still stands after recovery.",
    "settings-remembered": "After a power-up the current stays within the wire rating and the group share set before.",
    "current-within-limits": "The current never exceeds the unit rating, the wire rating, the group share or the amperage.",
    "load-group-within-capacity": "The currents of a load group never add up to more than its circuit carries.",
    "transactions-accounted": "Each transaction stands in the server's ledger once, in order and with its energy.",
    "reconnects-in-time": "With server, path and power back, the charger is online again within the bound.",
    "reconnect-backs-off": "After a failed attempt the next comes no earlier than the model's back-off.",
    "settings-converge": "Once all is settled, server and charger agree on every setting.",
    "clock-sane": "Each message carries the true time of its event, whatever was unset.",
    "schedule-runs-offline": "During an outage the stored schedule goes on: held in its windows, charging outside them.",
    "schedule-survives-power-cycle": "After a power cycle during an outage the stored schedule still applies.",
    "hold-lifted-after-loss": "A pause ordered by the server before the loss is lifted once the loss is noticed.",
    "offline-limit-applies": "Once the loss is noticed the current stays within the stored offline amperage.",
    "unscheduled-after-power-cut": "After a power cut during an outage the car charges, whatever the schedule says.",
    "random-delay-applied": "Starts of charging are spread by a random delay that does not exceed its maximum.",
    "nothing-before-acceptance": "After a power-up nothing is sent before the registration is accepted.",
    "transactions-in-order": "The messages of each charger's transactions arrive in the order of their events.",
    "offline-flag": "A transaction message says that it is from offline exactly when its event happened offline.",
    "no-sequence-gap": "The sequence numbers of a transaction's messages have no gap but a discarded message.",
}
"""Name → what the check demands, in one line."""
