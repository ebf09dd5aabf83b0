"""Estimate a price by Monte Carlo: a seed for each call, so that any worker gives the same."""

import math
import random

from comparing import compare

PATHS, STEPS = 2_000, 20


def payoff(seed):
    """Return the sum of an Asian option's payoffs over some paths of the price."""
    throw = random.Random(seed).gauss
    total = 0.0
    for _ in range(PATHS):
        price, prices = 100.0, 0.0
        for _ in range(STEPS):
            price *= math.exp(0.0001 + 0.02 * throw(0.0, 1.0))
            prices += price
        total += max(prices / STEPS - 100.0, 0.0)
    return total


seeds = range(16)
compare(
    f"{len(seeds) * PATHS} paths",
    lambda: math.fsum(map(payoff, seeds)),
    lambda pool: math.fsum(pool.imap_unordered(payoff, seeds)),
)
