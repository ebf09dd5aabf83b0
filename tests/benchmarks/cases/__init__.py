"""The cases, in the order of the report. A new one is a module here and a line below."""

from benchmarks.cases import cpu_map, memory, ready, round_trip, sharing, stop, throughput

CASES = {
    case.name: case
    for case in (
        round_trip.CASE,
        throughput.CASE,
        ready.CASE,
        memory.CASE,
        cpu_map.CASE,
        stop.INTERRUPT,
        stop.INTERRUPT_P99,
        stop.NEXT,
        *sharing.CASES,
    )
}
