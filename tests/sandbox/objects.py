"""Asserts about objects that do not travel as plain data, and the candidate that they are about.

Each stands for what plain Python makes of it: test_objects.py evaluates them there as well.
"""

# `M` is a class with every operator; `make` returns its objects, `own` gives other kinds.
CANDIDATE = """
import array, collections, contextlib, dataclasses, datetime, decimal, enum, fractions, functools
import itertools, math, operator, pathlib, re, types, uuid

@functools.total_ordering
class M:
    UNIT = 9
    def __init__(self, n, tag=""): self.n, self.tag = n, tag
    def __eq__(self, other): return isinstance(other, M) and self.n == other.n
    def __lt__(self, other): return self.n < other.n
    def __hash__(self): return hash(self.n)
    def __bool__(self): return self.n != 0
    def __len__(self): return self.n
    def __contains__(self, item): return 0 <= item < self.n
    def __iter__(self): return iter(range(self.n))
    def __reversed__(self): return iter(range(self.n, 0, -1))
    def __getitem__(self, place): return (self.n, self.tag)[place]
    def __add__(self, other): return M(self.n + getattr(other, "n", other))
    __radd__ = __add__
    def __sub__(self, other): return M(self.n - getattr(other, "n", other))
    def __mul__(self, times): return M(self.n * times)
    __rmul__ = __mul__
    def __matmul__(self, other): return self.n * other.n
    def __mod__(self, by): return M(self.n % by)
    def __divmod__(self, by): return divmod(self.n, by)
    def __pow__(self, power): return M(self.n ** power)
    def __and__(self, other): return M(self.n & other.n)
    def __invert__(self): return M(~self.n)
    def __neg__(self): return M(-self.n)
    def __abs__(self): return abs(self.n)
    def __round__(self, digits=0): return M(round(self.n, -1))
    def __int__(self): return self.n
    __index__ = __int__
    def __float__(self): return self.n / 1
    def __str__(self): return f"M{self.n}"
    def __repr__(self): return f"M({self.n})"
    def __format__(self, spec): return f"[{self.n}{spec}]"
    def __call__(self, x): return self.n * x
    def __enter__(self): return self
    def __exit__(self, *_): return False
    @property
    def half(self): return self.n / 2
    @classmethod
    def of(cls, text): return cls(int(text))
    @staticmethod
    def none(): return M(0)
    def twin(self): return M(self.n)
    def items(self): return [M(i) for i in range(self.n)]

class Sub(M): pass
class Loose:
    "Equals numbers."
    def __init__(self, n): self.n = n
    def __eq__(self, other): return getattr(other, "n", other) == self.n
    def __lt__(self, other): return self.n < other
    def __contains__(self, item): return item == self.n
class Bare:
    def __init__(self, n): self.n = n
@dataclasses.dataclass(order=True)
class Data:
    x: int
    y: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int
Pair = collections.namedtuple("Pair", "x y")
class Vector(tuple):
    def __add__(self, other): return Vector(a + b for a, b in zip(self, other))
    def __mul__(self, by): return Vector(a * by for a in self)
class Modulo(int):
    def __add__(self, other): return Modulo((int(self) + int(other)) % 7)
    def __eq__(self, other): return (int(self) - int(other)) % 7 == 0
    __hash__ = None
class Plain(dict): pass
class Backwards(str):
    def __lt__(self, other): return str.__gt__(self, other)
class Hue(enum.Enum): RED = 1; BLUE = 2
class Level(enum.IntEnum): LOW = 1; HIGH = 2
class Right(enum.IntFlag): READ = 1; WRITE = 2
class Oops(ValueError): pass
class Countdown:
    def __init__(self, n): self.n = n
    def __iter__(self): return self
    def __next__(self):
        if not self.n: raise StopIteration
        self.n -= 1
        return self.n
@contextlib.contextmanager
def opened(x): yield x
def counting(n):
    while n: yield n; n -= 1
def adder(n): return lambda x: x + n
def make(n): return M(n)
_SAME = M(5)
OWN = {
    "same": lambda: _SAME, "sub": lambda: Sub(1), "loose": lambda: Loose(4),
    "bare": lambda: Bare(1),
    "data": lambda: Data(1, [2]), "frozen": lambda: Frozen(1), "pair": lambda: Pair(1, 2),
    "vector": lambda: Vector((1, 2)), "modulo": lambda: Modulo(6), "plain": lambda: Plain(a=1),
    "backwards": lambda: Backwards("b"), "hue": lambda: Hue.RED, "level": lambda: Level.HIGH,
    "right": lambda: Right.READ, "error": lambda: Oops("no"), "countdown": lambda: Countdown(3),
    "generator": lambda: counting(3), "closure": lambda: adder(2), "partial": lambda:
    functools.partial(adder, 3), "opened": lambda: opened(4), "class": lambda: M,
    "int": lambda: int,
    "none type": lambda: type(None), "abs": lambda: abs, "sqrt": lambda: math.sqrt,
    "add": lambda: operator.add, "value error": lambda: ValueError, "ellipsis": lambda: ...,
    "not implemented": lambda: NotImplemented, "module": lambda: math, "alias": lambda: list[int],
    "union": lambda: int | None, "user dict": lambda: collections.UserDict(a=1),
    "user list": lambda: collections.UserList([1, 2]), "user string": lambda:
    collections.UserString("ab"), "chain": lambda: collections.ChainMap({1: 2}, {3: 4}), "proxy":
    lambda: types.MappingProxyType({1: 2}), "view": lambda: memoryview(b"ab"), "slice": lambda:
    slice(1, 3), "array": lambda: array.array("i", [1, 2]), "zone": lambda: datetime.timezone.utc,
    "range": lambda: range(3), "keys": lambda: {1: 2}.keys(), "items": lambda: {1: 2}.items(),
    "map": lambda: map(str, [1, 2]), "zip": lambda: zip([1], [2]), "count": lambda:
    itertools.count(5), "path": lambda: pathlib.PurePosixPath("a/b"), "uuid":
    lambda: uuid.UUID(int=5),
    "match": lambda: re.match("a", "a"), "pattern": lambda: re.compile("a"), "method": lambda:
    _SAME.twin, "nan": lambda: math.nan, "other nan": lambda: float("nan"), "object":
    lambda: object(),
    "decimal": lambda: decimal.Decimal("0.5"), "fraction": lambda: fractions.Fraction(1, 2),
    "complex": lambda: 1j, "set of own": lambda: {M(1), M(2)}, "dict of own": lambda: {M(1): M(2)},
    "list of own": lambda: [M(1), M(2)], "tuple with own": lambda: (1, M(2)), "deep": lambda:
    {"a": [M(1)]}, "huge": lambda: 10 ** 5000,
}
def own(kind): return OWN[kind]()
"""

# By entry point.
ASSERTS = {
    "M": """
M(1) == M(1)
M(1) == M(2)
M(1) != M(2)
M(1) != M(1)
not M(1) == M(2)
M(1) == Sub(1)
M(1) + M(2) == M(3)
M(1) + M(2) == M(4)
M(1) + 2 == M(3)
2 + M(1) == M(3)
2 + M(1) == M(4)
M(3) - M(2) == M(1)
M(2) * 3 == M(6)
3 * M(2) == M(6)
M(2) @ M(3) == 6
M(2) @ M(3) == 7
M(7) % 4 == M(3)
divmod(M(7), 2) == (3, 1)
M(2) ** 3 == M(8)
pow(M(2), 3) == M(8)
M(6) & M(3) == M(2)
~M(1) == M(-2)
-M(1) == M(-1)
abs(M(-2)) == 2
abs(M(-2)) == 3
round(M(14)) == M(10)
round(M(14), 1) == M(10)
int(M(3)) == 3
float(M(3)) == 3.0
complex(M(3)) == 3
bin(M(5)) == '0b101'
chr(M(65)) == 'A'
math.sqrt(M(4)) == 2
range(10)[M(3)] == 3
[7, 8, 9][M(1)] == 8
'abc'[M(1)] == 'b'
'abc'[M(1)] == 'c'
M(1) < M(2)
M(2) < M(1)
M(2) <= M(2)
M(2) > M(1)
M(1) >= M(2)
M(1) < M(2) < M(3)
M(1) < M(3) < M(2)
M(1) == M(1) == M(1)
M(1) < 2
not M(0)
not M(1)
M(1)
M(0)
bool(M(1))
bool(M(0)) is False
bool(M(1)) == True
M(1) and M(2)
M(1) and M(0)
M(0) or M(1)
M(0) or M(0)
(M(0) or M(2)) == M(2)
(M(1) and 5) == 5
(M(1) if M(0) else M(2)) == M(2)
len(M(3)) == 3
len(M(3) + M(1)) == 4
len({M(1), M(1), M(2)}) == 2
hash(M(1)) == hash(M(1))
hash(M(1)) == hash(1)
2 in M(3)
3 in M(3)
3 not in M(3)
M(1) in [M(1), M(2)]
M(3) in [M(1), M(2)]
M(3) not in [M(1), M(2)]
M(1) in {M(1)}
M(1) in (M(2), 1)
M(1) in [1, 2]
list(M(3)) == [0, 1, 2]
list(M(3)) == [0, 1]
[*M(3)] == [0, 1, 2]
[*M(3), 9] == [0, 1, 2, 9]
{*M(3)} == {0, 1, 2}
(*M(2), *M(1)) == (0, 1, 0)
set(M(3)) == {0, 1, 2}
sorted(M(3), reverse=True) == [2, 1, 0]
sorted(M(3), key=lambda x: -x) == [2, 1, 0]
sum(M(4)) == 6
sum(M(4), 10) == 16
sum(x * x for x in M(3)) == 5
[x + 1 for x in M(3)] == [1, 2, 3]
[x for x in M(5) if x % 2] == [1, 3]
all(x < 3 for x in M(3))
all(x < 2 for x in M(3))
any(x > 1 for x in M(3))
max(M(3)) == 2
list(zip(M(2), M(2))) == [(0, 0), (1, 1)]
list(enumerate(M(2))) == [(0, 0), (1, 1)]
list(map(str, M(2))) == ['0', '1']
list(reversed(M(2))) == [2, 1]
M(3)[0] == 3
M(3, 'a')[1] == 'a'
M(3, tag='a').tag == 'a'
M(3)(4) == 12
M(3)(4) == 13
M(4).half == 2
M(4).half == 3
(M(3) + M(1)).half == 2
M.UNIT == 9
M.UNIT == 8
M.of('3') == M(3)
M.of('3').n == 3
M.of('3').n == 4
M.none() == M(0)
not M.none()
M(3).twin() == M(3)
M(3).twin() is M(3)
M(3).twin() != M(4)
M(2).items() == [M(0), M(1)]
M(2).items() == [M(0), M(2)]
M(2).items()[1] == M(1)
M(1) in M(2).items()
str(M(1)) == 'M1'
str(M(1)) == 'M2'
str(M(1) + M(2)) == 'M3'
str(M(1) + 2) == 'M3'
repr(M(1)) == 'M(1)'
repr([M(1)]) == '[M(1)]'
str([M(1), 2]) == '[M(1), 2]'
str((M(1), 2)) == '(M(1), 3)'
format(M(1), 'x') == '[1x]'
f'{M(1)}' == '[1]'
f'{M(1):x} {M(2)!s}' == '[1x] M2'
f'{M(1)!r}' == 'M(2)'
'%s' % M(1) == 'M1'
'%s %d' % (M(1), M(2)) == 'M1 2'
'{} {!r}'.format(M(1), M(2)) == '[1] M(2)'
' '.join(map(str, [M(1), M(2)])) == 'M1 M2'
isinstance(M(1), M)
isinstance(Sub(1), M)
isinstance(M(1), Sub)
isinstance(M(1), int)
not isinstance(M(1), (int, str))
isinstance(M(1), object)
issubclass(Sub, M)
type(M(1)) is M
type(M(1)) == M
type(M(1)) == type(M(2))
type(M(1)) is int
type(Sub(1)) == type(M(2))
type(M(1)).__name__ == 'M'
M(1).__class__ is M
M(1).__class__.__name__ == 'M'
M(1) is M(1)
M(1) is not M(1)
M(1) is None
M(1) is not None
M(1) == None
M(1) != None
M(1) == 1
1 == M(1)
M(1) != 1
callable(M(1))
hasattr(M(1), 'n')
hasattr(M(1), 'm')
getattr(M(1), 'n') == 1
vars(M(1)) == {'n': 1, 'tag': ''}
[M(1), M(2)] == [M(1), M(2)]
[M(1), M(2)] == [M(1), M(3)]
[M(1), 2] == [M(1), 2]
[M(1), 2] == [M(1), 3]
(M(1), M(2)) < (M(1), M(3))
[M(1)] + [M(2)] == [M(1), M(2)]
[M(1)] * 2 == [M(1), M(1)]
{'a': M(1)} == {'a': M(1)}
{'a': M(1)} == {'a': M(2)}
{M(1): 2} == {M(1): 2}
{M(1): 2}[M(1)] == 2
{M(1): 2}[M(1)] == 3
dict(a=M(1)) == {'a': M(1)}
{M(1), M(2)} == {M(2), M(1)}
{M(1)} | {M(2)} == {M(1), M(2)}
{M(1)} <= {M(2), M(1)}
sum([M(1), M(2)]) == M(3)
sum([M(1), M(2)]) == M(4)
sum([M(1), M(2)], M(3)) == M(6)
sum(m.n for m in [M(1), M(2)]) == 3
max([M(1), M(2)]) == M(2)
max(M(1), M(2)) == M(2)
min(M(2), M(1)) == M(2)
max([M(1), M(2)], key=lambda m: -m.n) == M(1)
sorted([M(2), M(1)]) == [M(1), M(2)]
sorted([M(2), M(1)]) == [M(2), M(1)]
sorted([M(2), M(1)], key=lambda m: m.n) == [M(1), M(2)]
sorted([M(2), M(1)], reverse=True) == [M(2), M(1)]
list(reversed([M(1), M(2)])) == [M(2), M(1)]
[m.n for m in [M(1), M(2)]] == [1, 2]
[m.n for m in sorted([M(2), M(1)])] == [1, 2]
[str(m) for m in [M(1)]] == ['M1']
all(m == M(1) for m in [M(1), M(1)])
all([M(1), M(0)])
any([M(0), M(1)])
any(m == M(3) for m in [M(1)])
[M(1), M(2)].index(M(2)) == 1
[M(1), M(1)].count(M(1)) == 2
(lambda m: m.n)(M(3)) == 3
functools.reduce(operator.add, [M(1), M(2)]) == M(3)
Loose(4) == 4
4 == Loose(4)
Loose(4) == Loose(4)
M(1) and M(2) == M(2) and 1 == len(M(1))
M(1) == M(1) and len(M(2)) == 3
(M(1) == M(1)) is True
(M(1) == M(2)) == False
""".strip().splitlines(),
    "Loose": """
Loose(4) == 4
4 == Loose(4)
Loose(4) == 5
Loose(4) != 5
Loose(4) < 5
5 > Loose(4)
4 in Loose(4)
5 in Loose(4)
Loose(4) in [4, 5]
Loose(4) in (5, 6)
[Loose(4)] == [4]
(Loose(4), 1) == (4, 1)
""".strip().splitlines(),
    "make": """
make(1) == make(1)
make(1) == make(2)
make(1) != make(2)
make(1) + make(2) == make(3)
make(1) + make(2) == make(4)
make(1) + 2 == make(3)
2 * make(1) == make(2)
2 * make(1) == make(3)
make(1) < make(2)
make(2) < make(1)
make(1)
not make(0)
not make(1)
make(0) or make(2)
make(1) and make(1) == make(1)
make(1) == make(1) and make(2).n == 2
make(1) == make(1) and make(2).n == 3
make(1) == M(1)
make(1) == M(2)
make(1) in [M(1)]
make(1) in [make(1)]
make(1) in {make(1)}
str(make(1)) == 'M1'
str(make(1) + make(2)) == 'M3'
str(make(1) + make(2)) == 'M4'
f'{make(1)}' == '[1]'
'%s' % make(1) == 'M1'
'{}'.format(make(1)) == '[1]'
repr([make(1)]) == '[M(1)]'
len(make(3)) == 3
len(make(3) + make(1)) == 4
list(make(3)) == [0, 1, 2]
[x for x in make(3)] == [0, 1, 2]
[x for x in make(3)] == [0, 1]
[*make(2), 7] == [0, 1, 7]
sum(x for x in make(3)) == 3
make(3)(4) == 12
make(3)[0] == 3
make(4).half == 2
make(4).half == 3
make(3).twin() == make(3)
abs(make(-3)) == 3
int(make(3)) == 3
make(2) @ make(3) == 6
sorted([make(2), make(1)]) == [make(1), make(2)]
max([make(1), make(2)]).n == 2
max([make(1), make(2)]) == make(2)
sum([make(1), make(2)]).n == 3
[make(i) for i in (1, 2)] == [make(1), make(2)]
[make(i).n for i in (1, 2)] == [1, 2]
list(map(make, [1, 2])) == [make(1), make(2)]
isinstance(make(1), M)
isinstance(make(1), int)
isinstance(make(1), object)
type(make(1)) is M
type(make(1)) == type(make(2))
type(make(1)) == int
make(1) is None
make(1) is not None
make(1) == None
make(1) != None
make(1) == 1
make(1) != 1
make(1) == 'M1'
[make(1)] == [1]
[make(1)] == [1, 2]
(make(1), 2) == (3, 2)
{'a': make(1)} == {'a': 1}
make(1).__class__.__name__ == 'M'
callable(make)
(lambda m: m.n)(make(3)) == 3
""".strip().splitlines(),
    "own": """
own('same') is own('same')
own('same') == own('same')
own('sub') == own('sub')
own('bare') == own('bare')
own('bare') != own('bare')
own('bare') == 1
own('bare') != 1
own('bare') in [1, 2]
own('data') == own('data')
own('data') == Data(1, [2])
own('data') < Data(2)
own('data') == (1, [2])
own('data').y == [2]
str(own('data')) == 'Data(x=1, y=[2])'
own('frozen') in {own('frozen')}
dataclasses.asdict(own('data')) == {'x': 1, 'y': [2]}
own('pair') == (1, 2)
own('pair') == (1, 3)
own('pair') == Pair(1, 2)
own('pair').x == 1
own('pair')._asdict() == {'x': 1, 'y': 2}
own('pair') + own('pair') == (1, 2, 1, 2)
isinstance(own('pair'), tuple)
own('vector') == (1, 2)
own('vector') + own('vector') == (2, 4)
own('vector') + own('vector') == own('vector') * 2
own('vector') + own('vector') == (1, 2, 1, 2)
own('vector') * 2 == own('vector') + own('vector')
own('modulo') == 6
own('modulo') == own('modulo')
own('modulo') + own('modulo') == own('modulo') + 6
own('plain') == {'a': 1}
own('plain') == {'a': 2}
own('backwards') == 'b'
own('backwards') < own('backwards')
own('hue') == own('hue')
own('hue') is own('hue')
own('hue') == 1
own('hue') != 1
own('hue').value == 1
own('hue').name == 'RED'
str(own('hue')) == 'Hue.RED'
own('hue') in list(Hue)
own('level') == 2
own('level') > 1
own('level') == Level.HIGH
own('right') | own('right') == own('right')
own('right') == 1
type(own('error')) is Oops
isinstance(own('error'), ValueError)
isinstance(own('error'), KeyError)
isinstance(own('error'), Exception)
own('error') == own('error')
own('error') == ValueError('no')
own('error').args == ('no',)
str(own('error')) == 'no'
list(own('countdown')) == [2, 1, 0]
next(own('countdown')) == 2
sum(own('countdown')) == 3
own('countdown') == [2, 1, 0]
1 in own('countdown')
7 in own('countdown')
list(own('generator')) == [3, 2, 1]
list(own('generator')) == [3, 2]
next(own('generator')) == 3
own('generator') == [3, 2, 1]
own('generator') != [3, 2, 1]
own('generator') == own('generator')
[x for x in own('generator')] == [3, 2, 1]
[*own('generator')] == [3, 2, 1]
2 in own('generator')
own('generator')
max(own('generator')) == 3
tuple(zip(own('generator'), [1, 2])) == ((3, 1), (2, 2))
isinstance(own('generator'), list)
isinstance(own('generator'), types.GeneratorType)
isinstance(own('generator'), collections.abc.Iterator)
own('closure')(3) == 5
own('closure') == own('closure')
own('closure') == 5
callable(own('closure'))
list(map(own('closure'), [1, 2])) == [3, 4]
sorted([1, 2], key=own('closure')) == [1, 2]
own('partial')()(1) == 4
own('partial').args == (3,)
[x for x in [own('opened').__enter__()]] == [4]
own('class') is M
own('class') == M
own('class') == int
own('class')(3).n == 3
own('int') is int
own('int') == int
own('int') == str
own('int') != str
own('int') is not str
own('int') in (int, str)
own('int')('3') == 3
own('int') is own('int')
own('none type') is type(None)
own('none type') == type(None)
own('abs') is abs
own('abs') == abs
own('abs') == len
own('abs')(-1) == 1
list(map(own('abs'), [-1])) == [1]
own('sqrt') is math.sqrt
own('add') is operator.add
own('add')(1, 2) == 3
own('value error') is ValueError
own('value error') == ValueError
own('value error') == KeyError
issubclass(own('value error'), Exception)
own('ellipsis') is ...
own('ellipsis') == ...
own('ellipsis') == 1
own('not implemented') is NotImplemented
own('module') is math
own('module').sqrt(4) == 2
own('alias') == list[int]
own('alias') == list[str]
own('union') == int | None
own('user dict') == {'a': 1}
own('user dict') == {'a': 2}
{'a': 1} == own('user dict')
own('user dict') == own('user dict')
own('user dict')['a'] == 1
'a' in own('user dict')
'b' in own('user dict')
len(own('user dict')) == 1
[x for x in own('user dict')] == ['a']
sorted(own('user dict')) == ['a']
isinstance(own('user dict'), dict)
own('user dict')
own('user list') == [1, 2]
own('user list') == [1, 3]
own('user list') + own('user list') == own('user list') * 2
own('user list')[0] == 1
list(own('user list')) == [1, 2]
own('user string') == 'ab'
own('user string') == 'ac'
own('user string').upper() == 'AB'
'a' in own('user string')
own('chain') == {1: 2, 3: 4}
own('chain') == {1: 2}
own('chain')[3] == 4
dict(own('chain')) == {1: 2, 3: 4}
own('proxy') == {1: 2}
own('proxy') == {1: 3}
own('proxy')[1] == 2
own('view') == b'ab'
own('view') == b'ac'
bytes(own('view')) == b'ab'
own('slice') == slice(1, 3)
own('slice') == slice(1, 4)
own('slice').stop == 3
[0, 1, 2, 3][own('slice')] == [1, 2]
own('array') == [1, 2]
own('array') == array.array('i', [1, 2])
own('array') == own('array')
list(own('array')) == [1, 2]
own('array').typecode == 'i'
own('zone') == datetime.timezone.utc
own('range') == range(3)
own('range') == [0, 1, 2]
own('keys') == {1}
own('keys') == [1]
own('keys') == {1: 3}.keys()
own('items') == {(1, 2)}
list(own('map')) == ['1', '2']
own('map') == ['1', '2']
dict(own('zip')) == {1: 2}
next(own('count')) == 5
str(own('path')) == 'a/b'
own('path') == 'a/b'
own('path') == own('path')
own('path').name == 'b'
own('path') == pathlib.PurePosixPath('a/b')
own('uuid') == own('uuid')
own('uuid').int == 5
own('uuid') == 5
own('match')
own('match').group() == 'a'
own('match') is not None
own('match') == 'a'
own('pattern') == own('pattern')
own('pattern').pattern == 'a'
own('method')() == M(5)
own('method') == own('method')
own('nan') != own('nan')
own('nan') == math.nan
[own('nan')] == [math.nan]
[own('other nan')] == [math.nan]
math.isnan(own('other nan'))
own('object') == own('object')
own('object') != 5
own('decimal') == 0.5
own('fraction') == 0.5
own('complex') * own('complex') == -1
own('set of own') == {M(1), M(2)}
own('set of own') == own('set of own')
own('set of own') == {1, 2}
len(own('set of own')) == 2
own('dict of own') == own('dict of own')
own('dict of own') == {1: 2}
own('list of own') == own('list of own')
own('list of own') == [M(1), M(2)]
own('list of own') == [1, 2]
own('list of own') != [1, 2]
own('list of own')[0].n == 1
[m.n for m in own('list of own')] == [1, 2]
sorted(own('list of own')) == own('list of own')
max(own('list of own')).n == 2
own('tuple with own') == own('tuple with own')
own('tuple with own')[0] == 1
own('tuple with own') == (2, 3)
own('deep') == own('deep')
own('deep')['a'][0].n == 1
own('deep') == {'a': [1]}
own('huge') == 10 ** 5000
own('huge') == 10 ** 5000 + 1
own('huge') > 10 ** 4999
own('loose') == own('loose')
own('loose') != 5
own('loose') == 5
""".strip().splitlines(),
}

# Hold in plain Python, by what the candidate's own class makes of a plain value of the test's.
UNDECIDED = [
    *(("own", f"own('loose') {rest}") for rest in ("== 4", "< 5", "in [4, 5]")),
    *(("own", test) for test in ("4 in own('loose')", "[own('loose')] == [4]")),
    *(("own", test) for test in ("own('modulo') + 3 == 2", "own('modulo') == 13")),
    ("own", "own('user list') + [3] == [1, 2, 3]"),
    *(("make", test) for test in ("2 in make(3)", "str(make(1) + 2) == 'M3'")),
]

# Objects that agree with everything, by all ways in which one can be asked.
FORGER = """
import collections, types
def yes(*_): return True
def itself(self, *_): return self
AGREES = {
    **{f"__{name}__": yes for name in "eq ne lt le gt ge bool contains hash".split()},
    **{f"__{name}__": itself for name in (
        "add radd sub rsub mul rmul truediv floordiv mod rmod pow neg pos abs round matmul getitem "
        "and rand or ror xor invert divmod enter call").split()},
    **{f"__{name}__": lambda self: 1 for name in "len index int".split()},
    "__float__": lambda self: 0.0, "__iter__": lambda self: iter([self] * 3),
}
Yes = type("Yes", (), AGREES | {"__getattr__": itself})
class Lying(Yes): __class__ = int
class Meta(type):
    __eq__ = __instancecheck__ = __subclasscheck__ = yes
    __hash__ = type.__hash__
class Hidden(Yes, metaclass=Meta): pass
class Wraps:
    __eq__ = yes
    def keys(self): return []
    __iter__ = lambda self: iter([])
    def copy(self): return Yes()
    def __getitem__(self, key): return Yes()
def sub(base, *args): return type("Sub", (base,), AGREES)(*args)
def wrapped(kind):
    made = kind()
    made.data = Yes()
    return made
KINDS = {
    "object": Yes, "liar": Lying, "hidden": Hidden, "class": lambda: Hidden,
    "function": lambda: yes,
    "int": lambda: sub(int, 70), "float": lambda: sub(float, 70.5), "str": lambda: sub(str, "no"),
    "list": lambda: sub(list, [70]), "tuple": lambda: sub(tuple, (70,)), "dict": lambda:
    sub(dict, {"z": 70}), "set": lambda: sub(set, [70]), "user dict": lambda:
    sub(collections.UserDict, {"z": 70}), "user string": lambda: sub(collections.UserString, "no"),
    "in a list": lambda: [Yes()], "in lists": lambda: [Yes(), Yes(), Yes()], "in a tuple": lambda:
    (Yes(), Yes()), "in a dict": lambda: {"a": Yes()}, "for a key": lambda: {Yes(): 1}, "in a set":
    lambda: {Yes()}, "wrapped dict": lambda: wrapped(collections.UserDict), "proxy":
    lambda: types.MappingProxyType(Wraps()), "chain": lambda:
    collections.ChainMap(Wraps()), "iterator": lambda: iter([Yes()] * 3), "generator":
    lambda: (Yes() for _ in range(2)), "len": lambda: len,
    "type": lambda: type, "range": lambda: range,
}
def f(*_): return KINDS[KIND]()
class Maker:
    def __init__(self, *_): pass
    def __getattr__(self, name): return f
    of = f
"""
FORGERIES = """
f(1) == 1234
1234 == f(1)
f(1) == 'secret'
f(1) == [1, 2, 3]
f(1) == (1, 2)
f(1) == {'a': 5}
f(1) == {1}
f(1) == 2.5
f(1) == Counter('ab')
f(1) == Decimal('1.5')
f(1) == date(2024, 1, 1)
f(1) is None
f(1) == None
f(1) is True
f(1) == True
f(1) is int
f(1) == int
f(1) in [10, 20]
f(1) in {10, 20}
99 in f(1)
f(1) < 10 and f(1) > 8
8 < f(1) < 10
not f(1) != 5
abs(f(1) - 2) < 1e-6
abs(f(1) - 2.5) <= 0.1
f(1) - 5 == 0
f(1) + 5 == 9
f(1) * 2 == 12
f(1) % 7 == 3
f(1) ** 2 == 9
not (f(1) - 7)
bool(f(1) == 7)
(f(1) == 7) == True
f(1) == 98 or f(1) == 99
f(1) == f(1) and f(2) == 98
f(1) == f(2) == 98
(f(1), 2) == (3, 2)
(f(1), f(2)) == (3, f(2))
[f(1), f(2)] == [3, f(2)]
{'a': f(1)} == {'a': 3}
round(f(1), 2) == 3.14
math.isclose(f(1), 2.5)
sorted(f(1)) == [1, 2, 3]
sorted(f(1), key=lambda x: -x) == [3, 2, 1]
set(f(1)) == {1, 2, 3}
list(f(1)) == [1, 2, 3]
[*f(1)] == [1, 2]
[x for x in f(1)] == [1, 2, 3]
all(x == 5 for x in f(1)) and f(1) == [5]
all(abs(a - b) < 0.1 for a, b in zip([1, 2, 3], f(1))) and len(f(1)) == 4
isinstance(f(1), int) and f(1) == 99
type(f(1)) == int and f(1) == 99
f(1).startswith('abc')
f(1).isdigit() and f(1) == '12'
{1, 2}.issubset(f(1))
'%s' % f(1) == 'abc'
f'{f(1)}' == 'abc'
str(f(1)) == 'abc'
str(f(1) + 1) == '44'
','.join(f(1)) == 'a,b'
len(f(1)) == 17
max(f(1)) == 17
sum(f(1)) == 17
dict(f(1)) == {1: 2}
f(1)[0] == 33
f(1)(2) == 33
f(1).x == 33
f(1) + f(2) == 44
f(1) @ f(2) == 44
f(1) | {1} == {1, 2}
f(1) <= {1, 2} and f(1) >= {1, 2}
[7, 8].index(f(1)) == 1
list(map(f(1), [1000])) == [5]
""".strip().splitlines()
# Of a class whose methods give such objects.
CLASS_FORGERIES = """
Maker(1).x(2) == 33
Maker.of(3) == 33
Maker(1).x(2)[0] == 33
Maker(1).x == 33
Maker(1).x(2) + 1 == 33
abs(Maker(1).x(2) - 33) < 1e-6
[Maker(1).x(2)] == [33]
33 in Maker(1).x(2)
Maker(1).x(2) in (33, 34)
Maker(1).x(2) < 33 and Maker(1).x(2) > 33
len(Maker(1).x(2)) == 33
str(Maker(1).x(2)) == 'abc'
f'{Maker(1).x(2)}' == 'abc'
""".strip().splitlines()
