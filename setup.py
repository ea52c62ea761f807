"""The optional compiled CPU backend; everything else about the package is in setup.cfg."""

import sys
from glob import glob

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class BuildHost(build_ext):
    """Build with OpenMP, or without it if the compiler lacks it; without a compiler only this backend is left out."""

    def build_extension(self, ext: Extension) -> None:
        """Try OpenMP first."""
        plain = ["/O2", "/std:c++14"] if sys.platform == "win32" else ["-O3", "-std=c++14", "-fno-math-errno"]
        openmp = "/openmp" if sys.platform == "win32" else "-fopenmp"
        for flags, link in (([*plain, openmp], [openmp] if openmp.startswith("-") else []), (plain, [])):
            ext.extra_compile_args, ext.extra_link_args = flags, link
            try:
                super().build_extension(ext)
                return
            except Exception as error:  # any compiler failure: try the next flags, then build without the backend
                failure = error
        raise failure


setup(
    ext_modules=[
        Extension(
            "kmc.backends._host",
            sources=["kmc/kernels/host.cpp"],
            depends=sorted(glob("kmc/kernels/*.cuh")),  # a change of any header rebuilds
            define_macros=[("KMC_PYTHON_MODULE", "1")],
            language="c++",
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildHost},
)
