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
    "times-hold-by-clock": "Without a server and without a set clock a hold does not run out.",
    "adds-second-hold": "A hold that comes while one stands is added to it.",
    "keeps-hold-for-next-car": "A hold outlives the departure of its car during an outage and holds the next one.",
    "forgets-amperage-at-release": "A release that ends a hold lifts the amperage set before, too.",
    "ignores-release-on-return": "A release that comes within ten seconds of a reconnect is acknowledged and not followed.",
    "forgets-wire-rating-in-boot": "Loss of mains or a restart during a boot or an update wipes the wire rating.",
    "lifts-pause-once": "Only the first loss of the server lifts a hold or pause.",
    "forgets-offline-limit-at-boot": "After a power-up the offline amperage does not apply until the server has been there once.",
    "raises-to-offline-amperage": "Offline the offline amperage applies even where the wire rating or the share is lower.",
    "forgets-waiting-car": "A car that came while the station was out of service is not admitted when it is put back.",
    "keeps-old-utc-offset": "After a night on which clocks change the stored schedule is an hour off: it keeps the old offset from UTC.",
    "keeps-schedule-in-cut-online": "Loss of mains before the loss of the server was noticed leaves the stored schedule.",
    "ignores-amperage-while-starting": "An amperage that comes in the seconds before current flows is acknowledged and not applied.",
    "keeps-first-schedule": "A new schedule is acknowledged and does not replace one that is stored.",
    "stamps-repeats-anew": "A message that is sent again carries the time of its sending.",
    "registers-only-once": "Once an attempt to register has failed, the next connection counts as accepted.",
    "forgets-closing-in-charge": "A restart or loss of mains in a transaction puts the station back into service.",
    "stops-at-swipe-offline": "A tag that is shown during an outage stops the car that charges.",
    "loses-end-at-limit": "The end of a transaction that just fills the queue is lost without a trace.",
    "loses-schedule-while-holding": "Loss of mains or a restart while the stored schedule holds a car wipes it.",
    "numbers-readings-once": "The readings of an outage take one sequence number in all.",
    "flags-pending-as-online": "What happens while the server puts the registration off is not flagged as offline.",
    "awaits-acceptance-for-ever": "A connection that breaks while the registration is put off is waited for without end.",
    "skips-delay-at-power-up": "A start before the registration after a power-up comes without the random delay.",
    "ignores-replug-offline": "Without its server the charger takes no order from the plug.",
    "skips-delay-at-return": "When the server is back a charge that goes on is not delayed.",
    "drops-in-flight-at-loss": "The message in flight when the link is lost is dropped.",
}
"""Wrong behaviours of chargers: name → what it does wrong."""

SERVER_QUIRKS: dict[str, str] = {
    "forgets-override-at-loss": "A charger's override is forgotten when the charger goes away, though the server never restarted.",
    "replays-refused-commands": "A command refused while the server was down is carried out when the server is back.",
    "raises-share-before-lowering": "A load group's member is raised before the others' lowering is confirmed.",
    "books-repeats-twice": "A repeated transaction message is booked as a new transaction.",
    "holds-whole-window": "A hold that is told within its window lasts as long as the whole window.",
    "repeats-doubtful-commands": "A command in doubt is carried out once more when the server works again.",
    "frees-share-at-loss": "A load group's member that goes away counts as one without a car, which draws the floor.",
    "restores-first-shares": "After a restored backup the shares of the beginning count as known and confirmed.",
}
"""Wrong behaviours of servers: name → what it does wrong."""
