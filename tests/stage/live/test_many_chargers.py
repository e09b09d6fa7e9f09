"""What a connected virtual charger takes of its process: so little that thousands fit, and the files that they need are asked for.

The server is another process, so that what is measured is the chargers' alone; it offers the compression that none is to take.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import sys
import tracemalloc

import pytest
from alongside import HERE

from harness import load
from harness.stage.errors import ExperimentError, StageError
from harness.stage.live import run as runs
from harness.stage.live.clock import LiveClock
from harness.stage.live.target import TargetStage
from harness.values import Target

KIB_EACH = 12
"""10 at this writing; compression, a queue and tasks for each connection, or the headers of its handshake, take it over this."""
CHARGERS = 50
SERVER = """
import asyncio, json
from websockets.asyncio.server import serve
async def speak(socket):
    async for text in socket:
        await socket.send(json.dumps([3, json.loads(text)[1], {
            "status": "Accepted", "currentTime": "2026-03-12T12:00:00Z", "interval": 300}]))
async def main():
    async with serve(speak, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as door:
        print(door.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()
asyncio.run(main())
"""


@pytest.fixture
def target():
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        yield Target(name="bare", file="", url=f"ws://127.0.0.1:{int(server.stdout.readline())}/{{station}}")
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


async def connected(target, chargers, look):
    """Connect so many chargers, and look."""
    crowd = f"chargers={{crowd: {{count: {chargers}, model: ocpp16-strict, sessions: []}}}}"
    scenario = load(HERE / "alone.yaml", overrides=[crowd, "plan=[]", "expect={}"])
    stage = TargetStage(runs.over_websockets(scenario, "1.6"), lambda batch: None, LiveClock(1), target=target, toxiproxy=None)
    try:
        await stage.prepare()
        await asyncio.sleep(0)  # the last of those who waited for it lets go
        return look(stage)
    finally:
        await stage.shut()


def test_a_connected_charger_takes_little_memory_and_no_task(target):
    def traced(_):
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    asyncio.run(connected(target, 1, lambda _: None))  # what is imported and compiled once is of no charger
    tracemalloc.start()
    try:
        few, many = (asyncio.run(connected(target, chargers, traced)) for chargers in (1, 1 + CHARGERS))
    finally:
        tracemalloc.stop()
    assert (many - few) / CHARGERS / 1024 < KIB_EACH

    def look(stage):
        return len(asyncio.all_tasks()), {line.socket.protocol.extensions == [] for line in stage._lines}

    (tasks_of_one, _), (tasks_of_many, plain) = (asyncio.run(connected(target, chargers, look)) for chargers in (1, 1 + CHARGERS))
    assert tasks_of_many == tasks_of_one
    assert plain == {True}


def test_too_few_open_files_are_told_with_how_many_chargers_they_are_enough_for(monkeypatch):
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1_024, 8_000))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: asked.append(limits))
    runs._raise_file_limit(runs.FILES_PER_CHARGER_ALONE, 3_000)
    assert asked == [(6_200, 8_000)]
    message = "5000 chargers need 10200 open files, and at most 8000 are allowed, enough for 3900 chargers: see `ulimit -Hn`"
    with pytest.raises(ExperimentError, match=message):
        runs._raise_file_limit(runs.FILES_PER_CHARGER_ALONE, 5_000)


def test_more_chargers_are_carried_where_the_server_is_elsewhere():
    scenario = load(HERE / "alone.yaml", overrides=["chargers={crowd: {count: 5000, model: box, sessions: []}}", "plan=[]", "expect={}"])
    runs.refuse(scenario, 1, direct=True, yours=True)
    with pytest.raises(StageError, match="5000 chargers are more than the 2000 that run live"):
        runs.refuse(scenario, 1, direct=True)
