"""Structure of the repository: imports of tests, and names of files and modules in texts."""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from os.path import normpath
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
FLOORS = ("lattices", "kmc", "analysis", "runs")
SOURCES = (*FLOORS, "benchmarks", "docs", "tests")
# Files that runs, users or other programs write; texts may name them although the repository does not hold them.
# The page for contributors shows a made-up test.
WRITTEN_ELSEWHERE = {"tests/lattices/test_first.py", "analysis.py", "runs.py", "lattices.py"}


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import of a file, including imports in functions; `from a import b` gives a and a.b."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def forbidden(floor: str) -> tuple[str, ...]:
    """Modules that the tests of a floor must not import: the floors above it, and the tests of those floors."""
    above = FLOORS[FLOORS.index(floor) + 1 :]
    return (*above, *(f"tests.{name}" for name in above), "tests.physics")


def offences(path: Path, banned: tuple[str, ...]) -> list[str]:
    """One line per import of a banned package or a module in it."""
    return [
        f"{path}:{line} imports {module}"
        for line, module in imports_of(path)
        if any(module == name or module.startswith(f"{name}.") for name in banned)
    ]


@pytest.mark.parametrize("floor", FLOORS[:-1])
def test_tests_of_a_floor_import_nothing_above_it(floor: str) -> None:
    """Tests that need every floor belong in `tests/physics` and `tests/runs`."""
    files = [*(ROOT / "tests" / floor).rglob("*.py"), *([ROOT / "tests" / "systems.py"] if floor == "kmc" else [])]
    assert files
    assert [line for path in files for line in offences(path, forbidden(floor))] == []


def test_an_import_from_above_is_detected(tmp_path: Path) -> None:
    """This includes imports in functions and imports of the package."""
    path = tmp_path / "test_it.py"
    path.write_text("def f():\n    from analysis import report\nimport kmc.run.engine\n", encoding="utf-8")
    assert len(offences(path, forbidden("lattices"))) == 3  # analysis, analysis.report, kmc.run.engine
    assert offences(path, forbidden("analysis")) == []


def test_folders_of_tests_mirror_the_rooms() -> None:
    """Every folder of tests/<floor> has a room of the same name."""
    for floor in FLOORS:
        for folder in (ROOT / "tests" / floor).rglob("__init__.py"):
            room = folder.parent.relative_to(ROOT / "tests")
            assert (ROOT / room).is_dir(), f"tests/{room} tests a room that does not exist"


def tracked() -> list[Path]:
    """The files of the repository; without git (an unpacked archive), the files in its folders."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        inside = [path for folder in SOURCES for path in (ROOT / folder).rglob("*")]
        return [path for path in (*ROOT.iterdir(), *inside) if path.is_file()]


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what people read: comments and strings of Python, comments of C++, and other files completely."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.COMMENT, tokenize.STRING):
                yield from enumerate(token.string.splitlines(), token.start[0])
    elif path.suffix in (".cuh", ".cu", ".cpp"):
        for line, content in enumerate(text.splitlines(), 1):
            if "//" in content:
                yield line, content.split("//", 1)[1]
    else:
        yield from enumerate(text.splitlines(), 1)


def read_by_people() -> list[Path]:
    """Sources and pages whose texts are checked. The change log may name removed files, tests may make up names."""
    kinds = (".py", ".cuh", ".cu", ".cpp", ".md", ".toml", ".cfg", ".ini")
    return [
        path
        for path in tracked()
        if path.suffix in kinds
        and path.name != "CHANGELOG.md"
        and path.relative_to(ROOT).parts[0] not in ("tests", "shared")
    ]


FILE_NAME = re.compile(r"(?<![\w./*{}>-])((?:[\w.-]+/)*[\w-]+\.(?:py|cuh|cu|cpp|md))\b(?![\w(/])")
MODULE = re.compile(rf"(?<![\w./-])((?:{'|'.join(FLOORS)})(?:\.[A-Za-z_]\w*)+)")


def stale_files(path: Path, text: str, known: set[str], folders: set[str]) -> list[str]:
    """Names of files in a text that do not exist in the repository.

    A path counts from the root, from a floor or from the folder above the text's own; a bare name is looked for in the
    text's own folder and in `folders`, those of the full paths that the same file names. known: paths of all files.
    """
    here = path.parent.relative_to(ROOT)
    roots = {"", here.as_posix(), here.parent.as_posix(), *FLOORS, "tests", "kmc/kernels", *folders}
    found = [name for name in FILE_NAME.findall(text) if name not in WRITTEN_ELSEWHERE]
    return [name for name in found if not any(normpath(Path(root) / name) in known for root in roots)]


def folders_named(path: Path, known: set[str]) -> set[str]:
    """Folders that a file names by their path from the root, alone (`kmc/tables`) or as part of a file's path."""
    everything = "\n".join(text for _, text in texts_of(path))
    of_files = {Path(name).parent.as_posix() for name in set(FILE_NAME.findall(everything)) & known}
    alone = re.findall(rf"(?<![\w./])((?:{'|'.join(FLOORS)})/\w+)", everything)
    return of_files | {name for name in alone if (ROOT / name).is_dir()}


def is_module_or_member(name: str) -> bool:
    """Whether a dotted name is a module, or a member of one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_files_named_in_texts_exist() -> None:
    """Comments, docstrings, messages and pages name files that exist."""
    known = {path.relative_to(ROOT).as_posix() for path in tracked()}
    stale = [
        f"{path.relative_to(ROOT)}:{line} names {name}"
        for path in read_by_people()
        for folders in [folders_named(path, known)]
        for line, text in texts_of(path)
        for name in stale_files(path, text, known, folders)
    ]
    assert not stale, "\n".join(stale)


def test_modules_named_in_texts_exist() -> None:
    """Dotted names of our packages can be imported."""
    stale = [
        f"{path.relative_to(ROOT)}:{line} names {name}"
        for path in read_by_people()
        for line, text in texts_of(path)
        for name in MODULE.findall(text)
        if name not in WRITTEN_ELSEWHERE and not is_module_or_member(name)
    ]
    assert not stale, "\n".join(stale)


def test_python_in_pages_imports_what_exists() -> None:
    """Python blocks of Markdown pages parse, and their imports from our packages exist."""
    missing = []
    for path in read_by_people():
        for code in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            if path.suffix != ".md":
                continue
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FLOORS:
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                    missing += [f"{path.relative_to(ROOT)}: {name}" for name in names if not is_module_or_member(name)]
    assert not missing, "\n".join(missing)


def test_the_first_test_of_a_contributor_passes() -> None:
    """The Python block of CONTRIBUTING.md runs."""
    (code,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    names: dict[str, Callable[[], None]] = {}
    exec(code, names)
    (test,) = [call for name, call in names.items() if name.startswith("test_")]
    test()


def test_scripts_beside_the_packages_import_what_exists() -> None:
    """This covers benchmarks and the scripts in docs, which no other test runs."""
    missing = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for folder in ("benchmarks", "docs")
        for path in (ROOT / folder).glob("*.py")
        for line, module in imports_of(path)
        if module.split(".")[0] in FLOORS and not is_module_or_member(module)
    ]
    assert not missing, "\n".join(missing)


def test_a_stale_name_is_detected() -> None:
    """A file that does not exist, one named in the wrong folder, and one in the folder of the text."""
    known = {"kmc/rng/philox.py", "kmc/rng/poisson.py"}
    path = ROOT / "kmc" / "rng" / "poisson.py"
    assert stale_files(path, "as in philox.py and kmc/rng/philox.py (rng/philox.py)", known, set()) == []
    assert stale_files(path, "as in reference.py, kmc/philox.py", known, set()) == ["reference.py", "kmc/philox.py"]
    elsewhere = ROOT / "runs" / "cli.py"
    assert stale_files(elsewhere, "philox.py", known, set()) == ["philox.py"]
    assert stale_files(elsewhere, "philox.py", known, {"kmc/rng"}) == []
    assert not is_module_or_member("kmc.engine") and is_module_or_member("kmc.rng.philox.philox4x32")


def test_links_of_pages_lead_to_existing_files() -> None:
    """Relative links and figures of every Markdown page exist."""
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in read_by_people()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_sources_can_be_found_by_a_reader() -> None:
    """No number or statement refers to "the project's references" or "the mission"."""
    vague = re.compile(r"the project'?s references|the mission|the references\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.strip()}"
        for path in read_by_people()
        for line, text in texts_of(path)
        if vague.search(text)
    ]
    assert not found, "\n".join(found)


def test_the_architecture_figure_shows_every_room() -> None:
    """docs/architecture.svg holds its labels as comments; `make docs` draws it."""
    shown = set(re.findall(r"<!-- ((?:lattices|kmc|analysis|runs)[\w.]*) -->", PICTURE.read_text(encoding="utf-8")))
    rooms = {"runs", "lattices", "lattices.defects"}
    for floor in ("kmc", "analysis"):
        inside = [path for path in (ROOT / floor).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
        rooms |= {f"{floor}.{path.stem}" for path in inside if not path.stem.startswith("__")}
    assert shown - {"kmc", "analysis"} == rooms
