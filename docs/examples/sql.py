"""Translate queries between dialects of SQL with sqlglot."""

import sqlglot
from comparing import compare

QUERY = """
SELECT a.id, COUNT(DISTINCT b.item) AS items, DATE_ADD(a.day, INTERVAL {n} DAY) AS due
FROM orders AS a JOIN lines AS b ON a.id = b.order_id AND b.price > {n}
WHERE a.day BETWEEN '2026-01-01' AND '2026-12-31' AND a.name LIKE '%{n}%'
GROUP BY a.id, a.day HAVING COUNT(*) > {n} ORDER BY items DESC LIMIT {n}
"""


def translate(query):
    return sqlglot.transpile(query, read="mysql", write="postgres")[0]


queries = [QUERY.format(n=n) for n in range(1, 200)]
compare(
    f"{len(queries)} queries",
    lambda: [translate(query) for query in queries],
    lambda pool: list(pool.map(translate, queries)),
)
