"""Commented files to start from, as ``harness new`` writes them."""

from __future__ import annotations

from typing import Literal

from harness.scenario.forms import NAME

_SCENARIO = """\
# Check this file with `harness lint {name}.yaml`, run it with `harness run {name}.yaml`.
harness: 1                                  # version of the format
title: The server crashes while a car is charging
why: >
  What the scenario shows, for whoever reads the report.
start: 2026-03-12 17:00                     # local time in `zone`; this day is day 1
zone: America/Los_Angeles
duration: 24 h
seed: 1                                     # another seed, another crowd

server: juicenet                            # `harness list` shows what there is
network: home-wifi
supply: {{voltage: 240 V, phases: 1}}

defaults:                                   # what holds for all chargers that do not say otherwise
  car: leaf-40
  tariff: pge-ev2-a
  driver: commuter
  tou: {{charge_in: [off-peak]}}              # charge only at these price levels of the tariff

chargers:
  homes: {{count: 5, model: juicebox-40}}     # a crowd, drawn from the seed: homes-1 to homes-5
  anna:                                     # one charger; nothing about it is drawn
    model: juicebox-40                      # a shipped model, a path (./mine.yaml), or {{extends: juicebox-40, …}}
    session: {{plug_in: 17:10, needs: 18 kWh, leave: 07:00}}      # the peak: she is held until midnight

plan:                                       # what goes wrong, and what people do
  - {{id: crash, at: 17:30, do: server.crash, for: 2 h}}
  - {{id: pull-plug, at: 19:00, do: station.power-cut, to: anna, for: 20 s}}
  # - {{at: crash.end + 10 min, do: driver.override, to: anna}}

expect:
  contract: each-maker                      # each charger is judged by its model's contract
  exercised: [unplug-clears-schedule]       # the run proves nothing unless this was put to the test
  checks:
    reconnects-in-time: {{within: 10 min}}    # a built-in check with a bound of one's own
    anna-charges-without-the-server:        # a check of one's own
      says: Anna's car charges within two minutes after she pulled the plug.
      after: pull-plug.end
      within: 2 min
      charger: anna
      becomes: Charging
  limits:
    port_uptime: {{min: 95 %}}
"""

_MODEL = """\
# A charger of one's own: replace each value by what the maker says, and say where it is said.
# Check this file with `harness lint {name}.yaml`; use it in a scenario with `model: ./{name}.yaml`.
harness: 1
kind: charger
name: {name}                # the same as the file's name
title: The charger's full name
maker: Who makes it
protocol: ocpp1.6           # juicenet, ocpp1.6 or ocpp2.0.1
tou: schedule               # how time-of-use charging reaches the car: hold, pause, schedule or none
authorisation: none         # required: a tag must be accepted first

ratings:
  unit_rating: 32 A         # the most the unit delivers per phase
  wire_rating: 32 A         # the most its wiring may carry
  phases: 1

link:
  transport: websocket      # udp: datagrams, which are lost while the path is down
  keepalive: 60 s
  offline_after: 3 min      # silence after which it takes itself to be offline
  answer_timeout: 30 s
  backoff: {{wait_minimum: 15 s, random_range: 15 s, repeat_times: 3}}

memory:                     # what clears each cell: departure, server-loss, network-reboot, power-cycle, memory-loss
  hold: [departure, power-cycle, memory-loss]    # the server's order not to charge: a pause in the app is one, too
  schedule: [memory-loss]
  override: [departure, power-cycle, memory-loss]
  amperage: [power-cycle, memory-loss]
  wire_rating: [memory-loss]
  group_share: [memory-loss]
  message_queue: [memory-loss]
  clock: [memory-loss]
  availability: [memory-loss]                    # that it was taken out of service

server_loss:
  new_car: charges          # a car plugged in without a server: charges, waits, refused or local-list
  limit: wire-rating        # which limit applies then: wire-rating, offline-amperage, amperage or lowest

power_up:
  boot: 30 s
  start_delay: 5 s
  resumes: true             # a car that was charging goes on after a power cut

queue:
  limit: 100
  attempts: 3
  interval: 60 s

contract:                   # what the maker promises: a check, its bound, and whose words they are
  charging-continues:
    source: "The maker's manual, section 4"
  schedule-runs-offline:    # not can-always-charge: a stored schedule holds cars without the server too
    assumes: [no memory-loss, no clock-lost, no wrong-clock]
    source: "The maker's manual, section 4"
  schedule-survives-power-cycle:
    assumes: [no memory-loss, no clock-lost, no wrong-clock]
    source: "OCPP 1.6 errata 3.37: profiles SHALL be persistent across reboots and power cycles"
  settings-remembered:
    assumes: [no memory-loss]
    assumption: The installer's wire rating must survive every power cut; no source says so
  reconnects-in-time:
    assumes: [no firmware-update]
    assumption: The manual promises that it reconnects, and names no time

claims:                     # where each statement comes from; a path covers what lies below it
  maker: {{source: The type plate}}
  protocol: {{source: "The maker's data sheet"}}
  tou: {{source: "The maker's manual, section 4"}}
  authorisation: {{assumption: A home charger in its open mode}}
  ratings: {{source: The type plate}}
  link: {{assumption: The manual says nothing about it}}
  memory: {{assumption: The manual says nothing about it}}
  server_loss: {{source: "The maker's manual, section 4"}}
  power_up: {{assumption: Measured on one unit}}
  queue: {{source: "OCPP 1.6, 3.7.1, with its usual settings"}}
"""


_TARGET = """\
# A server of your own. Check this file with `harness lint {name}.yaml`, and run a scenario against the server with
# `harness run live/half-open --live --target {name}.yaml`. docs/your-server.md tells of each key.
harness: 1                                      # version of the format
url: ws://127.0.0.1:9000/ocpp/{{station}}         # where a station connects; wss:// with a certificate
station: CP-{{number:04}}                         # the ids of its stations: CP-0001 …; {{charger}} is the name in the scenario
# tag: TEST-{{number}}                            # the tag that drivers show; the charger's name by default
# password_from: MY_SERVER_PASSWORD             # an environment variable: basic authentication
# ca: my-authority.pem                          # beside this file: who signed the server's certificate
# ready: http://127.0.0.1:8080/health           # what answers 2xx once the server is ready

# commands:                                     # what server.crash, server.upgrade and server.hang do; leave out what you cannot
#   stop: [docker, compose, kill, my-server]
#   start: [docker, compose, start, my-server]
#   pause: [docker, compose, pause, my-server]
#   resume: [docker, compose, unpause, my-server]

# operations:                                   # what drivers do in your app
#   set-amperage: [./set-amperage, '{{station}}', '{{amperage}}']

# books: [./export-transactions]                # prints CSV: station, transaction, start, start_wh, stop, stop_wh

# toxiproxy:                                    # where it does not run on this machine beside the server
#   upstream: my-server:9000                    # where Toxiproxy finds the server
#   listen: 0.0.0.0                             # on which of its own addresses it listens
#   reach: 127.0.0.1                            # where chargers find Toxiproxy
#   ports: 21000-21009
"""


_BENCH = """\
# A bench with chargers of your own. Check this file with `harness lint {name}.yaml`, and put a server and its outages in front of them
# with `harness serve my-outage.yaml --bench {name}.yaml`. docs/your-chargers.md tells of each key.
harness: 1                                      # version of the format
listen: 127.0.0.1:9000                          # where chargers connect: an address of this machine that they can reach
# patience: 5 min                               # how long to wait for all of them before the start; 10 min by default

# stations:                                     # the station ids of chargers whose names in the scenario are not their ids
#   anna: CP-0017

# password: '{{station}}-secret'                  # basic authentication (security profile 1)
# certificate: server.pem                       # beside this file: with it chargers speak TLS (security profile 2)
# key: server.key

# commands:                                     # what does at the bench what you would be asked to do; leave out what nothing can
#   plug-in: [vehicle-simulator, connect, '{{station}}']
#   unplug: [vehicle-simulator, disconnect, '{{station}}']
#   swipe: [card-robot, '{{charger}}']
#   power-off: [relay, 'off', '{{charger}}']
#   power-on: [relay, 'on', '{{charger}}']
#   restart: [relay, cycle, '{{charger}}']
"""


def beginning(kind: Literal["scenario", "model", "target", "bench"], name: str) -> str:
    """The text to start from. Raises ValueError for a name that no file of ours could have."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name of letters, digits, `-` and `_`")
    return {"scenario": _SCENARIO, "model": _MODEL, "target": _TARGET, "bench": _BENCH}[kind].format(name=name)
