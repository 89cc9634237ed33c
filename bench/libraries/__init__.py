"""The words that kernels are written in, once for each library, each as its users would write it.

A kernel is a function ``f(xp, *arrays)``. ``xp`` is one of these modules: it has what its library has, and these
functions where names or means differ between libraries. Every module also has ``program(function, inputs, arrays)``,
which gives the call that is timed, of a function that has its ``xp``, and ``value(result, image)``, its result in
NumPy.
"""
