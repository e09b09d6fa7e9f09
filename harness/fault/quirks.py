"""Known wrong behaviours of chargers and servers, by name: what a model's ``quirks`` may list.

They are seen in the wild or planted to prove that a check finds them. What a model can say with its ordinary fields (a memory
cell cleared by another event, a new car refused offline) is no quirk.
"""

from __future__ import annotations

CHARGER_QUIRKS: dict[str, str] = {
    "renews-hold-offline": "Without a server the charger starts its hold anew each time that it runs out.",
    "hold-never-ends-offline": "Without a server a hold does not run out.",
    "applies-amperage-late": "An amperage command is acknowledged at once and takes effect five minutes later.",
    "forgets-share-at-power-up": "The load group's share is not applied after a power-up until the server sends it again.",
    "loses-start": "A transaction that begins offline is never reported as started.",
    "sends-stop-twice": "The end of each transaction is reported twice.",
    "register-restarts-at-power-up": "The energy register starts at zero after each power-up.",
    "reorders-queue": "Queued transaction messages are sent newest first.",
    "sends-queue-at-once": "Queued messages are sent all at once, without waiting for answers, and never again.",
    "drops-oldest-when-full": "A full queue drops its oldest message, a transaction's start included.",
    "awaits-boot-after-reconnect": "After a plain reconnect the charger waits for a registration answer it never asked for.",
    "no-backoff": "Failed attempts to reconnect are repeated after one second, without end.",
    "never-notices-half-open": "Silence from the server is never taken for its loss.",
    "stamps-1970": "Messages about events before the clock was set again carry times counted from 1970.",
    "swaps-amperages": "The offline and the online amperage are swapped.",
    "resumes-at-unit-rating": "After a power-up the wire rating is not applied until the server sends something.",
    "skips-random-delay": "The random delay is left out.",
}
"""Wrong behaviours of chargers: name → what it does wrong."""

SERVER_QUIRKS: dict[str, str] = {
    "forgets-override-at-loss": "A charger's override is forgotten when the charger goes away, though the server never restarted.",
    "replays-refused-commands": "A command refused while the server was down is carried out when the server is back.",
    "raises-share-before-lowering": "A load group's member is raised before the others' lowering is confirmed.",
    "books-repeats-twice": "A repeated transaction message is booked as a new transaction.",
}
"""Wrong behaviours of servers: name → what it does wrong."""
