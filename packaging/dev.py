"""Set everything up and open the program, or run its tests. Standard library only.

    python3 packaging/dev.py run     opens metadesk on a bundled example; without a display it runs
                                     the same analysis offscreen and says where the results are
    python3 packaging/dev.py test    runs all tests headless (further words go to pytest)
    python3 packaging/dev.py setup   only sets up
    python3 packaging/dev.py lock    writes the lock files anew (needs the network)

Works on Linux, Windows and macOS with Python 3.11 or newer.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
EXAMPLE = ROOT / "resources" / "examples" / "bcg_vaccine.xlsx"
LOCKS = {"run": "requirements.txt", "test": "requirements-test.txt"}

# What Qt needs on Debian and Ubuntu: shared library -> package. Found with ldd on a bare system.
OFFSCREEN = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
}
WINDOW = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
}


class Stop(Exception):
    """One sentence that says what is missing and what to do."""


def main(words: Sequence[str]) -> int:
    """Do what the first word says; the others belong to it."""
    task, rest = (words[0], list(words[1:])) if words else ("", [])
    tasks = {"run": run, "test": test, "setup": set_up_only, "lock": lock}
    if task not in tasks:
        print(__doc__)
        return 0 if task in ("", "-h", "--help") else 2
    try:
        return tasks[task](rest)
    except Stop as sentence:
        print(sentence, file=sys.stderr)
        return 1


def run(rest: list[str]) -> int:
    """Open the window on the example, or analyse it offscreen where there is no display."""
    shown = has_display()
    system_libraries({**OFFSCREEN, **WINDOW} if shown else OFFSCREEN)
    set_up("run")
    if shown:
        return call([python(), "-m", "metadesk", *(rest or [str(EXAMPLE)])])
    out = ROOT / "out"
    print("No display: running the example's analysis without a window.")
    command = [python(), "-m", "metadesk", "analyse", *(rest or [str(EXAMPLE)])]
    return call([*command, "--out", str(out)], QT_QPA_PLATFORM="offscreen")


def test(rest: list[str]) -> int:
    """Run every test without a display."""
    system_libraries(OFFSCREEN)
    set_up("test")
    workers = (
        [] if any(w.startswith("-n") for w in rest) else ["-n", str(min(os.cpu_count() or 1, 8))]
    )
    command = [python(), "-m", "pytest", *workers, *rest]
    return call(command, QT_QPA_PLATFORM="offscreen", OPENBLAS_NUM_THREADS="1")


def set_up_only(rest: list[str]) -> int:
    """Set up for running and testing, and say where."""
    system_libraries(OFFSCREEN)
    set_up("test")
    print(f"Ready in {VENV}.")
    return 0


def lock(rest: list[str]) -> int:
    """Resolve the newest allowed versions for all systems into the lock files."""
    set_up("test")
    call([python(), "-m", "pip", "install", "-q", "uv"])
    for kind, name in LOCKS.items():
        extra = ["--extra", "test"] if kind == "test" else []
        code = call(
            [python(), "-m", "uv", "pip", "compile", "pyproject.toml", "packaging/build.in", *extra,
             "--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate",
             "--no-emit-index-url", "--no-emit-find-links", "--allow-unsafe", "--upgrade",
             "--custom-compile-command", "python3 packaging/dev.py lock",
             "-q", "-o", f"packaging/{name}"],
        )  # fmt: skip
        if code:
            return code
    return 0


def set_up(kind: str) -> None:
    """Make the virtual environment and install exactly what the lock file names."""
    if sys.version_info < (3, 11):
        raise Stop(
            f"metadesk needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
            "Install a newer Python and run the same command with it."
        )
    make_environment()
    lock_file = ROOT / "packaging" / LOCKS[kind]
    stamp = VENV / f"installed-{kind}.txt"
    project = (ROOT / "pyproject.toml").read_bytes()
    wanted = hashlib.sha256(lock_file.read_bytes() + project + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Setting up ({kind}) in {VENV} …", flush=True)
    pip = [python(), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    steps = (
        [*pip, "--require-hashes", "-r", str(lock_file)],
        [*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    )
    for step in steps:
        if call(step):
            raise Stop(
                "The packages could not be installed (see above). metadesk needs the network once, "
                "for setting up; behind a proxy set HTTPS_PROXY first."
            )
    # pip compiles what it installs; our own package lies where it is, and is compiled here
    call([python(), "-m", "compileall", "-q", "metadesk"])
    stamp.write_text(wanted)


def make_environment() -> None:
    """Make ``.venv``; on Debian the means for that are a package of their own."""
    if Path(python()).exists() and subprocess.run([python(), "-c", "import pip"]).returncode == 0:
        return
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        version = f"python3.{sys.version_info.minor}-venv"
        package = version if shutil.which("apt-get") else "python3-venv"
        install_packages([package], "make an environment")
    venv.EnvBuilder(with_pip=True, clear=VENV.exists()).create(VENV)


def system_libraries(wanted: dict[str, str]) -> None:
    """Install the shared libraries that Qt needs, or say how."""
    if not sys.platform.startswith("linux"):
        return
    missing = [package for library, package in wanted.items() if not loads(library)]
    if missing:
        install_packages(missing, "draw with Qt")


def loads(library: str) -> bool:
    """Whether the dynamic linker finds this library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def install_packages(packages: list[str], purpose: str) -> None:
    """Install Debian packages when root, else stop with the exact command."""
    command = f"apt-get install -y {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise Stop(f"To {purpose}, install what your system calls: {' '.join(packages)}.")
    if os.geteuid() != 0:
        raise Stop(f"To {purpose}, some system packages are missing; run: sudo {command}")
    print(f"Installing system packages: {' '.join(packages)} …", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    call(["apt-get", "update", "-q"], **quiet)
    if call(["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages], **quiet):
        raise Stop(f"The system packages could not be installed; try: {command}")


def has_display() -> bool:
    """Whether a window can be shown."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def python() -> str:
    """The environment's own Python."""
    folder = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return str(VENV / folder)


def call(command: list[str], **environment: str) -> int:
    """Run a command from the project's folder and return its exit code."""
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
