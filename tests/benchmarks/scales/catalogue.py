"""The catalogue: each scale by its name."""

from benchmarks.scales import lengths, many_pending, many_workers

SCALES = {
    "workers": many_workers.SCALE,
    "pending": many_pending.SCALE,
    "lengths": lengths.SCALE,
}
