# ruff: noqa: E501  # one definition a line
"""Classes of unusual kinds, each with a function that asks it."""

CLASSES = {
    "dc_slots_inherit": """
import dataclasses
@dataclasses.dataclass(slots=True)
class A:
    x: int = 1
@dataclasses.dataclass(slots=True, kw_only=True)
class B(A):
    y: list = dataclasses.field(default_factory=list)
    def total(self): return repr(self), self.x, self.y
def answer(): return B(y=[1]), B(y=[1]).total(), dataclasses.asdict(B()), dataclasses.replace(B(), x=5), hasattr(B(), '__dict__')
""",
    "dc_frozen_order": """
import dataclasses
@dataclasses.dataclass(frozen=True, order=True)
class P:
    x: int
    z: dataclasses.InitVar[int] = 0
    c: dataclasses.field(init=False, default=3) = 3
    def __post_init__(self, z): object.__setattr__(self, 'w', z)
def answer(): return P(1) < P(2), hash(P(1)) == hash(P(1)), P(1, 4).w, sorted([P(2), P(1)])
""",
    "dc_weakslot": """
import dataclasses, weakref
@dataclasses.dataclass(slots=True, weakref_slot=True)
class W:
    x: int = 1
def answer():
    w = W(); return weakref.ref(w)() is w
""",
    "enum_mixin_str": """
import enum
class S(str, enum.Enum):
    A = 'a'
    def up(self): return self.upper()
class St(enum.StrEnum):
    X = enum.auto()
def answer(): return S.A.up(), S('a') is S.A, St.X, St.X + 'z', [*S]
""",
    "enum_planet": """
import enum
class Planet(enum.Enum):
    M = (3.3, 2.4)
    V = (4.8, 6.0)
    def __init__(self, mass, radius): self.mass, self.radius = mass, radius
    @property
    def g(self): return self.mass / self.radius
def answer(): return Planet.M.g, Planet((4.8, 6.0)).mass, Planet.V.name
""",
    "enum_flag": """
import enum
class F(enum.Flag):
    R = enum.auto(); W = enum.auto(); RW = R | W
class I(enum.IntFlag, boundary=enum.KEEP):
    A = 1
def answer(): return F.R | F.W, (F.R | F.W) is F.RW, ~F.R, I(9), I.A | 4, list(F.RW)
""",
    "enum_new": """
import enum
class C(bytes, enum.Enum):
    def __new__(cls, v, label):
        o = bytes.__new__(cls, [v]); o._value_ = v; o.label = label; return o
    A = (1, 'one')
    B = (2, 'two')
def answer(): return C.A.label, C(2).label, C.B == b'\\x02', bytes(C.A)
""",
    "enum_generate": """
import enum
class N(enum.Enum):
    @staticmethod
    def _generate_next_value_(name, s, c, l): return name.lower()
    AA = enum.auto()
def answer(): return N.AA.value, enum.unique(N) is N
""",
    "enum_dc": """
import enum, dataclasses
@dataclasses.dataclass(frozen=True)
class D:
    a: int
class E(D, enum.Enum):
    X = 1
    Y = 2
def answer(): return E.X.a, E.Y.value, E['Y']
""",
    "metaclass": """
class M(type):
    def __new__(m, n, b, d, **k):
        c = super().__new__(m, n, b, d); c.tag = k.get('tag'); return c
    def __init__(c, n, b, d, **k): super().__init__(n, b, d); c.inited = True
    def __call__(c, *a): o = super().__call__(*a); o.called = 1; return o
    def __len__(c): return 7
    @property
    def prop(c): return c.__name__
class C(metaclass=M, tag=5): pass
class D(C, tag=6): pass
def answer(): return C.tag, D.tag, C().called, len(D), D.prop, D.inited
""",
    "meta_prepare": """
class Ns(dict): pass
class M(type):
    @classmethod
    def __prepare__(m, n, b): return Ns()
    def __new__(m, n, b, d): c = super().__new__(m, n, b, dict(d)); c.order = [k for k in d if k[0] != '_']; return c
    def __setattr__(c, k, v): super().__setattr__(k, v)
    def __instancecheck__(c, o): return o == 3
    def __contains__(c, x): return True
    def __iter__(c): return iter('ab')
class C(metaclass=M):
    b = 1; a = 2
def answer(): return C.order, isinstance(3, C), 5 in C, list(C)
""",
    "meta_forbids": """
class M(type):
    def __setattr__(c, k, v): raise AttributeError('frozen')
    def __delattr__(c, k): raise AttributeError('frozen')
    def __call__(c, *a): raise TypeError('no')
    def make(c): return object.__new__(c)
class C(metaclass=M):
    x = 1
def answer(): return C.x, type(C.make()).__name__
""",
    "descriptors": """
class D:
    def __set_name__(s, o, n): s.n = '_' + n
    def __get__(s, i, o=None): return s if i is None else i.__dict__.get(s.n, 'unset')
    def __set__(s, i, v): i.__dict__[s.n] = v * 2
    def __delete__(s, i): del i.__dict__[s.n]
class C:
    a = D(); b = D()
def answer():
    c = C(); c.a = 3; r = c.a, c.b, C.a.n; del c.a; return r, c.a
""",
    "init_subclass": """
class B:
    reg = {}
    def __init_subclass__(cls, /, key=None, **k): super().__init_subclass__(**k); B.reg[key] = cls
class A(B, key='a'): pass
class C(A, key='c'): pass
def answer():
    class L(B, key='l'): pass
    return sorted(B.reg, key=str), B.reg['c']().__class__ is C
""",
    "class_getitem": """
class C:
    def __class_getitem__(cls, k): return f'{cls.__name__}[{k}]'
import types
class G:
    __class_getitem__ = classmethod(types.GenericAlias)
def answer(): return C[3], str(G[int]), G[int].__origin__ is G
""",
    "namedtuple_methods": """
import typing, collections
class P(typing.NamedTuple):
    x: int
    y: int = 2
    def s(self): return self.x + self.y
    @property
    def p(self): return self.x
    @classmethod
    def mk(cls): return cls(9)
Q = collections.namedtuple('Q', 'a b', defaults=[1])
class R(collections.namedtuple('R', 'z')):
    __slots__ = ()
    def dbl(self): return self.z * 2
def answer(): return P(1).s(), P.mk().p, Q(1), R(4).dbl(), P(1)._replace(x=3), P._field_defaults
""",
    "nt_generic": """
import typing
class G[T](typing.NamedTuple):
    v: T
def answer(): return G(1), G[int](2).v, G[int].__origin__ is G
""",
    "protocol": """
import typing
@typing.runtime_checkable
class Sized2(typing.Protocol):
    def size(self) -> int: ...
class A:
    def size(self): return 1
class Impl(Sized2):
    def size(self): return 2
class PG[T](typing.Protocol):
    x: T
def answer(): return isinstance(A(), Sized2), isinstance(3, Sized2), Impl().size(), issubclass(A, Sized2), typing.get_protocol_members(PG)
""",
    "typeddict": """
import typing
class TD(typing.TypedDict, total=False):
    a: typing.Required[int]
    b: 'str'
class TD2(TD):
    c: typing.ReadOnly[float]
class TG[T](typing.TypedDict):
    v: T
def answer(): return TD(a=1), sorted(TD2.__required_keys__), sorted(TD2.__optional_keys__), typing.is_typeddict(TD2), TG[int](v=1), TD.__total__
""",
    "super_chain": """
class A:
    def f(self): return ['A']
class B(A):
    def f(self): return ['B'] + super().f()
class C(A):
    def f(self): return ['C'] + super().f()
class D(B, C):
    def f(self): return ['D'] + super(D, self).f()
    @classmethod
    def k(cls): return [__class__.__name__]
def answer(): return D().f(), D.k(), [c.__name__ for c in D.__mro__]
""",
    "private_names": """
class A:
    __x = 1
    def __hid(self): return self.__x
    def f(self): return self.__hid()
def answer(): return A().f(), '_A__x' in vars(A)
""",
    "slots_various": """
class A:
    __slots__ = ('a', '__b', '__dict__')
    def __init__(self): self.a = 1; self.__b = 2; self.c = 3
    def f(self): return self.__b
class B(A):
    __slots__ = {'d': 'doc of d'}
class W:
    __slots__ = ('__weakref__', 'x')
def answer(): b = B(); b.d = 4; return b.f(), b.d, b.c, B.d.__doc__, hasattr(W(), '__dict__')
""",
    "abc_props": """
import abc
class A(abc.ABC):
    @property
    @abc.abstractmethod
    def p(self): ...
    @staticmethod
    @abc.abstractmethod
    def s(): ...
    @classmethod
    def __subclasshook__(cls, c): return True if hasattr(c, 'magic') else NotImplemented
class B(A):
    p = 3
    @staticmethod
    def s(): return 4
class M: magic = 1
def answer():
    try: A()
    except TypeError as e: t = str(e)
    return t, B().p, B.s(), issubclass(M, A), isinstance(M(), A)
""",
    "dyn_class": """
import types
C = type('Dyn', (dict,), {'m': lambda self: len(self), '__missing__': lambda s, k: k})
D = types.new_class('DD', (C,), {}, lambda ns: ns.update(z=1))
def answer(): return C(a=1).m(), D()['q'], D.z, D.__name__
""",
    "user_collections": """
import collections
class U(collections.UserDict):
    def __setitem__(s, k, v): super().__setitem__(k, v * 2)
class O(collections.OrderedDict): pass
class Ct(collections.Counter): pass
class Dq(collections.deque): pass
def answer(): u = U(a=1); return u['a'], O(b=2), Ct('aab')['a'], Dq([1], 3).maxlen
""",
    "abc_collections": """
from collections.abc import *
class S(Sequence):
    def __len__(s): return 3
    def __getitem__(s, i):
        if i > 2: raise IndexError
        return i
class MM(MutableMapping):
    def __init__(s): s.d = {}
    def __getitem__(s, k): return s.d[k]
    def __setitem__(s, k, v): s.d[k] = v
    def __delitem__(s, k): del s.d[k]
    def __iter__(s): return iter(s.d)
    def __len__(s): return len(s.d)
def answer(): m = MM(); m.update(a=1); return list(reversed(S())), 2 in S(), m.setdefault('b', 2), dict(m)
""",
    "decor_class": """
def dec(cls):
    class W(cls):
        def extra(self): return super().m() + 1
    W.__name__ = cls.__name__; W.__qualname__ = cls.__qualname__
    return W
@dec
class C:
    def m(self): return 1
class CallDec:
    def __init__(s, f): s.f = f; s.n = 0; s.__name__ = f.__name__
    def __call__(s, *a): s.n += 1; return s.f(*a), s.n
@CallDec
def counted(x): return x
def answer(): return C().extra(), C().m(), counted(1), counted(2)
""",
    "property_chain": """
class C:
    def __init__(s): s._v = 1
    @property
    def v(s): 'doc'; return s._v
    @v.setter
    def v(s, x): s._v = x
    @v.deleter
    def v(s): s._v = None
class D(C):
    @C.v.getter
    def v(s): return s._v * 10
def answer(): d = D(); d.v = 4; r = d.v; del d.v; return r, d._v, C.v.__doc__
""",
    "staticmeth_call": """
class C:
    @staticmethod
    def s(x): return x
    t = s
    @classmethod
    def c(cls): return cls.s(4)
    f = s.__func__
PF = C.s
BM = C.c
def answer(): return C.s(1), C.t(2), PF(3), BM()
""",
    "generic_old": """
import typing
K = typing.TypeVar('K'); V = typing.TypeVar('V')
class Map(dict[K, V], typing.Generic[K, V]): pass
class Sub(Map[str, int]): pass
def answer(): return Sub(a=1), typing.get_args(Sub.__orig_bases__[0]), Map[int, str].__args__
""",
    "del_method": """
class A:
    def __del__(s): pass
    def __enter__(s): return s
    def __exit__(s, *a): return True
    def __bool__(s): return False
    def __format__(s, spec): return 'fmt' + spec
    def __call__(s): return 'called'
a = A()
def answer():
    with A() as x: raise ValueError
    return bool(a), f'{a:>3}', a()
""",
    "eq_raises": """
class E:
    def __eq__(s, o): raise RuntimeError('eq')
    def __hash__(s): raise RuntimeError('hash')
    def __bool__(s): raise RuntimeError('bool')
    def __len__(s): raise RuntimeError('len')
e = E(); pair = (e, [e])
def answer(): return pair[0] is pair[1][0], type(e).__name__
""",
    "repr_raises": """
class E:
    def __repr__(s): raise RuntimeError('r')
    def __getattr__(s, n):
        if n.startswith('__'): raise AttributeError(n)
        raise KeyError(n)
e = E()
def answer(): return type(e).__name__
""",
    "mro_entries": """
class P:
    def __mro_entries__(self, bases): return (Real,)
class Real:
    r = 1
class C(P()): pass
def answer(): return C.r, C.__orig_bases__[0].__class__.__name__
""",
    "dc_generic_kw": """
import dataclasses
@dataclasses.dataclass
class G[T]:
    v: T
    _: dataclasses.KW_ONLY
    w: int = 2
def answer(): return G(1), G[int](v=3, w=4), [f.name for f in dataclasses.fields(G)], dataclasses.is_dataclass(G)
""",
    "make_dataclass": """
import dataclasses
M = dataclasses.make_dataclass('M', [('x', int), ('y', int, 5)], namespace={'s': lambda self: self.x + self.y})
def answer(): return M(1), M(1).s()
""",
    "enum_functional": """
import enum
E = enum.Enum('E', 'A B'); I = enum.IntEnum('I', {'X': 10})
def answer(): return list(E), I.X + 1, E['A'], E(2)
""",
}
