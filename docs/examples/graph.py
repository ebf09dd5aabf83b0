"""Centrality of the nodes of a graph with networkx: each worker makes the graph once."""

from functools import cache

import networkx as nx
from comparing import compare


@cache
def graph():
    return nx.connected_watts_strogatz_graph(2000, 8, 0.2, seed=1)


def closeness(node):
    return nx.closeness_centrality(graph(), node)


nodes = list(range(1000))
compare(
    f"the centrality of {len(nodes)} nodes",
    lambda: [closeness(node) for node in nodes],
    lambda pool: list(pool.map(closeness, nodes)),
)
