"""Outages longer and larger than is comfortable: what is kept, what is given up first, and how the backlog is worked off.

Time is compressed where an outage would last. What an outage costs is the number of records held, not its minutes: the
back-off between two tries never exceeds 30 s, the time-out of a request is its own, and OBSV_RETENTION (24 h) is far away.
So an hour at 60 records a minute is 3,600 records logged as fast as the ring takes them while the endpoint is away, and
ten minutes at 1,000 a second are 600,000.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from fault.server import OWN, Server, answer, when_told
from fault.stage import Program, Stage, Stats

KIB, MIB = 1 << 10, 1 << 20
OUTBOX = {"OBSV_OUTBOX_BYTES": "64KiB"}
NOISE = """
import base64
def noise(size):
    return base64.b64encode(os.urandom(size)).decode()
"""


def memory(service: Program, name: str) -> int:
    """Bytes, of a line of /proc/self/status; VmHWM is the most that was ever in memory."""
    return int(service.value(f"open('/proc/self/status').read().split('{name}:')[1].split()[0]")) * KIB


def gaps(server: Server) -> list[dict[str, Any]]:
    return [record.attributes for record in server.own_records if record.body == "obsv_dropped"]


def announcements(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["logger"] == OWN and line["message"] == "obsv_dropped"]


def told(gaps: list[dict[str, Any]]) -> int:
    """How many records the gaps tell of: there is at most one a second, and it tells of those since the last."""
    return sum(gap["dropped"] for gap in gaps)


# ---- What is given up, and in which order -------------------------------------------------------------------------


def test_row_32_a_full_outbox_gives_up_routine_records_first_and_tells_of_the_gap(stage: Stage) -> None:
    """Warnings and errors that came before all the routine records are still there when hundreds of those are gone."""
    server = stage.server(is_up=False)
    service = stage.program(server, **OUTBOX)
    service.do(NOISE)
    service.submit(20, "WARNING")
    service.submit(20, "ERROR")
    service.submit(20, "CRITICAL")
    service.do("""
while stats().export_dropped_outbox_full < 2000:
    submit(50, noise=noise(300))
    while stats().ring_bytes > 100_000:
        pass
submit(20, logging.WARNING)
""")
    s = service.stats()
    assert s.dropped["export"] == {"outbox_full": {"INFO": s.export_dropped_outbox_full}}
    assert s.outbox_bytes <= 64 * KIB
    service.wait_for_stderr("the outbox is full", "OBSV_OUTBOX_BYTES")
    server.up()
    s = service.deliver()
    server.wait_for("word of all gaps", lambda: told(gaps(server)) == s.export_dropped_outbox_full)
    important = [record for record in server.records if record.severity >= 13]
    assert len(important) == 80
    for gap in gaps(server):
        assert gap["sink"] == "export" and gap["reasons"] == {"outbox_full": {"INFO": gap["dropped"]}}
    stage.end(service, server)


def test_warnings_go_too_when_nothing_else_is_left(stage: Stage) -> None:
    server = stage.server(is_up=False)
    service = stage.program(server, **OUTBOX)
    service.do(NOISE)
    service.do("""
while not stats().dropped["export"].get("outbox_full", {}).get("WARN"):
    submit(50, logging.WARNING, noise=noise(300))
    while stats().ring_bytes > 100_000:
        pass
last = submitted
""")
    service.wait_for_stderr("oldest important records dropped")
    server.up()
    service.deliver()
    assert server.numbers[-1] == service.value("last") - 1, "the oldest went, the newest stayed"
    stage.end(service, server)


def test_a_queue_of_so_many_records_as_the_standards_variable_says(stage: Stage) -> None:
    server = stage.server(is_up=False)
    service = stage.program(server, OTEL_BLRP_MAX_QUEUE_SIZE="100", OTEL_BLRP_MAX_EXPORT_BATCH_SIZE="10")
    for _ in range(50):
        service.submit(9)
        service.submit(1, "ERROR")
        s = service.until("s.ring_bytes == 0 and s.export_pending <= 100")
    assert s.dropped["export"]["outbox_full"].keys() == {"INFO"}
    server.up()
    service.deliver()
    errors = [record for record in server.records if record.severity_text == "ERROR"]
    assert len(errors) == 50
    stage.end(service, server)


def test_retention_gives_up_what_is_too_old_and_tells_of_it(stage: Stage) -> None:
    server = stage.server(otherwise=answer(503))
    service = stage.program(server, OBSV_RETENTION="1000")
    service.submit(20)
    service.submit(5, "ERROR")
    s = service.until("s.export_dropped_expired == 25")
    assert s.dropped["export"] == {"expired": {"INFO": 20, "ERROR": 5}}
    service.wait_for_stderr("not delivered within OBSV_RETENTION")
    server.otherwise = answer(200)
    service.submit(10)
    service.until("s.export_delivered == 10")
    server.wait_for("word of the gap", lambda: gaps(server))
    assert gaps(server) == [{"sink": "export", "dropped": 25, "reasons": {"expired": {"INFO": 20, "ERROR": 5}}}]
    stage.end(service, server)


def test_a_burst_beyond_the_ring_is_counted_and_told_of_on_both_sinks(stage: Stage) -> None:
    server = stage.server()
    service = stage.program(server, OBSV_RING_BYTES="512KiB")
    service.do("""
text = "x" * 60_000
while not stats().export_dropped_ring_full:
    submit(100, text=text)
submit(1)
""")
    dropped = service.deliver().export_dropped_ring_full
    server.wait_for("word of all gaps", lambda: told(gaps(server)) == dropped)
    service.wait_for_lines("word of all gaps", lambda lines: told(announcements(lines)) == dropped)
    quiet = stage.end(service, server)
    assert quiet.stdout_dropped_ring_full == quiet.export_dropped_ring_full == dropped
    for gap in (*gaps(server), *announcements(service.lines)):
        assert gap["reasons"].keys() == {"ring_full"}


# ---- Working off the backlog --------------------------------------------------------------------------------------

PACE_BYTES_PER_S, BURST_BYTES = 1536 * KIB, 3 * MIB  # docs/decisions/007-catching-up-is-paced.md
BATCH_BYTES = MIB


def test_the_backlog_is_worked_off_at_a_pace_and_the_newest_are_not_starved(stage: Stage) -> None:
    """Six mebibytes are held. What has come by any moment is at most the burst, and the pace times the time since the
    endpoint was back: a bound that only too fast a sender can break, however slow the machine is. And while old batches
    still wait, a record logged after the recovery has arrived."""
    told = threading.Event()
    server = stage.server(when_told(told, answer(200)), is_up=False)
    service = stage.program(server)
    service.do("submit_at_the_pace_of_the_ring(6000, text='x' * 1000)")
    s = service.until("s.ring_bytes == 0 and s.export_pending == 6000")
    assert s.export_dropped_ring_full == 0
    back_at = time.monotonic()
    server.up()
    server.wait_for_arrivals(1)
    service.submit(1)
    service.until("s.export_pending == 6001 and s.ring_bytes == 0")
    told.set()
    service.until("s.export_delivered == 6001")
    came = 0
    for arrival in server.arrivals:
        came += arrival.plain_size
        assert came <= BURST_BYTES + BATCH_BYTES + PACE_BYTES_PER_S * (arrival.at - back_at)
    order = [arrival.numbers for arrival in server.arrivals]
    (present,) = [i for i, numbers in enumerate(order) if 6000 in numbers]
    assert present == 4, "after the one that found the endpoint, every fourth request is the newest batch"
    assert [n for numbers in order[:4] for n in numbers] == list(range(order[3][-1] + 1)), "the others are the oldest"
    assert server.numbers == list(range(6001))
    stage.end(service, server)


def test_a_flush_ends_the_pacing(stage: Stage) -> None:
    """Somebody waits; what the endpoint cannot take it turns away with 429."""
    server = stage.server(is_up=False)
    service = stage.program(server)
    service.do("submit_at_the_pace_of_the_ring(6000, text='x' * 1000)")
    server.up()
    service.deliver()
    assert server.numbers == list(range(6000))
    stage.end(service, server)


# ---- Outages ------------------------------------------------------------------------------------------------------

# Above what the budgets allow to be held: libcurl, OpenSSL's absence, encoder, two open batches of a mebibyte and what
# sealing one takes, and what malloc has not given back.
OVERHEAD_BYTES = 16 * MIB
ORDER = "symbol=('BTC-USD', 'ETH-USD', 'EURUSD')[submitted % 3], side=('buy', 'sell')[submitted % 2], qty=submitted % 97 + 1, px=round(100 + submitted % 1013 / 7, 4), order_id=f'{submitted * 2654435761 % 2**32:08x}'"


def outage(stage: Stage, count: int, **settings: str) -> tuple[Server, Program, Stats]:
    """So many orders, logged while the endpoint is away; then it is back, and everything is delivered."""
    server = stage.server(is_up=False)
    service = stage.program(server, stdout=os.open(os.devnull, os.O_WRONLY), **settings)
    service.submit(100)
    service.until("s.export_requests >= 1")
    before = memory(service, "VmHWM")
    service.do(f"""
while submitted < {count}:
    for _ in range(100):
        submit(1, {ORDER})
    while stats().ring_bytes > 200_000:
        time.sleep(0.001)
""")
    s = service.until(f"s.ring_bytes == 0 and s.stdout_delivered == {count} and s.export_pending == {count}")
    assert sum(s.dropped_by_reason("export").values()) == 0
    assert 0 < s.outbox_bytes <= OUTBOX_BYTES
    server.up()
    service.deliver()
    budgets = OUTBOX_BYTES + STDOUT_BYTES + RING_BYTES
    assert memory(service, "VmHWM") - before <= budgets + OVERHEAD_BYTES
    return server, service, s


OUTBOX_BYTES, STDOUT_BYTES, RING_BYTES = 32 * MIB, MIB, MIB  # the defaults


def test_an_outage_of_an_hour_at_60_records_a_minute(stage: Stage) -> None:
    server, service, _ = outage(stage, 3600)
    assert server.numbers == list(range(3600))
    quiet = stage.end(service, server)
    assert quiet.export_delivered == 3600


def test_an_outage_of_ten_minutes_at_1000_records_a_second(stage: Stage) -> None:
    server, service, held = outage(stage, 600_000)
    assert server.numbers == list(range(600_000))
    print(f"600,000 records held in {held.outbox_bytes} bytes, {held.outbox_bytes / 600_000:.1f} each")
    quiet = stage.end(service, server)
    assert quiet.export_delivered == 600_000


def test_row_23_what_is_held_pins_nothing_of_the_application(stage: Stage) -> None:
    """Records are bytes from the log call on: what they were made of is gone while they still wait."""
    server = stage.server(is_up=False)
    service = stage.program(server)
    service.do("""
import gc, weakref
class Order:
    pass
orders = [Order() for _ in range(100)]
ends = [weakref.ref(order) for order in orders]
for order in orders:
    log.info("order %s", order, extra={"n": submitted, "order": order, "all": orders[:2]})
    submitted += 1
del order
orders.clear()
gc.collect()
""")
    assert service.value("[end() for end in ends]") == [None] * 100
    assert service.stats().export_pending == 100
    server.up()
    service.deliver()
    stage.end(service, server)
