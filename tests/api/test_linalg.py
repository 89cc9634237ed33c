"""`eerie.linalg`, and the products at the top, against NumPy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, InvalidValueError, ShapeError, TracerError

la = ee.linalg
RNG = np.random.default_rng(13)
KINDS = [np.float32, np.float64, np.complex64, np.complex128]


@pytest.fixture(autouse=True)
def _interpreted(interpreted):
    pass


def draw(shape, kind=np.float64):
    x = RNG.standard_normal(shape)
    return (x + 1j * RNG.standard_normal(shape) if np.dtype(kind).kind == "c" else x).astype(kind)


def hermitian(shape, kind):
    x = draw(shape, kind)
    return x @ x.conj().mT + np.eye(shape[-1], dtype=kind)


def real_of(kind):
    return np.zeros(0, kind).real.dtype


def close(got, want, kind=None):
    want = np.asarray(want, kind)
    assert got.shape == want.shape
    assert got.dtype.numpy == want.dtype
    single = want.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(got.numpy(), want, rtol=3e-4 if single else 1e-10, atol=3e-4 if single else 1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 1, 4, 4), (0, 0), (2, 0, 0)])
class TestSquare:
    def test_cholesky(self, kind, shape):
        x = hermitian(shape, kind)
        close(la.cholesky(x), np.linalg.cholesky(x))
        close(la.cholesky(x, upper=True), np.linalg.cholesky(x, upper=True))

    def test_determinants_and_inverse(self, kind, shape):
        x = hermitian(shape, kind)
        close(la.det(x), np.linalg.det(x))
        close(la.inv(x), np.linalg.inv(x))
        found = la.slogdet(x)
        want = np.linalg.slogdet(x)
        close(found.sign, want.sign, kind)
        close(found.logabsdet, want.logabsdet, real_of(kind))

    def test_eigen(self, kind, shape):
        x = hermitian(shape, kind)
        values, vectors = found = la.eigh(x)
        assert found.eigenvalues is values
        assert found.eigenvectors is vectors
        close(values, np.linalg.eigvalsh(x))
        close(la.eigvalsh(x), np.linalg.eigvalsh(x))
        close(ee.matmul(vectors * values[..., None, :], ee.asarray(vectors.numpy().conj().mT)), x)
        whole = np.result_type(kind, np.complex64)
        x = draw(shape, kind)
        general = la.eig(x)
        assert general.eigenvalues.dtype.numpy == general.eigenvectors.dtype.numpy == whole
        columns = general.eigenvectors.numpy()
        close(ee.asarray(columns * general.eigenvalues.numpy()[..., None, :]), x @ columns)
        close(la.eigvals(x), np.linalg.eigvals(x).astype(whole))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 3), (0, 3), (3, 0), (2, 0, 0)])
class TestAnyMatrix:
    def test_qr(self, kind, shape):
        x = draw(shape, kind)
        for mode in ("reduced", "complete"):
            found = la.qr(x, mode=mode)
            want = np.linalg.qr(x, mode)
            close(found.Q, want.Q)
            close(found.R, want.R)

    def test_svd(self, kind, shape):
        x = draw(shape, kind)
        for full in (True, False):
            found = la.svd(x, full_matrices=full)
            want = np.linalg.svd(x, full)
            for got, expected in zip(found, want, strict=True):
                close(got, expected)
            assert found == (found.U, found.S, found.Vh)
        close(la.svdvals(x), np.linalg.svd(x, compute_uv=False))

    def test_pinv_and_rank(self, kind, shape):
        x = draw(shape, kind)
        close(la.pinv(x), np.linalg.pinv(x))
        close(la.matrix_rank(x), np.linalg.matrix_rank(x), np.int64)

    def test_matrix_norm(self, kind, shape):
        x = draw(shape, kind)
        for order in ("fro", "nuc", 1, 2, np.inf):
            for keep in (False, True):
                want = np.linalg.matrix_norm(x, keepdims=keep, ord=order)
                close(la.matrix_norm(x, keepdims=keep, ord=order), want, real_of(kind))
        if 0 not in shape:
            for order in (-1, -2, -np.inf):
                close(la.matrix_norm(x, ord=order), np.linalg.matrix_norm(x, ord=order), real_of(kind))


def test_rank_and_pinv_of_deficient_matrices():
    x = np.diag([4.0, 1.0, 1e-3])
    assert la.matrix_rank(x, rtol=0.01).item() == 2
    assert la.matrix_rank(np.stack([x, x]), rtol=ee.asarray([0.01, 0.5])).tolist() == [2, 1]
    assert la.matrix_rank(np.ones((3, 3), np.float32)).item() == 1
    close(la.pinv(x, rtol=0.01), np.diag([0.25, 1, 0]))


@pytest.mark.parametrize(("a", "b"), [((3, 3), (3,)), ((3, 3), (3, 2)), ((4, 3, 3), (3,)), ((4, 1, 3, 3), (2, 3, 5))])
def test_solve(a, b):
    x, y = draw(a), draw(b, np.complex64)
    close(la.solve(x, y), np.linalg.solve(x, y), np.complex128)
    close(la.solve(x.astype(np.float32), b := np.ones(b, np.int8)), np.linalg.solve(x, b), np.float32)


def test_lstsq():
    x, y = draw((6, 3)), draw((6, 2))
    found, want = la.lstsq(x, y), np.linalg.lstsq(x, y)
    for got, expected in zip(found, want, strict=True):
        close(got, expected, np.int64 if got is found.rank else None)
    close(la.lstsq(x, y[:, 0]).x, np.linalg.lstsq(x, y[:, 0])[0])


def test_cond():
    x = draw((2, 3, 3))
    for p in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        close(la.cond(x, p), np.linalg.cond(x, p))
    assert la.cond(np.zeros((2, 2), np.float32), 1).item() == np.inf
    with pytest.raises(InvalidValueError, match="empty"):
        la.cond(np.zeros((0, 0)))


def test_narrow_dtypes_go_through_float32_and_integers_become_it():
    x = np.array([[4, 2], [2, 5]])
    for kind in (np.float16, ml_dtypes.bfloat16):
        assert la.cholesky(x.astype(kind)).numpy().dtype == kind
        assert la.slogdet(x.astype(kind)).logabsdet.numpy().dtype == kind
        assert la.vector_norm(x.astype(kind)).numpy().dtype == kind
        assert la.eigvals(x.astype(kind)).dtype is ee.complex64
    for kind in (np.int64, np.uint8, np.bool_):
        assert la.inv(np.eye(2, dtype=kind)).dtype is ee.float32
        assert la.matrix_norm(x.astype(kind), ord=1).dtype is ee.float32
    assert la.det(x).item() == pytest.approx(16)


@pytest.mark.parametrize("order", [2, 1, 0, -1, -2, 3, 0.5, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_vector_norm(order, kind):
    x = draw((3, 4, 2), kind)
    for axis in (None, 0, -1, (0, 2)):
        for keep in (False, True):
            want = np.linalg.vector_norm(x, axis=axis, keepdims=keep, ord=order)  # type: ignore[arg-type]
            close(la.vector_norm(x, axis=axis, keepdims=keep, ord=order), want, real_of(kind))
    if order != -np.inf and order > 0:
        assert la.vector_norm(x[:0], axis=0, ord=order).tolist() == [[0.0] * 2] * 4


def test_norm_of_numpy():
    x = draw((3, 4, 2))
    close(la.norm(x), np.linalg.norm(x))
    for order in (None, 1, "fro", "nuc", 2, -np.inf):
        for keep in (False, True):
            close(la.norm(x, order, (2, 0), keep), np.linalg.norm(x, order, (2, 0), keep))
        close(la.norm(x[0], order), np.linalg.norm(x[0], order))
    for order in (None, 1, 3, -np.inf):
        close(la.norm(x, order, 1), np.linalg.norm(x, order, 1))
    close(la.norm(x[0, 0], 3), np.linalg.norm(x[0, 0], 3))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 12, -1, -3])
def test_matrix_power(n):
    x = draw((2, 3, 3))
    close(la.matrix_power(x, n), np.linalg.matrix_power(x, n))
    if n >= 0:
        close(la.matrix_power(np.array([[1, 2], [3, 4]]), n), np.linalg.matrix_power(np.array([[1, 2], [3, 4]]), n))


def test_multi_dot():
    shapes = [(3, 40), (40, 2), (2, 30), (30, 5)]
    arrays = [draw(s) for s in shapes]
    close(la.multi_dot(arrays), np.linalg.multi_dot(arrays))
    close(la.multi_dot([arrays[0][0], *arrays[1:]]), np.linalg.multi_dot([arrays[0][0], *arrays[1:]]))
    ends = [arrays[0][0], arrays[1], arrays[2], arrays[3][:, 0]]
    close(la.multi_dot(ends), np.linalg.multi_dot(ends))
    close(la.multi_dot(arrays[:2]), arrays[0] @ arrays[1])


@pytest.mark.parametrize("offset", [0, 1, -2, 9])
def test_trace(offset):
    x = RNG.integers(-9, 9, (2, 3, 4)).astype(np.int16)
    close(la.trace(x, offset=offset), np.trace(x, offset, -2, -1), np.int64)
    close(ee.trace(x, offset=offset, axis1=0, axis2=2), np.trace(x, offset, 0, 2), np.int64)
    close(ee.trace(x, offset=offset, dtype=ee.float32), np.trace(x, offset, -2, -1), np.float32)
    assert ee.trace(x.astype(np.uint8)).dtype is ee.uint64
    assert ee.trace(x.astype(np.float16)).dtype is ee.float16


def test_cross():
    x, y = draw((4, 3)), draw((2, 1, 3), np.float32)
    close(ee.cross(x, y), np.cross(x, y))
    close(ee.cross(x.T, y[0].T, axis=-2), np.cross(x.T, y[0].T, axis=0))
    close(ee.cross(x.T, x.T[::-1], axis=0), np.cross(x.T, x.T[::-1], axis=0))
    wild = np.array([np.inf, 1.0, 0.0])
    with np.errstate(invalid="ignore"):
        close(ee.cross(wild, [1.0, 2.0, 3.0]), np.cross(wild, [1.0, 2.0, 3.0]))


SHAPES = [((), ()), ((3,), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (4, 3)), ((2, 4, 3), (5, 3))]


@pytest.mark.parametrize(("a", "b"), SHAPES)
@pytest.mark.parametrize("kind", [np.int64, np.float64, np.complex128])
def test_products_of_numpy(a, b, kind):
    x, y = (np.asarray(draw(s) * 5).astype(kind) for s in (a, b))
    close(ee.inner(x, y), np.inner(x, y))
    close(ee.kron(x, y), np.kron(x, y))
    turned = y.mT.copy() if y.ndim > 1 else y
    close(ee.dot(x, turned), np.dot(x, turned))


def test_the_namespace_is_whole():
    assert la.matmul is ee.matmul
    assert la.matrix_transpose is ee.matrix_transpose
    assert {"outer", "tensordot", "vecdot", "diagonal", "cross", "trace"} <= set(la.__all__)
    assert all(callable(getattr(la, name)) for name in la.__all__)


SINGULAR = np.zeros((2, 2), np.float32)


@pytest.mark.parametrize(
    ("call", "wrong", "words"),
    [
        (lambda: la.inv(SINGULAR), InvalidValueError, "inv: Singular matrix"),
        (lambda: la.solve(SINGULAR, [1.0, 2.0]), InvalidValueError, "solve: Singular matrix"),
        (lambda: la.matrix_power(SINGULAR, -1), InvalidValueError, "inv: Singular matrix"),
        (lambda: la.cholesky(-np.eye(2)), InvalidValueError, "cholesky: .*positive definite"),
        (lambda: la.eig([[np.nan, 1.0], [1.0, 1.0]]), InvalidValueError, "eig: "),
        (lambda: la.det([1.0]), ShapeError, "det of .* needs a matrix"),
        (lambda: la.det([[1.0, 2.0]]), ShapeError, "det of .* needs square matrices"),
        (lambda: la.solve(np.eye(3), np.ones((2, 1))), ShapeError, "solve of .* 3 unknowns"),
        (lambda: la.solve(np.ones((2, 3, 3)), np.ones((5, 3, 1))), ShapeError, "do not broadcast"),
        (lambda: la.lstsq(np.eye(3), np.ones(2)), ShapeError, "lstsq of"),
        (lambda: la.qr(SINGULAR, mode="raw"), InvalidValueError, "qr has no mode 'raw'"),  # type: ignore[arg-type]
        (lambda: la.matrix_norm(SINGULAR, ord=3), InvalidValueError, "matrix_norm has no order 3"),
        (lambda: la.norm(SINGULAR[0], "fro"), InvalidValueError, "norm of vectors has no order"),
        (lambda: la.norm(np.ones((2, 2, 2)), 1), ShapeError, "over 3 axes"),
        (lambda: la.cond(SINGULAR, 3), InvalidValueError, "cond has no order 3"),
        (lambda: la.vector_norm(np.ones((2, 0)), axis=1, ord=-np.inf), ShapeError, "0 elements|no element|empty"),
        (lambda: la.matrix_power(SINGULAR, 0.5), ArgumentError, "integer, not 0.5"),  # type: ignore[arg-type]
        (lambda: la.multi_dot([SINGULAR]), ShapeError, "at least two"),
        (lambda: la.multi_dot([SINGULAR, np.ones((3, 2))]), ShapeError, "multi_dot of"),
        (lambda: ee.cross([1, 2], [3, 4]), ShapeError, "2 elements and 2, not 3"),
        (lambda: ee.cross(np.ones((2, 3)), [1, 2, 3], axis=1), ShapeError, "count the axis from the end"),
        (lambda: ee.dot(np.ones((2, 3)), np.ones((2, 3))), ShapeError, "dot of .* 3 elements, axis 0 of the second 2"),
        (lambda: ee.inner(np.ones(3), np.ones(2)), ShapeError, "inner of"),
        (lambda: ee.trace([1, 2]), ShapeError, "needs two dimensions"),
    ],
)
def test_errors(call, wrong, words):
    with pytest.raises(wrong, match=words):
        call()


@pytest.mark.parametrize("function", [la.svd, la.qr, la.eigh, la.matrix_rank, la.pinv])
def test_factorisations_inside_jit_say_what_to_do(function):
    with pytest.raises(TracerError, match=r"runs in NumPy.*\n.*Fix: call it outside of the jitted function"):
        ee.jit(lambda x: function(x))(np.eye(2, dtype=np.float32))


def test_inside_jit():
    def several(x, z):
        return (
            la.vector_norm(x, axis=1, ord=3),
            la.vector_norm(z, axis=(0, 1)),
            la.matrix_norm(z, ord=1),
            la.norm(x, np.inf, (0, 2)),
            la.matrix_power(x[0], 5),
            ee.cross(x, x[0, ::-1]),
            ee.trace(x, offset=1),
            ee.kron(x[0], x[1]),
            ee.inner(x, x[0]),
            ee.dot(x, x),
            la.multi_dot([x[0], x[1], x[0, 0]]),
        )

    x, z = draw((2, 3, 3)), draw((2, 3, 3), np.complex128)
    want = several(ee.asarray(x), ee.asarray(z))
    with config(evaluation="compiled"):
        for got, expected in zip(ee.jit(several)(x, z), want, strict=True):
            close(got, expected.numpy())
