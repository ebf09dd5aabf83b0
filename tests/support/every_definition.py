# ruff: noqa: E501  # one definition, or one question, a line
"""A program that has definitions of every kind, and asks a worker about each."""

import ast

from programs import IMPORT

DEFINITIONS = """
import abc, collections, contextlib, contextvars, dataclasses, enum, functools, math, os.path, re
import sys, threading, typing, weakref
FACTOR = 3
LOG = []
MISSING = object()
def double(n): return n * 2
def scaled(n): return double(n) * FACTOR + int(math.sqrt(16)) + len(os.path.join("", "a"))
def factorial(n): return 1 if n < 2 else n * factorial(n - 1)
def is_even(n): return n == 0 or is_odd(n - 1)
def is_odd(n): return n > 0 and is_even(n - 1)
def remember(n): LOG.append(n); return list(LOG)
def is_missing(x=MISSING): return x is MISSING
def is_missing_too(x=MISSING): return x is MISSING
def count_up(n): yield from range(n)
def counted(n): return list(count_up(n))
async def later(n): return n + FACTOR
def run_later(n):
    import asyncio
    return asyncio.run(later(n))
def decorate(fn):
    @functools.wraps(fn)
    def wrapper(*args): return fn(*args) + FACTOR
    return wrapper

@decorate
def decorated(n): return n

@functools.lru_cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)

def make_counter():
    count = 0
    def counter():
        nonlocal count
        count += 1
        return count
    return counter

def make_recursive():
    def down(n): return 0 if n == 0 else 1 + other(n - 1)
    def other(n): return 0 if n == 0 else 1 + down(n - 1)
    return down

class Base:
    registry = []
    def __init_subclass__(cls, *, key, **more):
        super().__init_subclass__(**more)
        cls.registry.append((key, cls))
    def name(self): return "base"

class Derived(Base, key="d"):
    def __init__(self, x): self.x = x
    def name(self): return super().name() + " derived"
    @property
    def twice(self): return self.x * 2
    @twice.setter
    def twice(self, value): self.x = value / 2
    @classmethod
    def make(cls, x): return cls(x)
    @staticmethod
    def factor(): return FACTOR
    @functools.cached_property
    def cached(self): return self.x + 1

Derived.ORIGIN = Derived(0)

class Meta(type):
    def __new__(mcs, name, bases, body, **more):
        body["made"] = body.get("made", 0) + 1
        return super().__new__(mcs, name, bases, body)
    def __len__(cls): return 7

class WithMeta(metaclass=Meta): pass

class Slotted:
    __slots__ = ("x", "__private")
    def __init__(self, x): self.x = x; self.__private = x + 1
    def private(self): return self.__private

class Color(enum.Enum):
    RED = 1
    GREEN = 2
    ROUGE = 1
    def low(self): return self.name.lower()

class Planet(enum.Enum):
    EARTH = (5.9, 6.3)
    def __init__(self, mass, radius): self.mass, self.radius = mass, radius

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Text(enum.StrEnum):
    A = enum.auto()

class Perm(enum.Flag):
    R = 4
    W = 2
    RW = 6

@dataclasses.dataclass
class Point:
    x: int
    y: list = dataclasses.field(default_factory=list)
    color: Color = Color.RED

@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Frozen:
    x: int
    y: int = dataclasses.field(default=2, kw_only=True)

@dataclasses.dataclass
class Inherited(Point):
    z: int = 5

class Named(typing.NamedTuple):
    a: int
    b: str = "b"

Old = collections.namedtuple("Old", "u v", defaults=[4])

class Typed(typing.TypedDict):
    a: int

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...

class Square(Shape):
    def __init__(self, side): self.side = side
    def area(self): return self.side ** 2

Shape.register(int)
class Sized(typing.Protocol):
    def size(self) -> int: ...

T = typing.TypeVar("T")
class Generic(typing.Generic[T]):
    def __init__(self, v: T): self.v = v
    def get(self) -> T: return self.v

class Stack[U]:
    def __init__(self): self.items: list[U] = []
    def push(self, item: U) -> "Stack[U]": self.items.append(item); return self

type Pair = tuple[int, int]
UserId = typing.NewType("UserId", int)
class Refusal(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{code}: {reason}")
        self.code = code

class Descriptor:
    def __set_name__(self, owner, name): self.names = [*getattr(self, "names", []), name]
    def __get__(self, obj, cls=None): return self.names

class Described: field = Descriptor()
@functools.singledispatch
def kind_of(x): return "object"
@kind_of.register
def _(x: int): return "int"
@functools.total_ordering
class Ordered:
    def __init__(self, n): self.n = n
    def __eq__(self, other): return self.n == other.n
    def __lt__(self, other): return self.n < other.n
    add_five = functools.partialmethod(lambda self, k: self.n + k, 5)

class Outer:
    class Inner:
        class Deep(enum.Enum): A = enum.auto()
        def __init__(self): self.value = 3
    double = lambda self, n: n * 2

class Singletons(type):
    made = {}
    def __call__(cls, *args):
        if cls not in Singletons.made: Singletons.made[cls] = super().__call__(*args)
        return Singletons.made[cls]

class Single(metaclass=Singletons): pass
class Decorator:
    def __init__(self, fn): self.fn = fn
    def __call__(self, *args): return "called", self.fn(*args)

@Decorator
def called(n): return n

@contextlib.contextmanager
def one_more(n): yield n + 1
@dataclasses.dataclass
class Init:
    a: int
    b: dataclasses.InitVar[int] = 3
    shared: typing.ClassVar[list] = [1]
    def __post_init__(self, b): self.a += b

VARIABLE = contextvars.ContextVar("VARIABLE", default=4)
LOCAL = threading.local()
WEAK = weakref.WeakValueDictionary()
PATTERN = re.compile("[0-9]+")
def nested(inner): return inner.value, Outer.Inner.Deep.A, Outer().double(4)
def is_single(): return Single() is Single()
def with_one_more(n):
    with one_more(n) as more: return more
def of_the_library(): return VARIABLE.get(), len(WEAK), hasattr(LOCAL, "x"), PATTERN.findall("a1b22")
def refuse(n): raise Refusal(n, "no")
def look_at(obj): return obj.name(), obj.twice, type(obj).make(3).x, obj.factor(), obj.ORIGIN.x, obj.cached
def replaced(point): return dataclasses.replace(point, x=9), point == Point(1), repr(point)
def fields(cls): return [field.name for field in dataclasses.fields(cls)]
def is_red(color): return color is Color.RED, Color.ROUGE is Color.RED, list(Color) == [Color.RED, Color.GREEN]
def can_be_made():
    try:
        Shape()
    except TypeError:
        return isinstance(1, Shape), issubclass(Square, Shape), isinstance("", Shape)

def annotations_of(fn): return typing.get_type_hints(fn)
def annotated(x: Color, y: "Derived" = None) -> Pair: ...
def registry(): return [(key, cls.__name__) for key, cls in Base.registry]
def describe(): return Described.field, Described().field
"""

CHECKS = """
def check(what, expected):
    print("ok" if what == expected else f"expected {expected!r}, got {what!r}")

def call(fn, *args): return pool.submit(fn, *args).result(60)

check(call(double, 2), 4)
check(call(scaled, 2), 17)
check(call(factorial, 10), 3628800)
check(call(is_even, 8), True)
check([call(remember, n) for n in (1, 2)], [[1], [1, 2]])
check((LOG, call(is_missing), call(is_missing_too)), ([], True, True))
check((call(counted, 3), call(run_later, 1), call(decorated, 1)), ([0, 1, 2], 4, 4))
check((call(fib, 20), call(fib, 20)), (6765, 6765))
counter = make_counter()
check((call(counter), call(counter), counter()), (1, 2, 1))
check(call(make_recursive(), 9), 9)
check(call(lambda n: n * FACTOR, 2), 6)
check(call(sorted, [3, 1], ), [1, 3])
check(pool.submit(sorted, [3, 1, 2], key=lambda n: -n * FACTOR).result(), [3, 2, 1])
check(call(functools.partial(scaled, 2)), 17)
check(list(pool.map(scaled, range(3))), [5, 11, 17])
check([each.x for each in pool.map(Derived, range(3))], [0, 1, 2])
check([each.x for each in pool.map(Derived.make, range(4), chunksize=2)], [0, 1, 2, 3])
check(call(look_at, Derived(4)), ("base derived", 8, 3, 3, 0, 5))
check(type(call(Derived, 1)) is Derived, True)
check((call(Derived(4).name), call(Derived.name, Derived(4))), ("base derived",) * 2)
check(call(registry), [("d", "Derived")])
check((call(len, WithMeta), call(getattr, WithMeta, "made"), type(call(WithMeta)) is WithMeta), (7, 1, True))
check((call(Slotted, 1).private(), call(Slotted(2).private)), (2, 3))
check(call(is_red, Color.RED), (True, True, True))
check((call(Color, 1) is Color.RED, call(Color.low, Color.GREEN)), (True, "green"))
check(call(getattr, Planet.EARTH, "radius"), 6.3)
check((call(max, Level), call(str.upper, Text.A), call(Perm.__or__, Perm.R, Perm.W) is Perm.RW), (Level.HIGH, "A", True))
check(call(replaced, Point(1)), (Point(9), True, "Point(x=1, y=[], color=<Color.RED: 1>)"))
check((call(fields, Inherited), call(Inherited, 1)), (["x", "y", "color", "z"], Inherited(1)))
check((call(sorted, [Frozen(2), Frozen(1)]), call(hash, Frozen(1))), ([Frozen(1), Frozen(2)], hash(Frozen(1))))
check((call(Named, 1), type(call(Old, 1)) is Old, call(Old(1)._replace), call(Typed, {"a": 1})), (Named(1), True, Old(1), {"a": 1}))
check((call(Square(3).area), call(can_be_made)), (9, (True, True, False)))
check((call(Generic(3).get), call(Generic[int], 4).v, call(Stack().push, 3).items), (3, 4, [3]))
check(call(UserId, 4), 4)
check(call(annotations_of, annotated), {"x": Color, "y": Derived, "return": Pair})
check(call(describe), (["field"], ["field"]))
check((call(kind_of, 1), call(kind_of, "")), ("int", "object"))
check((call(Ordered.__ge__, Ordered(2), Ordered(1)), call(Ordered(2).add_five)), (True, 7))
check(call(nested, Outer.Inner()), (3, Outer.Inner.Deep.A, 8))
check((type(call(Outer.Inner)) is Outer.Inner, call(getattr, Outer.Inner.Deep.A, "value")), (True, 1))
check((call(is_single), call(called, 3), call(with_one_more, 3), call(Init, 1)), (True, ("called", 3), 4, Init(1)))
check(call(of_the_library), (4, 0, False, ["1", "22"]))
error = pool.submit(refuse, 3).exception(60)
check((type(error) is Refusal, error.code, error.args), (True, 3, ("3: no",)))
check(call(Refusal, 1, "r").code, 1)
FACTOR = 10
check((call(scaled, 2), call(lambda n: n * FACTOR, 2)), (45, 20))
LOG.append(99)
check((call(remember, 1), call(remember, 2)), ([99, 1], [99, 1, 2]))
double_of = double
def double(n): return -n

check((call(scaled, 2), call(double, 2), call(double_of, 2)), (-15, -2, 4))
pool.shutdown()
"""
START = "pool = InterpreterPoolExecutor(1)\n"
PROGRAM = IMPORT + DEFINITIONS + START + CHECKS
EXPECTED = "ok\n" * CHECKS.count("\ncheck(")


def statements(program: str) -> list[str]:
    """Return the statements of a program, without the empty lines in them."""
    lines, found = program.splitlines(), []
    for node in ast.parse(program).body:
        first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
        found.append("\n".join(filter(str.strip, lines[first - 1 : node.end_lineno])))
    return found
