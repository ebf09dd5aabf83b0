"""Integrate with sympy: expressions are sent and come back as objects."""

import sympy
from comparing import compare

x = sympy.Symbol("x")


def antiderivative(expression):
    return sympy.integrate(expression, x)


problems = [x**n * sympy.exp(x) * sympy.sin(x) for n in range(2)]
problems += [1 / (x**n + 1) for n in range(2, 6)] + [sympy.log(x) ** n for n in range(1, 8)]
compare(
    f"{len(problems)} integrals",
    lambda: [antiderivative(problem) for problem in problems],
    lambda pool: list(pool.map(antiderivative, problems)),
)
