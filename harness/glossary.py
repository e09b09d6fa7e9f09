"""The words of reports and of files that are neither a check nor a model: what each means, in a sentence or two."""

from __future__ import annotations

WORDS: dict[str, str] = {
    "loss": (
        "The first millisecond in which a charger's server or its path is gone, in truth, whether or not the charger has noticed; else "
        "its link leaving online for a cause other than its own power or restart."
    ),
    "recovery": "The moment at which a charger hears from its server again.",
    "outage": "From a charger's loss to its recovery.",
    "blip": (
        "An outage shorter than the model's noticing bound (offline_after + answer_timeout) in which the link never left online. Only "
        "checks of safety and accounting count in it."
    ),
    "noticing": (
        "The moment at which a charger takes its server to be lost; for checks at the latest the model's noticing bound after the loss."
    ),
    "settled": "All faults are lifted, all chargers online and all retries over.",
    "twin": (
        "The same scenario and seed without the steps that happen to server, network, messages and stations; the drivers' own steps are "
        "kept at the instants they had. What an outage cost is the difference from its twin."
    ),
    "hold": "The server's order not to charge this plug-in for so long, sent for time-of-use charging.",
    "standing hold": (
        "A hold that was delivered for this plug-in and has neither run out nor been erased by a message, the car's departure or loss of "
        "mains."
    ),
    "hold window": "An unbroken stretch of the tariff's levels in which the car is not to charge: those that `charge_in` does not name.",
    "unseen": (
        "A stretch of time in which nothing tells what a charger drew, in the journal of a log. What was to be seen in it is cancelled."
    ),
    "plug-in": "A stay of a car at a charger, from cable in to cable out, numbered by the charger and kept through power cycles.",
    "override": "A driver's request in the app to charge now, for one plug-in, in spite of time-of-use charging.",
    "return": (
        "The server meets a charger anew: its registration, a new connection, or its first request after a restart of the server or a "
        "silence longer than the noticing bound."
    ),
    "contract": "What a model's maker promises: checks with their bounds, sources and the faults under which they are not promised.",
    "assumption": "A statement of a model that no source makes, marked so that nobody takes it for the maker's word.",
    "obligation": "What a check demands once it is triggered. It ends held (met), failed, cancelled or pending.",
    "exercised": "How many obligations were decided: held or failed. Under `expect`, `exercised` lists checks that must have been.",
    "held": "The obligation was met: what had to follow did, until it no longer had to.",
    "failed": "The obligation was broken: what had to follow did not.",
    "cancelled": (
        "The obligation's premise ended before anything was due or could be shown (the car left, mains was lost, the next outage came), "
        "or a fault touched the charger under which the promise is not made."
    ),
    "pending": "The run, or its journal, was over before the obligation was decided.",
    "unknown": "Nothing was decided: no obligation held or failed.",
    "invalid": "The experiment did not happen: the peer was never reached, or a fault had no effect.",
    "interrupted": "The run was stopped before its end; its journal is judged as far as it goes.",
    "worst": "How near the obligation that held most narrowly came to its bound: 118 s of 120 s.",
    "witness": "The records that show a violation, in time order: what was in force when it began, and what happened up to it.",
    "known_failures": (
        "Under `expect`: failures that are known (check, charger, reason, link). They keep a run green, and turn it red once they pass."
    ),
    "limits": "Under `expect`: bounds on metrics (min, max; per driver or for the fleet). Each is a check too.",
    "seed": "The number that all chance is drawn from: the same scenario, seed and version give the same journal on any machine.",
    "journal": "The record of a run in JSON Lines: all that checks, metrics and reports read.",
}  # fmt: skip
"""Word → what it means."""

MEMORY_EVENTS: dict[str, str] = {
    "departure": "The car leaves, or another comes.",
    "server-loss": "The charger takes itself to be offline.",
    "network-reboot": "The charger restarts with mains present (steps station.reboot-loop and station.firmware-update).",
    "power-cycle": "The station loses mains.",
    "memory-loss": "The station loses all its memory (step station.memory-loss).",
}
"""What may clear a cell of a charger's memory."""
