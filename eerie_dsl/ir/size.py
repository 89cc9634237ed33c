"""Sizes that are not known while a program is recorded: polynomials of named dimensions with whole coefficients.

What a program does may not depend on a size by accident. So arithmetic gives sizes again, comparisons are decided
where one answer holds in the whole range of the dimensions, and everything else is an error at the user's line.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from operator import index
from typing import Any, NoReturn, SupportsIndex, TypeAlias

from eerie_dsl.errors import ArgumentError, TracerError, from_package

Atom = tuple[Any, ...]
"""A dimension ``(name, min, max)``, or a quotient ``("//", terms, terms)``, rounded down."""
Monomial = tuple[Atom, ...]
Terms = tuple[tuple[Monomial, int], ...]

LARGEST = 2**31 - 1
"""What a dimension can be when nothing is said."""


class Size:
    """A size computed from dimensions, such as ``2*batch + 1``. Arithmetic with integers and sizes gives sizes."""

    __slots__ = ("_hash", "high", "low", "terms")

    terms: Terms
    low: int
    high: int

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.low, self.high = _bounds(terms)
        self._hash = hash(terms)

    @property
    def dims(self) -> tuple[Atom, ...]:
        """The dimensions that it is computed from."""
        return tuple(sorted(_dims(self.terms)))

    @property
    def name(self) -> str | None:
        """Its name, if it is a dimension and not computed from others."""
        (monomial, factor), *rest = self.terms
        if rest or factor != 1 or len(monomial) != 1 or monomial[0][0] == "//":
            return None
        return monomial[0][0]  # type: ignore[no-any-return]

    def at(self, values: Mapping[str, Extent]) -> Extent:
        """The size where dimensions have these values; those that are missing stay."""
        return _at(self.terms, values)

    def __add__(self, other: Any) -> Any:
        terms = _terms(other)
        return NotImplemented if terms is None else _size(_sum(self.terms, terms))

    __radd__ = __add__

    def __neg__(self) -> Any:
        return _size(_product(self.terms, (((), -1),)))

    def __pos__(self) -> Any:
        return self

    def __sub__(self, other: Any) -> Any:
        terms = _terms(other)
        return NotImplemented if terms is None else _size(_sum(self.terms, _product(terms, (((), -1),))))

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            if isinstance(other, float | complex):
                _refuse(self, f"times {other}")
            return NotImplemented
        return _size(_product(self.terms, terms))

    __rmul__ = __mul__

    def __pow__(self, power: Any) -> Any:
        if type(power) is not int or power < 0:
            _refuse(self, f"to the power of {power}")
        result: Any = 1
        for _ in range(power):
            result = self * result
        return result

    def __floordiv__(self, other: Any) -> Any:
        return _quotient(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _quotient(other, self)

    def __mod__(self, other: Any) -> Any:
        return self - other * _quotient(self, other)

    def __rmod__(self, other: Any) -> Any:
        return other - self * _quotient(other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __truediv__(self, other: Any) -> NoReturn:
        _refuse(self, "with /")

    __rtruediv__ = __truediv__

    def __eq__(self, other: object) -> bool:
        return self._is("==", other, from_package(1))

    def __ne__(self, other: object) -> bool:
        return not self._is("!=", other, from_package(1))

    def __bool__(self) -> bool:
        return not self._is("!=", 0, from_package(1))

    def _is(self, sign: str, other: object, lenient: bool) -> bool:
        """Whether it is ``other``. What differs in general is different where ``lenient``: the package takes no path
        for equal sizes on which the one for different ones would be wrong."""
        terms = self.terms if self is other else _terms(other)
        if terms is None or self.terms == terms:
            return terms is not None
        low, high = _bounds(_sum(self.terms, _product(terms, (((), -1),))))
        if low <= 0 <= high and not lenient:
            self._unknown(sign, other)
        return False

    def __lt__(self, other: Any) -> bool:
        return self._decided("<", other, other - self, 1)

    def __le__(self, other: Any) -> bool:
        return self._decided("<=", other, other - self, 0)

    def __gt__(self, other: Any) -> bool:
        return self._decided(">", other, self - other, 1)

    def __ge__(self, other: Any) -> bool:
        return self._decided(">=", other, self - other, 0)

    def _decided(self, sign: str, other: Any, difference: Any, least: int) -> bool:
        low, high = bounds(difference)
        if low >= least:
            return True
        if high < least:
            return False
        return self._unknown(sign, other)

    def _unknown(self, sign: str, other: Any) -> NoReturn:
        ranges = ", ".join(f"{name} is from {low} to {high}" for name, low, high in self.dims)
        raise TracerError(
            f"whether {self} {sign} {other} depends on the call: {ranges}",
            hint="give the Dim bounds that decide it, or leave this size static",
        )

    def __hash__(self) -> int:
        return self._hash

    def __index__(self) -> NoReturn:  # noqa: PLE0305  # says why not
        _refuse(self, "as a Python integer, in range() or as the size of a list for example,")

    def __int__(self) -> NoReturn:
        _refuse(self, "as a Python integer")

    def __float__(self) -> NoReturn:
        _refuse(self, "as a Python float")

    def __repr__(self) -> str:
        return _written(self.terms)


Extent: TypeAlias = int | Size
"""A size: a number, or known when the program is called."""


class Dim(Size):
    """A dimension of arguments whose size may differ from call to call; see `jit` for how to use it.

    Args:
        name: equal names are equal sizes.
        min: the smallest size, at least 1.
        max: the largest size.
        buckets: sizes to which arguments are filled up with zeros, in place of a range: each gets a program of its own
            with static shapes. Only for functions whose rows do not depend on one another, which is checked.

    Raises:
        ArgumentError: the bounds are not whole numbers in order.

    >>> import eerie_dsl as eerie
    >>> batch = eerie.Dim("batch", min=1, max=64)
    >>> f = eerie.jit(lambda x: x.sum(axis=0) / x.shape[0], dims={"x": (batch, 3)})
    >>> [f(eerie.ones((n, 3))).shape for n in (1, 7, 64)], f.traces
    ([(3,), (3,), (3,)], 1)
    """

    __slots__ = ("buckets",)

    def __init__(
        self, name: str, min: int | None = None, max: int | None = None, *, buckets: tuple[int, ...] | None = None
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ArgumentError(f"Dim: a name is needed, such as 'batch', got {name!r}")
        if buckets is not None:
            if min is not None or max is not None:
                raise ArgumentError(f"Dim {name!r} has buckets: they say what min and max would")
            buckets = tuple(sorted(buckets))
            if not buckets:
                raise ArgumentError(f"Dim {name!r}: no buckets")
        bounds = (1 if min is None else min, LARGEST if max is None else max) if buckets is None else (1, buckets[-1])
        for size in (*bounds, *(buckets or ())):
            if type(size) is not int or not 1 <= size <= LARGEST:
                raise ArgumentError(
                    f"Dim {name!r}: {size!r} is not a size from 1 to {LARGEST}",
                    hint="an empty array is a program of its own: call the function without a Dim for it",
                )
        if bounds[0] > bounds[1]:
            raise ArgumentError(f"Dim {name!r}: min {bounds[0]} is above max {bounds[1]}")
        self.buckets = buckets
        super().__init__(((((name, *bounds),), 1),))


def as_extent(n: SupportsIndex | Size) -> Extent:
    """A size given as any kind of integer; TypeError when it is none."""
    return n if isinstance(n, Size) else index(n)


def bounds(n: Extent) -> tuple[int, int]:
    """The smallest and the largest value it can have."""
    return (n.low, n.high) if isinstance(n, Size) else (n, n)


def likely(n: Extent) -> int:
    """A number to base estimates on: the largest size, or an ordinary one where nearly everything is allowed."""
    return n if isinstance(n, int) else n.at({name: min(high, max(low, 64)) for name, low, high in n.dims})  # type: ignore[return-value]


def encoded(n: Extent) -> Any:
    """Plain values from which `decoded` makes the size again."""
    return ("$", n.terms) if isinstance(n, Size) else n


def decoded(value: Any) -> Extent:
    """What `encoded` gave."""
    return value if isinstance(value, int) else Size(value[1])


def _terms(n: Any) -> Terms | None:
    if isinstance(n, Size):
        return n.terms
    try:
        number = index(n)
    except TypeError:
        return None
    return (((), number),) if number else ()


def _size(terms: Terms) -> Extent:
    if not terms:
        return 0
    if len(terms) == 1 and not terms[0][0]:
        return terms[0][1]
    return Size(terms)


def _ordered(found: dict[Monomial, int]) -> Terms:
    return tuple(sorted((m, c) for m, c in found.items() if c))


def _sum(a: Terms, b: Terms) -> Terms:
    found = dict(a)
    for monomial, factor in b:
        found[monomial] = found.get(monomial, 0) + factor
    return _ordered(found)


def _product(a: Terms, b: Terms) -> Terms:
    found: dict[Monomial, int] = {}
    for (m, c), (n, d) in product(a, b):
        monomial = tuple(sorted((*m, *n)))
        found[monomial] = found.get(monomial, 0) + c * d
    return _ordered(found)


def _quotient(a: Any, b: Any) -> Any:
    x, y = _terms(a), _terms(b)
    if x is None or y is None:
        return NotImplemented
    if not y:
        raise ZeroDivisionError(f"{a} divided by zero")
    if not x:
        return 0
    if len(y) == 1:
        whole = _divided(x, *y[0])
        if whole is not None:
            return _size(whole)
    if x == y:
        return 1
    low, high = bounds(_size(x)), bounds(_size(y))
    if high[0] > 0 and low[0] >= 0 and low[1] < high[0]:
        return 0
    return Size((((("//", x, y),), 1),))


def _divided(x: Terms, monomial: Monomial, factor: int) -> Terms | None:
    """``x`` over one term, None where that leaves a remainder."""
    found = {}
    for m, c in x:
        left = list(m)
        for atom in monomial:
            if atom not in left:
                return None
            left.remove(atom)
        if c % factor:
            return None
        found[tuple(left)] = c // factor
    return _ordered(found)


def _dims(terms: Terms) -> set[Atom]:
    found: set[Atom] = set()
    for monomial, _ in terms:
        for atom in monomial:
            found |= _dims(atom[1]) | _dims(atom[2]) if atom[0] == "//" else {atom}
    return found


def _at(terms: Terms, values: Mapping[str, Extent]) -> Extent:
    total: Extent = 0
    for monomial, factor in terms:
        part: Extent = factor
        for atom in monomial:
            if atom[0] == "//":
                part = part * (_at(atom[1], values) // _at(atom[2], values))
            elif atom[0] in values:
                part = part * values[atom[0]]
            else:
                part = part * Size((((atom,), 1),))
        total = total + part
    return total


def _bounds(terms: Terms) -> tuple[int, int]:
    """Exact for what grows with each dimension, else perhaps too wide.

    Each dimension is its minimum and a rest from 0 on; what cancels then cancels before the bounds are added up.
    """
    shifted: dict[Monomial, int] = {}
    for monomial, factor in terms:
        parts: dict[Monomial, int] = {(): factor}
        for atom in monomial:
            grown: dict[Monomial, int] = {}
            for m, c in parts.items():
                kept = tuple(sorted((*m, atom)))
                grown[kept] = grown.get(kept, 0) + c
                if atom[0] != "//":
                    grown[m] = grown.get(m, 0) + c * atom[1]
            parts = grown
        for m, c in parts.items():
            shifted[m] = shifted.get(m, 0) + c
    low = high = 0
    for m, c in shifted.items():
        least = most = c
        for atom in m:
            ends = _quotient_bounds(atom) if atom[0] == "//" else (0, atom[2] - atom[1])
            corners = [x * y for x in (least, most) for y in ends]
            least, most = min(corners), max(corners)
        low, high = low + least, high + most
    return low, high


def _quotient_bounds(atom: Atom) -> tuple[int, int]:
    (a, b), (c, d) = _bounds(atom[1]), _bounds(atom[2])
    if c <= 0 <= d:
        return -(LARGEST**2), LARGEST**2
    corners = [x // y for x in (a, b) for y in (c, d)]
    return min(corners), max(corners)


def _written(terms: Terms) -> str:
    parts = []
    for monomial, factor in sorted(terms, key=lambda t: -len(t[0])):
        names = [f"(({_written(a[1])})//({_written(a[2])}))" if a[0] == "//" else a[0] for a in monomial]
        if abs(factor) != 1 or not names:
            names.insert(0, str(abs(factor)))
        parts.append(("- " if factor < 0 else "+ ") + "*".join(names))
    text = " ".join(parts)
    return text[2:] if text.startswith("+ ") else "-" + text[2:]


def _refuse(size: Size, how: str) -> NoReturn:
    raise TracerError(
        f"{size} is known when the program is called, and cannot be used {how} while it is recorded",
        hint="use it in shapes, in array arithmetic (x / x.shape[0]), as eerie.asarray(x.shape[0]); "
        "or leave the dimension static",
    )
