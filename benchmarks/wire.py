"""How many OCPP calls a second of the client's processor sends, each validated, and takes the answers to, each validated.

    python -m benchmarks.wire

Virtual chargers send MeterValues to a bare server in another process, without Toxiproxy, each its next once the last is answered. The work
is that of a live run: the frame made from the world's message, both schemas, the WebSocket, the answer taken in.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.__main__ import REFERENCE_RATE, Report
from benchmarks.__main__ import measure as bare
from harness import load
from harness.stage.live.clock import LiveClock
from harness.stage.live.run import over_websockets, run_fast
from harness.stage.live.target import TargetStage
from harness.values import Target
from harness.world.messages import Request

CHARGERS = 100
CALLS = 60_000
LIMIT = 15_000

SERVER = """
import asyncio, json
from websockets.asyncio.server import serve
BOOT = {"status": "Accepted", "currentTime": "2026-03-12T12:00:00Z", "interval": 300}
async def speak(socket):
    async for text in socket:
        if '"MeterValues"' in text:
            await socket.send('[3,' + text.split(',', 2)[1] + ',{}]')
        else:
            _, id_, action, _ = json.loads(text)
            await socket.send(json.dumps([3, id_, BOOT if action == "BootNotification" else {}]))
async def main():
    async with serve(speak, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None) as door:
        print(door.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()
asyncio.run(main())
"""


class Load(TargetStage):
    """A live stage whose chargers do nothing but send readings."""

    left = CALLS
    answered = 0

    def next_call(self, port) -> None:
        if self.left > 0:
            self.left -= 1
            self._send(port, Request("meter-values", self.clock.now))

    def _answered(self, port, request, answer, epoch, processed_at) -> None:
        if request.action == "meter-values":
            assert answer.result == "accepted"
            self.answered += 1
            self.next_call(port)
            if self.answered == CALLS:
                self.over.set()


async def measure(port: int) -> tuple[float, float]:
    """(Calls per second of processor, calls per second) of the client."""
    target = Target(name="bare", file="", url=f"ws://127.0.0.1:{port}/{{station}}")
    stage = Load(over_websockets(_scenario(), "1.6"), lambda batch: None, LiveClock(1), target=target, toxiproxy=None)
    stage.over = asyncio.Event()
    try:
        await stage.prepare()
        stage.live_clock.start()
        cpu, real = time.process_time(), time.perf_counter()
        for each in stage.ports:
            stage.next_call(each)
        await stage.over.wait()
        return CALLS / (time.process_time() - cpu), CALLS / (time.perf_counter() - real)
    finally:
        await stage.shut()


def _scenario():
    return load(Path(__file__).with_name("live.yaml"), overrides=[f"chargers.town.count={CHARGERS}", "plan=[]", "duration=1 h"])


def main() -> int:
    """Measure it once, beside the bare loop by which the limit is scaled; 1 if it is under its limit."""
    report = Report()
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        before = bare("bare")["rate"]
        per_cpu, per_s = run_fast(measure(port))
        speed = (before + bare("bare")["rate"]) / 2 / REFERENCE_RATE
    finally:
        server.terminate()
        server.wait()
    report.line(
        "wire: calls per second of the client's processor",
        per_cpu,
        LIMIT * speed,
        "",
        least=True,
        note=f"{per_s:,.0f} by the wall clock; bare loop {speed * REFERENCE_RATE / 1e6:.2f} M/s",
    )
    return int(report.over)


if __name__ == "__main__":
    sys.exit(main())
