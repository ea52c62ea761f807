"""Prints instructions, registers and spilled bytes of every kernel for an architecture, from nvcc; needs no GPU.

python benchmarks/sass.py sm_90
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

KERNELS = Path(__file__).parents[1] / "kmc" / "kernels"
LATTICE = ("NX=20", "NY=20", "NZ=20", "BASIS=1", "CARRIERS=400", "DIRECTIONS=6")  # of plain_warp.cu: 8000 sites
FILES = ("walk.cu", "plain_warp.cu", "free_warp.cu")
BYTES_PER_INSTRUCTION = 16  # from sm_70 on


def compile_kernels(architecture: str, name: str, cubin: Path) -> str:
    """Compile a file of kernels; returns the report of ptxas."""
    flags = ["-cubin", "-O3", "-std=c++14", f"-arch={architecture}", "-Xptxas", "-v"]
    command = ["nvcc", *flags, *(f"-DKMC_{size}" for size in LATTICE), str(KERNELS / name)]
    return subprocess.run([*command, "-o", str(cubin)], capture_output=True, text=True, check=True).stderr


def instructions(cubin: bytes) -> dict[str, int]:
    """Kernel -> SASS instructions, from the sizes of the ELF sections .text.KERNEL."""
    (table,) = struct.unpack_from("<Q", cubin, 0x28)
    size, number, names_index = struct.unpack_from("<HHH", cubin, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", cubin, table + k * size) for k in range(number)]
    names = headers[names_index][4]
    found = {}
    for header in headers:
        start = names + header[0]
        name = cubin[start : cubin.index(b"\0", start)].decode()
        if name.startswith(".text."):
            found[name.removeprefix(".text.")] = header[5] // BYTES_PER_INSTRUCTION
    return found


def main() -> None:
    """Print a line for each kernel."""
    architecture = sys.argv[1] if len(sys.argv) > 1 else "sm_90"
    for file in FILES:
        with tempfile.TemporaryDirectory() as folder:
            cubin = Path(folder) / "kernels.cubin"
            report = compile_kernels(architecture, file, cubin)
            counts = instructions(cubin.read_bytes())
        for name, spilled, registers in re.findall(
            r"function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers", report, flags=re.DOTALL
        ):
            print(f"{architecture} {name}: {counts[name]} instructions, {registers} registers, {spilled} bytes spilled")


if __name__ == "__main__":
    main()
