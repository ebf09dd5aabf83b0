"""The cases, in the order of the report. A new one is a module here and a line below."""

from benchmarks.cases import (
    busy,
    cpu_map,
    cpu_time,
    definitions,
    extras,
    idle,
    large_bytes,
    map_noops,
    map_work,
    memory,
    payloads,
    pending,
    ready,
    round_trip,
    sharing,
    start,
    stop,
    throughput,
)

CASES = {
    case.name: case
    for case in (
        round_trip.CASE,
        throughput.CASE,
        *definitions.CASES,
        map_noops.CASE,
        *map_work.CASES,
        *payloads.CASES,
        *large_bytes.CASES,
        start.FIRST,
        ready.CASE,
        start.CROWDED,
        memory.CASE,
        cpu_map.ONE,
        cpu_map.CASE,
        *pending.CASES,
        idle.CASE,
        stop.INTERRUPT,
        stop.INTERRUPT_P99,
        stop.NEXT,
        *sharing.CASES,
        *cpu_time.CASES,
        *busy.CASES,
        *extras.CASES,
    )
}

QUICK = (
    "round_trip",
    "throughput",
    "map_noops",
    "list_100",
    "list_100k",
    "bytes_in",
    "bytes_out",
    "ready",
    "memory",
    "cpu_map",
)
"""The cases of a quick run, and of the reference that a check compares with."""
