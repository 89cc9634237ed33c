"""Trees of containers: take them apart into leaves, build them again. A thin layer over optree.

Tuples, lists, dicts, named tuples, and classes registered here are nodes; everything else is a leaf. A dict
is taken in the order of its sorted keys. None is an empty node, or a leaf when `none_is_leaf` is set.

optree is imported at the first call, not with this module: a program that passes plain arrays never loads it.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from eerie_dsl.errors import ArgumentError

if TYPE_CHECKING:
    from types import ModuleType

    from optree import PyTreeSpec

    TreeSpec: TypeAlias = PyTreeSpec

C = TypeVar("C", bound=type)

NAMESPACE = "eerie"

_optree: ModuleType | None = None
_fixed: dict[type, tuple[str, ...]] = {}  # static fields of classes
_waiting: list[tuple[type, tuple[str, ...], tuple[str, ...]]] = []
_lock = threading.RLock()


def _library() -> ModuleType:
    global _optree
    if _optree is None:
        with _lock:
            import optree

            while _waiting:
                _teach(optree, *_waiting.pop())
            _optree = optree
    return _optree


def flatten(
    tree: Any, *, none_is_leaf: bool = False, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves of `tree` from left to right, and its structure.

    Args:
        tree: any nesting of containers.
        none_is_leaf: whether None counts as a leaf instead of an empty node.
        is_leaf: called on each node; True stops there and takes the node as a leaf.

    Returns:
        The leaves, and a structure that is hashable and compares by value.

    Raises:
        ArgumentError: a static field of a registered class is not hashable.

    Example:
        >>> from eerie_dsl import tree
        >>> leaves, structure = tree.flatten({"b": 2, "a": [1, None]})
        >>> leaves
        [1, 2]
        >>> tree.unflatten(structure, ["x", "y"])
        {'b': 'y', 'a': ['x', None]}
    """
    return _library().tree_flatten(  # type: ignore[no-any-return]
        tree, is_leaf, none_is_leaf=none_is_leaf, namespace=NAMESPACE
    )


def unflatten(structure: TreeSpec, leaves: Iterable[Any], *, sort_dicts: bool = False) -> Any:
    """The tree of this structure with these leaves.

    Args:
        structure: from `flatten`. Two dicts with the same keys have equal structures in whatever order they were
            filled, and the first one seen stands for both.
        leaves: one for each place.
        sort_dicts: build dicts in the order of their sorted keys, so that nothing can depend on which was first.

    Raises:
        ArgumentError: there are more or fewer leaves than the structure has places.
    """
    leaves = list(leaves)
    if len(leaves) != structure.num_leaves:
        raise ArgumentError(f"tree.unflatten: {len(leaves)} leaves for {structure.num_leaves} places in {structure}")
    if sort_dicts:
        return structure.traverse(leaves, _sorted_dict)
    return structure.unflatten(leaves)


def _sorted_dict(node: Any) -> Any:
    if type(node) is not dict:
        return node
    try:
        keys = sorted(node)
    except TypeError:  # keys of several kinds
        keys = sorted(node, key=lambda k: (type(k).__qualname__, repr(k)))
    return {k: node[k] for k in keys}


def leaves(tree: Any, *, none_is_leaf: bool = False, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of `tree` from left to right.

    Example:
        >>> from eerie_dsl import tree
        >>> tree.leaves(([1, 2], {"a": 3}))
        [1, 2, 3]
    """
    return flatten(tree, none_is_leaf=none_is_leaf, is_leaf=is_leaf)[0]


def children(tree: Any) -> tuple[list[Any], TreeSpec | None]:
    """What a node holds, and its structure one level deep; of a leaf, nothing and None.

    Example:
        >>> from eerie_dsl import tree
        >>> tree.children([1, (2, 3)])[0]
        [1, (2, 3)]
    """
    if _library().tree_is_leaf(tree, namespace=NAMESPACE):
        return [], None
    found, structure = flatten(tree, is_leaf=lambda node: node is not tree)
    return found, structure


def map(
    function: Callable[..., Any],
    tree: Any,
    *rest: Any,
    none_is_leaf: bool = False,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """Call `function` on each leaf; the results in a tree of the same structure.

    Args:
        function: takes one leaf of `tree`, and one of each tree of `rest`.
        tree: gives the structure.
        rest: trees of that structure; they may go deeper where `tree` has a leaf.
        none_is_leaf: whether None counts as a leaf instead of an empty node.
        is_leaf: called on each node; True stops there and takes the node as a leaf.

    Raises:
        ArgumentError: a tree of `rest` has another structure.

    Example:
        >>> from eerie_dsl import tree
        >>> tree.map(lambda x, y: x + y, {"w": 1, "b": 2}, {"w": 10, "b": 20})
        {'w': 11, 'b': 22}
    """
    first, structure = flatten(tree, none_is_leaf=none_is_leaf, is_leaf=is_leaf)
    columns = [first]
    for number, other in enumerate(rest, start=2):
        try:
            columns.append(structure.flatten_up_to(other))
        except ValueError as error:
            raise ArgumentError(f"tree.map: tree {number} differs in structure from the first: {error}") from None
    return structure.unflatten([function(*row) for row in zip(*columns, strict=True)])


def paths(tree: Any, root: str = "", *, none_is_leaf: bool = False) -> list[str]:
    """Where each leaf is, as one would write it in Python, in the order of `leaves`.

    Args:
        tree: any nesting of containers.
        root: what the tree itself is called.
        none_is_leaf: whether None counts as a leaf instead of an empty node.

    Example:
        >>> from eerie_dsl import tree
        >>> tree.paths({"w": 1, "b": [2, 3]}, "params")
        ["params['b'][0]", "params['b'][1]", "params['w']"]
    """
    _, structure = flatten(tree, none_is_leaf=none_is_leaf)
    return [accessor.codify(root) for accessor in structure.accessors()]


def node_types(structure: TreeSpec) -> tuple[type, ...]:
    """The classes of the nodes in a structure, each once.

    Example:
        >>> from eerie_dsl import tree
        >>> tree.node_types(tree.flatten([1, (2, 3)])[1])
        (<class 'list'>, <class 'tuple'>)
    """
    found: dict[type, None] = {}
    pending = [structure]
    while pending:
        node = pending.pop()
        if node.type is not None:
            found[node.type] = None
            pending += node.children()
    return tuple(found)


def statics(tree: Any) -> list[Any]:
    """The values of the static fields in a tree, from the top down.

    Example:
        >>> from dataclasses import dataclass
        >>> from eerie_dsl import tree
        >>> @tree.register
        ... @dataclass(frozen=True)
        ... class Scale:
        ...     factor: float
        ...     name: str = tree.static(default="scale")
        >>> tree.statics([Scale(1.5), Scale(2.5, "other")])
        ['scale', 'other']
    """
    found = [getattr(tree, name) for name in _fixed.get(type(tree), ())]
    for child in children(tree)[0]:
        found += statics(child)
    return found


def static(**options: Any) -> Any:
    """A dataclass field that is part of the structure, not a leaf. Its values must be hashable.

    Args:
        options: passed on to `dataclasses.field`.
    """
    return dataclasses.field(metadata={**options.pop("metadata", {}), "static": True}, **options)


def register(cls: C) -> C:
    """Class decorator: a frozen dataclass becomes a node, whose fields are its children.

    Fields made with `static` belong to the structure. A node is rebuilt without calling ``__init__`` or
    ``__post_init__``, because its leaves may stand for anything while a function is traced.

    Raises:
        ArgumentError: the class is not a frozen dataclass.

    Example:
        >>> from dataclasses import dataclass
        >>> from eerie_dsl import tree
        >>> @tree.register
        ... @dataclass(frozen=True)
        ... class Linear:
        ...     weight: float
        ...     bias: float
        ...     name: str = tree.static(default="linear")
        >>> tree.map(lambda x: 2 * x, Linear(1.5, 0.5))
        Linear(weight=3.0, bias=1.0, name='linear')
    """
    params = getattr(cls, "__dataclass_params__", None)
    if params is None or "__dataclass_params__" not in vars(cls) or not params.frozen:
        raise ArgumentError(
            f"tree.register: {cls.__qualname__} is not a frozen dataclass",
            hint="put @dataclass(frozen=True) under @tree.register",
        )
    fields = dataclasses.fields(cls)
    children = tuple(f.name for f in fields if not f.metadata.get("static"))
    fixed = tuple(f.name for f in fields if f.metadata.get("static"))
    with _lock:
        if fixed:
            _fixed[cls] = fixed
        if _optree is None:
            _waiting.append((cls, children, fixed))
        else:
            _teach(_optree, cls, children, fixed)
    return cls


def _teach(optree: ModuleType, cls: type, children: tuple[str, ...], fixed: tuple[str, ...]) -> None:
    take_children, take_fixed = _getter(children), _getter(fixed)

    def take_apart(node: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[str, ...]]:
        values = take_fixed(node)
        try:
            hash(values)
        except TypeError:
            _refuse(cls, dict(zip(fixed, values, strict=True)))
        return take_children(node), values, children

    def rebuild(values: tuple[Any, ...], leaves: Iterable[Any]) -> Any:
        node: Any = object.__new__(cls)
        for name, value in zip(fixed, values, strict=True):
            object.__setattr__(node, name, value)
        for name, leaf in zip(children, leaves, strict=True):
            object.__setattr__(node, name, leaf)
        return node

    optree.register_pytree_node(cls, take_apart, rebuild, path_entry_type=optree.DataclassEntry, namespace=NAMESPACE)


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    # attrgetter is much faster than a loop, but does not give a tuple for fewer than two names.
    if len(names) > 1:
        return attrgetter(*names)
    return lambda node: tuple(getattr(node, name) for name in names)


def _refuse(cls: type, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        try:
            hash(value)
        except TypeError:
            raise ArgumentError(
                f"{cls.__qualname__}.{name} is a static field, and its value {value!r} is not hashable",
                hint="use a tuple or another immutable value",
            ) from None
