"""What is built for others holds all that is needed, and nothing that gets in the way.

The tree is copied, with leavings of earlier builds put into the copy; the wheel is made from the unpacked sdist, so
that one proves the other.  `FNM_DEBUG=1` compiles three times as fast.
"""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
import zlib
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".venv", ".git", "build", "dist", ".*_cache", "__pycache__", "*.egg-info", "*.so")
STALE = f"capture_ext/stale{sysconfig.get_config_var('EXT_SUFFIX')}"
TOLD = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program that must succeed and give what it prints."""
    environment = {"PATH": "/usr/bin:/bin", "FNM_DEBUG": "1", "HOME": str(cwd), "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the unpacked sdist of a tree in which somebody has built before."""
    folder = tmp_path_factory.mktemp("sdist")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED, symlinks=True)
    for leaving in (STALE, "capture_ext/frame.c", f"build/lib.old/{STALE}", f"build/lib/{STALE}"):
        (tree / leaving).parent.mkdir(parents=True, exist_ok=True)
        (tree / leaving).write_bytes(b"stale")
    code = "import setuptools.build_meta as b; b.build_sdist('../dist')"
    run(sys.executable, "-c", code, cwd=tree)
    (archive,) = (folder / "dist").iterdir()
    (folder / "unpacked").mkdir()
    run("tar", "-xf", archive, "-C", folder / "unpacked", cwd=folder)
    (top,) = (folder / "unpacked").iterdir()
    return top


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel that the sdist makes."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, sdist, cwd=sdist)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """Name everything in the wheel."""
    with zipfile.ZipFile(wheel) as packed:
        return set(packed.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an environment with the wheel in it; the packages it depends on are borrowed from this one."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", wheel, cwd=folder)
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A path line does not process the .pth files of that folder, so our editable installation stays out.
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def tree_files(*patterns: str) -> set[str]:
    """Name files of this tree, by pattern."""
    return {
        str(path.relative_to(ROOT))
        for pattern in patterns
        for path in ROOT.glob(pattern)
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_package_is_listed() -> None:
    """A new package is not forgotten in pyproject.toml, where the wheel takes them from."""
    found = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in ROOT.glob("fnm_guard/**/__init__.py")}
    assert found | {"capture_ext"} == {
        name for name in TOLD["tool"]["setuptools"]["packages"] if not name.startswith("fnm_guard._data")
    }


def test_the_sdist_is_complete(sdist: Path) -> None:
    """All that builds, tests and documents is in the sdist; the two folders under `_data` too, as files."""
    wanted = tree_files(
        "*.md", "LICENSE", "Makefile", "requirements.lock", "setup.py", "pyproject.toml", ".ci/*", "docs/**/*", "man/*",
        "capture_ext/*.p[yx]*", "capture_ext/bpf/*", "exabgp/*", "templates/**/*", "fnm_guard/**/*.py",
        "fnm_guard/**/*.json", "fnm_guard/_data/exabgp/*", "fnm_guard/_data/templates/notify/*", "tests/**/*.py",
        "tests/**/*.pcap*",
    )  # fmt: skip
    assert len(wanted) > 200
    assert wanted - {str(path.relative_to(sdist)) for path in sdist.rglob("*")} == set()


def test_the_sdist_carries_nothing_that_was_built(sdist: Path) -> None:
    """No library, no generated C and no bytecode; the kernel's program is there with its source."""
    assert [
        path
        for path in sdist.rglob("*")
        if path.suffix in {".so", ".c", ".pyc"} and not {"tests", "bpf"} & set(path.parts)
    ] == []


def test_the_wheel_holds_every_module(names: set[str]) -> None:
    """Each Python module, each extension with its stubs, the marks that types are there."""
    wanted = tree_files("fnm_guard/**/*.py", "capture_ext/*.py", "capture_ext/*.pyi", "capture_ext/*.pxd")
    wanted = {name for name in wanted if not name.startswith("fnm_guard/_data/")}
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    wanted |= {name.removesuffix(".pyx") + suffix for name in tree_files("capture_ext/*.pyx")}
    assert wanted | {"fnm_guard/py.typed", "capture_ext/py.typed"} <= names


def test_the_wheel_holds_the_data(names: set[str]) -> None:
    """Templates, ExaBGP's files, the schema, manual pages and what INSTALL copies from."""
    data = {f"fnm_guard/_data/{name}" for name in tree_files("templates/**/*.j2", "exabgp/*.*")}
    share = "fnm_guard-{}.data/data/share/".format(TOLD["project"]["version"])
    shared = {f"{share}man/man5/fnm-guard.yaml.5", f"{share}man/man8/fnm-guard.8"}
    shared |= {f"{share}doc/fnm-guard/{name}" for name in ("INSTALL.md", "fnm-guard.service", "fnm-guard.example.yaml")}
    assert len(data) > 10
    assert data | shared | {"fnm_guard/config/fnm-guard.schema.json"} <= names


def test_the_wheel_holds_the_kernels_program(names: set[str]) -> None:
    """`source: xdp` needs its object where nothing is compiled; who has it, has its source."""
    program = tree_files("capture_ext/bpf/*")
    assert {"capture_ext/bpf/count.bpf.o", "capture_ext/bpf/count.bpf.c"} <= program
    assert program <= names


def test_the_wheel_hides_nobody(names: set[str]) -> None:
    """No top-level `exabgp` or `templates`: the first would be in the place of the real ExaBGP."""
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("fnm_guard-")} == {"capture_ext", "fnm_guard"}
    assert not [name for name in names if name.startswith("fnm_guard/_data") and name.endswith("__init__.py")]


def test_the_wheel_has_no_leavings(names: set[str]) -> None:
    """Nothing of an earlier build, no sources of the extensions, no tests."""
    assert STALE not in names
    others = [name for name in names if not name.startswith("capture_ext/bpf/")]
    assert [name for name in others if name.endswith((".pyx", ".c", ".pyc")) or "test" in name.split("/")[0]] == []


def test_the_installed_program_runs(installed: Path, tmp_path: Path) -> None:
    """The command is there and explains itself."""
    assert "replay" in run(installed / "bin" / "fnm-guard", "--help", cwd=tmp_path)
    version = run(installed / "bin" / "fnm-guard", "--version", cwd=tmp_path)
    assert version == "fnm-guard {}\n".format(TOLD["project"]["version"])


def test_the_installed_program_finds_its_data(installed: Path, tmp_path: Path) -> None:
    """`_data` is found in the same way, with the same content, in this tree and in a wheel."""
    code = """
import capture_ext.frame, fnm_guard, exabgp, zlib
from importlib import resources
for folder in ("exabgp", "templates/notify"):
    for item in sorted((resources.files("fnm_guard") / "_data" / folder).iterdir(), key=lambda one: one.name):
        if item.is_file(): print(folder, item.name, zlib.crc32(item.read_bytes()))
print(fnm_guard.__file__, capture_ext.frame.__file__, exabgp.__file__)
"""
    *lines, places = run(installed / "bin" / "python", "-c", code, cwd=tmp_path).splitlines()
    here = [
        f"{folder} {item.name} {zlib.crc32(item.read_bytes())}"
        for folder in ("exabgp", "templates/notify")
        for item in sorted((resources.files("fnm_guard") / "_data" / folder).iterdir(), key=lambda one: one.name)
        if item.is_file()
    ]
    assert lines == here
    program, extension, exabgp = map(Path, places.split())
    assert program.is_relative_to(installed)
    assert extension.is_relative_to(installed)
    assert not exabgp.is_relative_to(installed)
