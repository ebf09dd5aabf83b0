# ruff: noqa: E501  # one definition a line
"""Functions of unusual kinds, and what they refer to, each with one that asks."""

FUNCTIONS = {
    "pep695_func": """
def first[T](xs: list[T]) -> T: return xs[0]
def answer(): return first([1]), first.__type_params__[0].__name__, str(first.__annotations__['return'])
""",
    "pep695_class": """
class Box[T]:
    def __init__(self, v: T): self.v = v
    def get[U](self, d: U) -> T | U: return self.v or d
class IntBox(Box[int]): pass
def answer(): return Box[int](3).get('a'), IntBox(0).get('d'), str(IntBox.__orig_bases__), Box.__type_params__[0].__name__
""",
    "pep695_alias": """
type L[T] = list[T] | None
type R = dict[str, R]
def answer(): return str(L.__value__), str(L[int]), R.__name__, str(R.__value__)
""",
    "pep695_bounds": """
class A: pass
def f[T: A, *Ts, **P](x: T) -> T: return x
def answer(): return [type(p).__name__ for p in f.__type_params__], f.__type_params__[0].__bound__ is A
""",
    "nonlocal_nest": """
def make():
    n = 0; log = []
    def inc():
        nonlocal n; n += 1; log.append(n)
        def deep():
            nonlocal n; n += 10; return n, log
        return deep
    def get(): return n
    return inc, get
inc, get = make()
def answer(): return inc()(), get(), inc()(), get()
""",
    "async_gen": """
import asyncio
async def ag(n):
    for i in range(n):
        yield i
        await asyncio.sleep(0)
async def main(): return [x async for x in ag(3)], [x + 1 for x in [y async for y in ag(2)]]
async def acm():
    import contextlib
    @contextlib.asynccontextmanager
    async def c(): yield 5
    async with c() as v: return v
def answer(): return asyncio.run(main()), asyncio.run(acm())
""",
    "partialmethod": """
import functools
class C:
    def m(self, a, b=0): return a, b
    p = functools.partialmethod(m, 1)
    q = functools.partialmethod(m, b=7)
def answer(): return C().p(2), C().p(b=3), C().q(4)
""",
    "cached_property": """
import functools
class C:
    n = 0
    @functools.cached_property
    def v(self): type(self).n += 1; return self.n
c = C()
def answer(): d = C(); return d.v == d.v, 'v' in d.__dict__, c.v >= 1
""",
    "contextmanager": """
import contextlib
@contextlib.contextmanager
def cm(x):
    try: yield x + 1
    finally: LOG.append('end')
LOG = []
class CD(contextlib.ContextDecorator):
    def __enter__(self): return self
    def __exit__(self, *a): LOG.append('cd')
@CD()
def f(): return 1
def answer():
    with cm(1) as v: pass
    return v, f(), LOG
""",
    "exceptions": """
class E(Exception):
    def __init__(self, a, *, b): super().__init__(f'{a}-{b}'); self.a, self.b = a, b
class G(ExceptionGroup):
    def derive(self, excs): return G('d', excs)
def answer():
    try: raise E(1, b=2)
    except E as e: x = e.a, e.b, str(e)
    try: raise G('g', [ValueError(1), E(3, b=4)])
    except* ValueError as g: y = type(g).__name__, len(g.exceptions)
    except* E: pass
    return x, y
""",
    "operators": """
import functools
@functools.total_ordering
class V:
    def __init__(s, x): s.x = x
    def __eq__(s, o): return s.x == o.x
    def __lt__(s, o): return s.x < o.x
    def __hash__(s): return hash(s.x)
    def __add__(s, o): return V(s.x + o.x)
    def __repr__(s): return f'V{s.x}'
    def __matmul__(s, o): return 'mm'
    def __index__(s): return s.x
    def __class_getitem__(c, k): return k
def answer(): return V(1) + V(2), V(1) @ V(2), [0, 1, 2][V(1)], V(3) >= V(2), {V(1): 1}[V(1)]
""",
    "match": """
class P:
    __match_args__ = ('x', 'y')
    def __init__(s, x, y): s.x, s.y = x, y
K = 3
class N: C = 5
def f(v):
    match v:
        case P(0, y): return 'zero', y
        case P(x, N.C): return 'c', x
        case {'k': [a, *rest], **kw}: return a, rest, kw
        case str() | bytes(): return 's'
        case _: return None
def answer(): return f(P(0, 1)), f(P(2, 5)), f({'k': [1, 2], 'z': 0}), f('a'), f(4)
""",
    "walrus_comp": """
DATA = [1, 2, 3]
def f(): return [y for x in DATA if (y := x * K) > 2], {a: b for a, b in zip(DATA, DATA)}, (lambda: [K for _ in DATA])()
K = 2
class C:
    vals = [x * 2 for x in DATA]
    def m(self): return [v + K for v in self.vals]
def answer(): return f(), C().m()
""",
    "global_stmt": """
N = 0
def bump():
    global N, NEW
    N += 1; NEW = N * 2
    return N
def answer(): return bump(), NEW, (lambda: bump())(), N
""",
    "typing_mess": """
from typing import *
T = TypeVar('T', bound='Node'); P = ParamSpec('P')
class Node(Generic[T]):
    kids: 'list[Node[T]]'
    def __init__(self): self.kids = []
    @overload
    def f(self, x: int) -> int: ...
    @overload
    def f(self, x: str) -> str: ...
    def f(self, x): return x
    @final
    def g(self): return 1
def deco(fn: Callable[P, T]) -> Callable[P, T]:
    def w(*a: P.args, **k: P.kwargs): return fn(*a, **k)
    return w
UserId = NewType('UserId', int)
@deco
def h(a: Annotated[int, 'meta']) -> Literal['x']: return 'x'
def answer(): return Node().f(3), h(1), UserId(4), Node[int].__origin__ is Node, Optional[Node].__args__[0] is Node
""",
    "closure_class": """
def factory(k):
    class Loc:
        v = k
        def m(self): return k, __class__.__name__, Loc is type(self)
        class In:
            def g(self): return k * 2
    return Loc
X = factory(3); Y = factory(4)
def answer(): return X().m(), Y().m(), X.In().g(), X is not Y
""",
    "default_self": """
class N:
    def __init__(s, parent=None): s.parent = parent; s.kids = []; parent and parent.kids.append(s)
root = N(); kid = N(root); root.me = root
def f(x=root): return x.kids[0].parent is x, x.me is x, x is root
def answer(): return f()
""",
    "iter_classes": """
class It:
    def __init__(s, n): s.n = n
    def __iter__(s): return s
    def __next__(s):
        if s.n <= 0: raise StopIteration
        s.n -= 1; return s.n
def gen(n):
    got = yield from sub(n)
    return got
def sub(n):
    x = yield n
    return x
def answer():
    g = gen(5); next(g)
    try: g.send(9)
    except StopIteration as e: v = e.value
    return list(It(3)), v
""",
    "module_alias": """
import os.path as p, json as j, xml.etree.ElementTree as ET
from collections import OrderedDict as OD
import concurrent.futures as cf
def answer(): return p.join('a', 'b'), j.dumps([1]), ET.fromstring('<a b="1"/>').get('b'), OD(a=1), cf.Future.__name__
""",
    "thread_local_etc": """
import threading, logging, re, decimal, fractions, datetime, pathlib, uuid
log = logging.getLogger('x'); RX = re.compile('a+'); D = decimal.Decimal('1.1'); F = fractions.Fraction(1, 3)
T = datetime.timezone.utc; PT = pathlib.Path('/x'); U = uuid.UUID(int=3); TL = threading.local()
def answer(): TL.x = 1; return log.name, RX.findall('caab'), D + 1, F, T, PT, U, TL.x
""",
    "lambda_default": """
fs = [lambda x, i=i: x + i for i in range(3)]
comp = lambda *f: lambda x: [g(x) for g in f]
h = comp(*fs)
def answer(): return h(1), (lambda f: f(f, 5))(lambda f, n: 1 if n < 2 else n * f(f, n - 1))
""",
    "kwonly_posonly": """
def f(a, /, b, *, c=3, **k): return a, b, c, k
import functools
g = functools.partial(f, 1, c=9)
class C:
    def m(self, /, x, *, y): return x, y
def answer(): return f(1, 2, d=4), g(5, z=1), C().m(1, y=2)
""",
    "cls_in_func_args": """
def f(cls=type('Anon', (), {'v': 3})): return cls.v, cls().__class__ is cls
def answer(): return f()
""",
    "itemgetter": """
import operator
g = operator.itemgetter(1, 0); a = operator.attrgetter('x.y'); m = operator.methodcaller('upper')
def answer(): return g('ab'), m('q')
""",
    "chained_partial": """
import functools
def f(*a, **k): return a, sorted(k.items())
p = functools.partial(functools.partial(f, 1), 2, x=3); p.note = 'n'
def answer(): return p(4, y=5), p.note
""",
}

LATER = {
    "tstring": (
        (3, 14),
        """
name = 'x'
def t(v): return t'hello {v!r:>5} {name}'
def answer(): q = t(3); return [type(p).__name__ for p in q], q.values, q.strings, q.interpolations[0].expression
""",
    ),
    "annotate": (
        (3, 14),
        """
import annotationlib
class A:
    x: Later
class Later: pass
def f(a: Undefined) -> A: ...
def answer(): return A.__annotations__['x'] is Later, annotationlib.get_annotations(f, format=annotationlib.Format.STRING), annotationlib.get_annotations(f, format=annotationlib.Format.FORWARDREF)['return'] is A
""",
    ),
    "except_noparen": (
        (3, 14),
        """
def answer():
    try: 1/0
    except ValueError, ZeroDivisionError: return 'ok'
""",
    ),
    "deferred_nested": (
        (3, 14),
        """
def make():
    class L: pass
    def f(a: L, b: 'L', c: T1) -> list[L]: ...
    class T1: pass
    return f, L
f, L = make()
def answer(): return f.__annotations__['a'] is L, f.__annotations__['return'].__args__[0] is L
""",
    ),
    "tmpl_global": (
        (3, 14),
        """
K = 4
T = t'const {K}'
def answer(): return T.values, T.strings
""",
    ),
    "union_new": (
        (3, 14),
        """
U = int | str
class C: pass
V = C | None
def answer(): return type(U).__name__, V.__args__[0] is C, isinstance(C(), V)
""",
    ),
    "sentinel": (
        (3, 15),
        """
MISSING = sentinel('MISSING')
def f(x=MISSING): return x is MISSING
def answer(): return f(), f(1), repr(MISSING)
""",
    ),
    "frozendict": (
        (3, 15),
        """
F = frozendict(a=1)
def answer(): return F['a'], F
""",
    ),
}
"""The version that has brought them."""
