"""`eerie.fft` against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import eerie_dsl as ee
from eerie_dsl.config import config
from eerie_dsl.errors import ArgumentError, DTypeError, InvalidValueError, ShapeError

RNG = np.random.default_rng(11)
REAL = RNG.standard_normal((3, 4, 6))
COMPLEX = REAL + 1j * RNG.standard_normal((3, 4, 6))
NORMS = ["backward", "ortho", "forward"]


@pytest.fixture(autouse=True)
def _interpreted(interpreted):
    pass


def close(got, want):
    assert got.shape == want.shape
    assert got.dtype.numpy == want.dtype
    tolerance = 1e-12 if want.dtype.itemsize // (1 + (want.dtype.kind == "c")) == 8 else 1e-5
    np.testing.assert_allclose(got.numpy(), want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("n", [None, 1, 3, 4, 9])
@pytest.mark.parametrize("wide", [True, False])
def test_one_axis(n, axis, norm, wide):
    x, z = (REAL, COMPLEX) if wide else (REAL.astype(np.float32), COMPLEX.astype(np.complex64))
    for name in ("fft", "ifft", "irfft", "hfft"):
        close(getattr(ee.fft, name)(z, n=n, axis=axis, norm=norm), getattr(np.fft, name)(z, n, axis, norm))
    for name in ("fft", "ifft", "rfft", "ihfft", "irfft", "hfft"):
        close(getattr(ee.fft, name)(x, n=n, axis=axis, norm=norm), getattr(np.fft, name)(x, n, axis, norm))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    ("s", "axes"), [(None, None), (None, (0,)), (None, (2, 0)), ((2, 8), (0, 1)), ((5, 3), (-1, 0)), ((4, -1), (0, 2))]
)
def test_several_axes(s, axes, norm):
    for name in ("fftn", "ifftn", "irfftn"):
        want = getattr(np.fft, name)(COMPLEX, s, axes, norm)
        close(getattr(ee.fft, name)(COMPLEX, s=s, axes=axes, norm=norm), want)
    close(ee.fft.rfftn(REAL, s=s, axes=axes, norm=norm), np.fft.rfftn(REAL, s, axes, norm))


def test_two_axes_and_sizes_without_axes():
    for name in ("fft2", "ifft2", "irfft2"):
        close(getattr(ee.fft, name)(COMPLEX), getattr(np.fft, name)(COMPLEX))
    close(ee.fft.rfft2(REAL, s=(3, 5), axes=(0, 1)), np.fft.rfft2(REAL, (3, 5), (0, 1)))
    close(ee.fft.fftn(COMPLEX, s=(2, 3)), np.fft.fftn(COMPLEX, (2, 3), (-2, -1)))


def test_there_and_back():
    x = ee.asarray(REAL)
    np.testing.assert_allclose(ee.fft.ifftn(ee.fft.fftn(x)).numpy(), REAL, atol=1e-14)
    np.testing.assert_allclose(ee.fft.irfft(ee.fft.rfft(x, axis=1), n=4, axis=1).numpy(), REAL, atol=1e-14)
    np.testing.assert_allclose(ee.fft.hfft(ee.fft.ihfft(x), n=6).numpy(), REAL, atol=1e-14)


@pytest.mark.parametrize("kind", [np.float16, np.int32, np.uint8, np.bool_])
def test_other_dtypes_are_computed_in_single_precision(kind):
    x = RNG.integers(0, 2, 8).astype(kind)
    close(ee.fft.fft(x), np.fft.fft(x.astype(np.float32)).astype(np.complex64))
    close(ee.fft.rfft(x), np.fft.rfft(x.astype(np.float32)).astype(np.complex64))
    close(ee.fft.irfft(x), np.fft.irfft(x.astype(np.complex64)).astype(np.float32))


def test_no_lines_to_transform():
    none = np.zeros((0, 4), np.float32)
    assert ee.fft.rfft(none).shape == (0, 3)
    assert ee.fft.fft(none).numpy().shape == (0, 4)
    assert ee.fft.fft(np.zeros((2, 0), np.float32), n=3).tolist() == [[0j] * 3] * 2


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_frequencies(n):
    for name in ("fftfreq", "rfftfreq"):
        ours, theirs = getattr(ee.fft, name), getattr(np.fft, name)
        close(ours(n), theirs(n).astype(np.float32))
        close(ours(n, d=0.3, dtype=ee.float64), theirs(n, 0.3))
        close(ours(n, dtype="float16"), theirs(n).astype(np.float16))
    assert ee.fft.fftfreq(4, device="cpu").device == ee.cpu


@pytest.mark.parametrize("axes", [None, 0, (0, 2), (-1,)])
def test_shifts(axes):
    for x in (REAL[:, :3], np.arange(10).reshape(1, 5, 2)):
        for name in ("fftshift", "ifftshift"):
            np.testing.assert_array_equal(
                getattr(ee.fft, name)(x, axes=axes).numpy(), getattr(np.fft, name)(x, axes), strict=True
            )


@pytest.mark.parametrize(
    ("call", "wrong", "words"),
    [
        (lambda: ee.fft.fft(REAL, norm="half"), InvalidValueError, "fft has no norm 'half'"),  # type: ignore[arg-type]
        (lambda: ee.fft.ifft(REAL, axis=3), ShapeError, "ifft: axis 3"),
        (lambda: ee.fft.fft(REAL, n=0), ShapeError, "fft of 0 elements"),
        (lambda: ee.fft.fft(REAL, n=2.5), ArgumentError, "an integer, not 2.5"),  # type: ignore[arg-type]
        (lambda: ee.fft.irfft(COMPLEX[..., :1]), ShapeError, "irfft of 0 elements"),
        (lambda: ee.fft.fft(1.0), ShapeError, "axis -1"),
        (lambda: ee.fft.rfft(COMPLEX), DTypeError, "rfft of .* takes real numbers"),
        (lambda: ee.fft.ihfft(COMPLEX), DTypeError, "ihfft of .* takes real numbers"),
        (lambda: ee.fft.fftn(REAL, s=(2,), axes=(0, 1)), ShapeError, "1 sizes for 2 axes"),
        (lambda: ee.fft.rfftn(REAL, axes=()), ShapeError, "along no axis"),
        (lambda: ee.fft.fftn(REAL, axes=(0, 0)), ShapeError, "twice"),
        (lambda: ee.fft.fftfreq(0), ShapeError, "fftfreq of 0 elements"),
        (lambda: ee.fft.rfftfreq(4, dtype=ee.int32), DTypeError, "rfftfreq of int32"),
    ],
)
def test_errors(call, wrong, words):
    with pytest.raises(wrong, match=words):
        call()


def test_inside_jit():
    @ee.jit
    def low_passed(x):
        spectrum = ee.fft.rfftn(x, axes=(0, 2))
        kept = ee.abs(ee.fft.rfftfreq(6, dtype=ee.float64)) < 0.3
        return ee.fft.irfftn(spectrum * kept, s=(3, 6), axes=(0, 2)), ee.fft.hfft(ee.fft.fft(x, axis=1), axis=1)

    spectrum = np.fft.rfftn(REAL, axes=(0, 2)) * (np.abs(np.fft.rfftfreq(6)) < 0.3)
    want = np.fft.irfftn(spectrum, (3, 6), (0, 2)), np.fft.hfft(np.fft.fft(REAL, axis=1), axis=1)
    with config(evaluation="compiled"):
        for got, expected in zip(low_passed(REAL), want, strict=True):
            close(got, expected)
