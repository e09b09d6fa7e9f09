"""The names of the built-in checks, each with what it demands in one line.

Readers of scenarios and models validate names against this; importing it imports no check.
"""

from __future__ import annotations

from typing import NamedTuple

NAMES: dict[str, str] = {
    "charging-continues": "A car that draws when its charger loses the server keeps drawing.",
    "can-always-charge": "During an outage a car that wants energy and is not held draws, whatever the tariff says.",
    "hold-ends-on-time": "A hold that was in memory at the loss lasts to its own end, and not longer.",
    "tou-suspended": "During an outage no hold window stops a car, and no refused command acts later.",
    "unplug-clears-schedule": "A station unplugged from the wall during an outage forgets its hold and charges.",
    "override-needed-after-recovery": "After recovery in a hold window a car is held again until its driver overrides anew.",
    "override-kept": "An override that the server remembers still stands after recovery.",
    "settings-remembered": "After a power-up the current stays within the wire rating and the group share set before.",
    "availability-kept": "A station that was taken out of service is so after a restart, until it is put back.",
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
    "random-delay-at-return": "When the server is back a charge that goes on stops for a random delay.",
    "pause-kept-offline": "A car that was paused before the loss stays paused until the server is back.",
    "new-session-refused-offline": "A car that comes during an outage is not charged until the server is back.",
    "unknown-tag-charges-offline": "A car that comes during an outage with a tag that the charger does not know is charged.",
    "replug-overrides": "Plugged in again as the model says, a car charges in spite of the stored schedule, server or not.",
    "nothing-before-acceptance": "After a power-up nothing is sent before the registration is accepted.",
    "transactions-in-order": "The messages of each charger's transactions arrive in the order of their events.",
    "offline-flag": "A transaction message says that it is from offline exactly when its event happened offline.",
    "no-sequence-gap": "The sequence numbers of a transaction's messages have no gap but a discarded message.",
    "frames-valid": "What the far end of a live run sends is valid OCPP; a server answers what is valid without an error, its clock right.",
}
"""Name → what the check demands, in one line."""


class Explanation(NamedTuple):
    """What a check means."""

    trigger: str
    follows: str
    evidence: str
    bound: str
    """The default bound, where no clause or scenario gives one."""
    source: str


EXPLANATIONS: dict[str, Explanation] = {
    "charging-continues": Explanation(
        "a car draws when its charger loses the server",
        "it keeps drawing until it is full, unplugged or without mains, or the server is back",
        "the current; commands with the time at which they were sent; an injected restart",
        "none: at no instant may it stop. A hold or command that was sent before the loss or as it came is an excuse, as are a "
        "stored schedule acknowledged before it, and an injected restart with the start delay; a hold sent after the loss is not, unless "
        "it carries out what the driver asked for",
        "Maker's FAQ: a car can always be charged",
    ),
    "can-always-charge": Explanation(
        "during an outage a car wants energy and no hold stands that was sent before the loss",
        "it draws, whatever the tariff says, and keeps drawing until it is full, unplugged or without mains, or the server is back",
        "plug-in, delivered tag lists and answers, holds, mains, the current",
        "start delay (and random delay) after the latest of plug-in, noticing, power-up, authorisation and the hold's end; "
        "noticing and power-up count at the latest at the model's own bounds",
        "Maker's FAQ: a car can always be charged; SI 2021/1467 reg 7",
    ),
    "hold-ends-on-time": Explanation(
        "a hold stands at the loss on a car that wants energy",
        "no current flows until the hold's own end (delivery + duration), an erasing message, departure, loss of mains or "
        "recovery; from its end on the car draws",
        "the hold's delivery and duration, the current",
        "start delay after the hold's end",
        "Follows from the maker's FAQ: drivers must unplug the station to end a hold",
    ),
    "tou-suspended": Explanation(
        "a hold window is open, or opens, during an outage on a car with time-of-use charging on that wants energy and is not "
        "held; and each request (override, amperage, time-of-use) that a driver makes in the app during an outage",
        "the car draws through the window. A request while the server is down is refused visibly and never carried out later; "
        "one in doubt takes effect at most once; one that the server took in while only the charger was cut off is in effect "
        "after the recovery, unless the server has forgotten it since, or took the car that came meanwhile for the one before",
        "tariff windows, accepted settings, the app's answers, the commands delivered, the current",
        "start delay for windows; for requests keepalive + answer timeout + 4 × latency + N ÷ answers per second after the recovery",
        "Maker's FAQ: during an outage TOU and amperage settings are not available",
    ),
    "unplug-clears-schedule": Explanation(
        "mains is lost during an outage under a hold that would still stand at power-up",
        "the car draws, and keeps drawing until it is full, unplugged or without mains, or the server is back",
        "the hold's delivery and duration, loss and return of mains, the current",
        "start delay after the power-up",
        "Maker's FAQ: unplugging the station clears its temporary memory of the schedule",
    ),
    "override-needed-after-recovery": Explanation(
        "the server is back, time-of-use charging is on, a car wants energy, at least the bound is left of the hold window, and "
        "no override was accepted since its plug-in or since the server last forgot such; and each override accepted after that",
        "from the bound on the car does not draw until the window's end, an override, unplug, loss of mains or the next loss; "
        "after a new override it draws and keeps drawing",
        "tariff windows, accepted settings and overrides, what has the server forget them, the current",
        "keepalive + answer timeout + 4 × latency + N ÷ answers per second + start delay; it does not run while a fault acts on path "
        "or server, nor from a restart to the registration after it, and runs anew from a message that a fault struck",
        "Maker's FAQ: once the servers are back, the driver must override again",
    ),
    "override-kept": Explanation(
        "the server is back and has not restarted since it accepted this plug-in's override, in a hold window with at least the bound left",
        "the car draws, and keeps drawing until the window's end, full, unplug, loss of mains or the next loss",
        "accepted overrides, what has the server forget them, the current",
        "as override-needed-after-recovery",
        "The server's own promise: what it accepted and did not forget stands",
    ),
    "settings-remembered": Explanation(
        "a power-up or restart with a car that alone would draw more than the wire rating or its group's share",
        "before any later command its current stays within both; met only if it drew",
        "settings, the share last acknowledged, the current",
        "in current: the smaller of wire rating and share",
        "Maker's FAQ: a load group or wire rating set earlier is remembered through any power cycle; OCPP 1.6 errata 3.37, OCPP "
        "2.0.1 K01.FR.27",
    ),
    "availability-kept": Explanation(
        "a restart or a loss of mains of a station that was taken out of service, a car connected that would charge otherwise",
        "no current flows until the station is put back into service, loses mains again or the car leaves; met only if that was after "
        "the boot and the start delay",
        "steps and commands that take it out of service and put it back, mains, restarts, the current",
        "none",
        "OCPP 1.6 TC_034, OCPP 2.0.1 TC_G_18, TC_G_19 and TC_G_21",
    ),
    "current-within-limits": Explanation(
        "a car draws; counted once per stay",
        "the current never exceeds the unit rating, the wire rating or the share last acknowledged, nor an amperage from its "
        "acknowledgement to the next outage or power-up",
        "settings, commands acknowledged, the current",
        "none (a model with a random delay may be that late in changing its rate)",
        "Ratings are limits; juicepassproxy#39",
    ),
    "load-group-within-capacity": Explanation(
        "a load group draws; counted once per group",
        "the sum of its currents never exceeds its circuit; changes within one millisecond count together",
        "the currents",
        "none",
        "The circuit's breaker; the server's promise not to raise a member before the others' lowering is confirmed",
    ),
    "transactions-accounted": Explanation(
        "a charger opens a transaction",
        "once all is settled it stands in the server's ledger once, in order, with the registers of its start and end to one "
        "meter step (1 Wh), unless the charger gave it up as its queue's policy allows; the energies of one stay sum to what "
        "was delivered",
        "transactions and energy in truth, discards, the ledger at the run's end",
        "what was over before the last settling of the run must be booked; the rest is pending",
        "OCPP 1.6 §3.7, OCPP 2.0.1 E13; citrineos-core#880, libocpp#906",
    ),
    "reconnects-in-time": Explanation(
        "the latest of server back, path restored, power-up, a message that a fault struck and, where its registration was put off, when"
        " it was to ask again, with no fault acting on path or server that may keep it waiting",
        "the charger is online in truth (it has heard from its server) and in its own view, and registered if it restarted",
        "the ends of faults, mains, link, registrations, recovery",
        "noticing bound + largest back-off + answer timeout + 4 × latency + N ÷ accepts per second",
        "OCPP 2.0.1 part 4 (back-off); SteVe#357, openHAB#20891",
    ),
    "reconnect-backs-off": Explanation(
        "a series of attempts with at least one failure in it",
        "each wait is at least the model's back-off, without its random part",
        "the attempts",
        "the model's back-off: wait minimum, doubled up to the model's number of times",
        "OCPP 2.0.1 RetryBackOff* (TC_B_57)",
    ),
    "settings-converge": Explanation(
        "the run has settled: all faults lifted, all chargers online, all retries elapsed",
        "what the charger last acknowledged is what the server stores: amperage, schedule on or off, a hold if and only if one is due",
        "accepted requests, restarts, restores and losses of settings, commands acknowledged",
        "keepalive + answer timeout + 4 × latency + N ÷ answers per second",
        "What the app shows is what the station does",
    ),
    "clock-sane": Explanation(
        "the server takes in a message about a transaction",
        "the time that it carries is the true time of its event",
        "the message's stamp and the event's true time",
        "10 s",
        "OCPP 1.6 §4.6, OCPP 2.0.1; MicroOcpp#311, #354 (1970 after a reboot)",
    ),
    "schedule-runs-offline": Explanation(
        "an outage, with a stored schedule on, a car that wants energy, and no loss of mains in this outage",
        "in each hold window it does not draw; in each stretch between windows it draws. That it draws counts as held only where it "
        "follows a hold window: otherwise a charger without its schedule would draw too",
        "the schedule last acknowledged, tariff windows, the current",
        "start delay, for drawing",
        "Waybox help 360052704872; OCPP 1.6 §3.13.6",
    ),
    "schedule-survives-power-cycle": Explanation(
        "as schedule-runs-offline, after mains was lost and came back during the outage",
        "the same",
        "the same",
        "start delay after the power-up, for drawing",
        "OCPP 1.6 errata 3.37, OCPP 2.0.1 K01.FR.27",
    ),
    "hold-lifted-after-loss": Explanation(
        "a hold or pause stands at the loss on a car that wants energy",
        "once the loss is noticed the car draws, until it is full, unplugged or without mains, or the server is back",
        "the pause's delivery, the current",
        "start delay after the noticing bound",
        "juicepassproxy PR#69",
    ),
    "offline-limit-applies": Explanation(
        "an outage, and a car that alone would draw more than the stored offline amperage",
        "from the noticing bound on its current stays within it; met only if it drew",
        "settings, the current",
        "in current: the offline amperage; in time: the noticing bound",
        "juicepassproxy#39",
    ),
    "unscheduled-after-power-cut": Explanation(
        "mains is lost and comes back during an outage, time-of-use charging on",
        "the car draws, whatever the schedule says, until it is full, unplugged or without mains, or the server is back; held only "
        "where that lasts into a hold window, in which a schedule would have stopped it",
        "mains, tariff windows, the current",
        "start delay after the power-up",
        "Waybox help 360043663731; community.evnex.io t/115",
    ),
    "random-delay-applied": Explanation(
        "current begins to flow",
        "it does so within the longest random delay after it was permitted, and starts are not more often undelayed than chance "
        "explains (one, and one more for each twenty)",
        "plug-in, power-up, authorisation, windows, holds, the current",
        "the longest random delay + start delay",
        "SI 2021/1467 reg 11",
    ),
    "random-delay-at-return": Explanation(
        "the charger comes online after an outage, a car draws",
        "the current stops; when it begins anew, random-delay-applied judges",
        "the link, the current",
        "none: at once",
        "pod-point.com smart-charge-point-regulations; SI 2021/1467 reg 11",
    ),
    "pause-kept-offline": Explanation(
        "a pause ordered by the server stands at the loss on a car that wants energy",
        "no current flows until it is lifted, the car leaves, mains is lost or the server is back; met only if that was later than a "
        "charger that lifts its pause would have begun, by its stored schedule where it has one; a restart cancels",
        "the pause's delivery, the current",
        "none",
        "help.emporiaenergy.com 9084244: paused stays paused",
    ),
    "new-session-refused-offline": Explanation(
        "a car is plugged in during an outage, once the loss must have been noticed, at a station that works and is in service",
        "no current flows until the car leaves, mains is lost, the station restarts or the server is back; met only if that was later "
        "than a charger that takes the car would have begun",
        "plug-in, mains, the current",
        "none",
        "support.flexecharge.com 17147060541980: new sessions are refused",
    ),
    "unknown-tag-charges-offline": Explanation(
        "a car is plugged in during an outage, once the loss must have been noticed, by a driver whose tag is not on the charger's list "
        "and was not refused by the server before, as far as the charger keeps its answers",
        "it draws, and keeps drawing until it is full, unplugged or without mains, or the server is back",
        "plug-in, the list that was delivered, the current",
        "answer timeout + start delay (and random delay)",
        "edgedocs.evc-net.com: unknown cards are accepted",
    ),
    "replug-overrides": Explanation(
        "during an outage, in a hold window of the stored schedule, a car is plugged in again as often and as soon as the model wants it",
        "it draws, and keeps drawing until the window's end, full, unplug, loss of mains or recovery",
        "plug-ins, the schedule last acknowledged, the current",
        "start delay (and random delay)",
        "help.emporiaenergy.com 12601628; chargepoint.com how-schedule-charging-chargepoint-home",
    ),
    "nothing-before-acceptance": Explanation(
        "a power-up or restart",
        "the first message other than a registration was sent after a registration was accepted",
        "power, messages taken in and when they were sent",
        "none",
        "OCPP 1.6 §4.2, OCPP 2.0.1 B02.FR.02 (TC_002)",
    ),
    "transactions-in-order": Explanation(
        "the server takes in a transaction's start or end for the first time",
        "its event is no earlier than that of the one before",
        "the events' true times",
        "none",
        "OCPP 1.6 §3.7 (TC_039)",
    ),
    "offline-flag": Explanation(
        "an OCPP 2.0.1 charger's transaction message is taken in",
        "it says offline exactly when its event happened while the charger was offline; between the loss and its being noticed "
        "nobody can tell",
        "link, the events' true times",
        "none",
        "OCPP 2.0.1 E04.FR.03, E12.FR.02",
    ),
    "no-sequence-gap": Explanation(
        "an OCPP 2.0.1 charger's transaction message is taken in for the first time",
        "its seqNo follows on the last, with at most as many missing as were given up",
        "sequence numbers, discards",
        "none",
        "OCPP 2.0.1 E01.FR.07",
    ),
    "frames-valid": Explanation(
        "a live run's far end, your server, sends a frame",
        "it is an OCPP-J array, and its payload is valid by the official schema of its action. Such a run is judged by this check "
        "whatever the scenario says; each message that the server answered validly counts as met, and one that it answered with a "
        "CALLERROR as failed: all that chargers send here is valid, and of the core that every server has to know. A `currentTime` that "
        "is farther than the bound from the clock of the machine fails once for each charger",
        "the frames that came in, and the machine's clock",
        "10 s, for the clock",
        "OCPP-J 1.6 §4; the schemas of OCPP 1.6 and 2.0.1",
    ),
}
"""Name → what it means in full."""
