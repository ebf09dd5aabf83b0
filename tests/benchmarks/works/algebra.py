"""Integrals by sympy: texts are sent and come back.

sympy remembers what it has done, so that the second pass gets other numbers in the same problems.
"""

import sympy

X = sympy.Symbol("x")

PROBLEMS = (
    "1/(x**4 + {n})",
    "log({n}*x)**3",
    "x**4*exp(-{n}*x)",
    "x*exp({n}*x)*sin(x)",
    "(x**2 + {n}*x + 1)/((x + 1)*(x + 7)*(x**2 + {n}))",
    "sin({n}*x)**2*cos(x)",
    "x*atan({n}*x)",
    "x*sqrt(x + {n})",
)


def antiderivative(text: str) -> str:
    """Return the integral of an expression in x."""
    return str(sympy.integrate(sympy.sympify(text), X))


def problems(scale: float, number: int) -> list[str]:
    """Return expressions, others in each pass."""
    factors = [(3, 5), (2, 7)][number][: max(round(2 * scale), 1)]
    return [problem.format(n=factor) for factor in factors for problem in PROBLEMS]
