"""Bring what tests use and neither Debian installs nor uv.lock names: ``python -m tools.obtain``, a step of ``make packages``.

Libraries of foreign verifiers, and published samples of good and hostile signatures. They are obtained by the package
managers' own clients and stay out of the repository. Each lies in the user's cache under its version, so this
costs seconds once and nothing afterwards; what cannot be obtained is an error, never a skipped test.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lienthong"
FOREIGN = ROOT / "tests" / "foreign"
CONTRACT = ROOT / "schemas" / "wsdl" / "lienthong" / "1"
JAVA = Path("/usr/share/java")
ARCHIVES = tuple(
    JAVA / f"{name}.jar"
    for name in ("wss4j", "xmlsec", "commons-logging", "bcprov", "slf4j-api", "slf4j-nop", "commons-codec")
)
"""WSS4J and what it needs at run time, as Debian lays them."""


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of this name; ``make`` fills it when it is not there yet. Two processes may ask at once."""
    folder = CACHE / name
    if folder.is_dir():
        return folder
    print(f"==> obtaining {name}", flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        made = Path(work) / "made"
        made.mkdir()
        make(made)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # another process was quicker
                raise
    return folder


def run(*command: str, at: Path) -> None:
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)  # noqa: S603 - the package managers of this system
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def java_peer() -> Path:
    """Compile the Java half of tests/foreign; return the folder of classes."""
    sources = sorted((FOREIGN / "java").glob("*.java"))
    path = ":".join(map(str, ARCHIVES))
    options = ("-Werror", "-Xlint:all,-path", "-cp", path)

    def make(folder: Path) -> None:
        run("javac", *options, "-d", str(folder), *map(str, sources), at=folder)

    return kept(f"java-peer-{digest(*sources)}", make)


def gsoap_client() -> Path:
    """Make gSOAP's stubs of our WSDL and compile the client in tests/foreign with them; return the program."""
    source, wsdl = FOREIGN / "gsoap" / "service.c", CONTRACT / "lienthong.wsdl"
    schema = wsdl.with_suffix(".xsd")

    def make(folder: Path) -> None:
        for file in (source, wsdl, schema):
            shutil.copy(file, folder)
        run("wsdl2h", "-c", "-s", "-x", "-P", "-n", "hub", "-o", "hub.h", wsdl.name, at=folder)
        run("soapcpp2", "-c", "-C", "-x", "-L", "hub.h", at=folder)
        files = ("service.c", "soapC.c", "soapClient.c")
        run("gcc", "-O0", "-Wall", "-Werror", "-Wno-unused", "-o", "service", *files, "-lgsoap", at=folder)

    return kept(f"gsoap-{digest(source, wsdl, schema)}", make) / "service"


def mono_client() -> Path:
    """Let .NET make its proxy of our WSDL and compile the client in tests/foreign with it; return the folder of programs."""
    sources, wsdl = (
        [FOREIGN / "mono" / name for name in ("Contract.cs", "Client.cs")],
        CONTRACT / "lienthong.wsdl",
    )
    contract, schema = (str(wsdl), str(wsdl.with_suffix(".xsd")))
    services = "-r:System.Web.Services"

    def make(folder: Path) -> None:
        run("mcs", "-warnaserror", services, "-out:Contract.exe", str(sources[0]), at=folder)
        run("mono", "Contract.exe", contract, schema, "Proxy.cs", at=folder)
        run("mcs", "-warnaserror", services, "-out:Client.exe", str(sources[1]), "Proxy.cs", at=folder)

    return kept(f"mono-{digest(*sources, wsdl, wsdl.with_suffix('.xsd'))}", make)


def node_modules(part: str = "node") -> Path:
    """Install what tests/foreign/<part>/package-lock.json names, by digest; return the folder that holds node_modules."""
    files = [FOREIGN / part / name for name in ("package.json", "package-lock.json", ".npmrc")]

    def make(folder: Path) -> None:
        for file in files:
            shutil.copy(file, folder)
        run("npm", "ci", at=folder)

    return kept(f"{part}-{digest(*files)}", make)


def openapi_linter() -> Path:
    """Install the linter of API descriptions; return its program."""
    return node_modules("openapi") / "node_modules" / ".bin" / "spectral"


def accessibility_rules() -> Path:
    """Install the rules by which our pages are looked at; return the script."""
    return node_modules("axe") / "node_modules" / "axe-core" / "axe.min.js"


def openapi_tools() -> Path:
    """Install what tests/foreign/openapi/requirements.txt names, by digest, apart from our own environment."""
    wanted = FOREIGN / "openapi" / "requirements.txt"

    def make(folder: Path) -> None:
        exactly = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", ".")
        run(sys.executable, "-m", "pip", "install", "-q", *exactly, "-r", str(wanted), at=folder)

    return kept(f"openapi-tools-{digest(wanted)}", make)


def known_to_apt(at: Path) -> None:
    """Fetch apt's lists where there are none, as in a fresh image."""
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        run(*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "update", "-qq", at=at)


def xmlseclibs() -> Path:
    """Take xmlseclibs out of Debian's simplesamlphp without installing that: it would bring a web server."""

    def make(folder: Path) -> None:
        known_to_apt(folder)
        run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "simplesamlphp", at=folder)
        (package,) = folder.glob("*.deb")
        run("dpkg-deb", "-x", package.name, "unpacked", at=folder)
        (library,) = folder.glob("unpacked/**/robrichards/xmlseclibs")
        library.rename(folder / "xmlseclibs")
        shutil.rmtree(folder / "unpacked")
        package.unlink()

    return kept("xmlseclibs", make) / "xmlseclibs" / "xmlseclibs.php"


def signxml_samples() -> Path:
    """Return the folder ``test`` of signxml's source distribution, of the locked version and digest."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    (package,) = (each for each in lock["package"] if each["name"] == "signxml")
    version, expected = package["version"], package["sdist"]["hash"].removeprefix("sha256:")

    def make(folder: Path) -> None:
        wanted = f"signxml=={version}"
        source = ("--no-deps", "--no-binary", "signxml")
        run(sys.executable, "-m", "pip", "download", "-q", *source, wanted, at=folder)
        (archive,) = folder.glob("*.tar.gz")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{archive.name} is not what uv.lock names")
        unpack(archive, folder, "test")

    return kept(f"signxml-samples-{version}", make)


def xmlsec_samples() -> Path:
    """Return the folder ``tests`` of xmlsec1's source as Debian keeps it. apt checks its signature."""

    def make(folder: Path) -> None:
        sources, lists = folder / "sources", folder / "lists"
        sources.mkdir()
        (lists / "partial").mkdir(parents=True)
        for file in Path("/etc/apt/sources.list.d").glob("debian*.sources"):
            text = file.read_text("utf-8").replace("Types: deb\n", "Types: deb-src\n")
            (sources / file.name).write_text(text, "utf-8")
        for file in Path("/etc/apt").glob("sources.list"):
            text = file.read_text("utf-8").replace("deb ", "deb-src ")
            (sources / "old.list").write_text(text, "utf-8")
        apart = (
            *("-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={sources}"),
            *("-o", f"Dir::State::lists={lists}", "-o", "APT::Sandbox::User=root"),
        )
        run("apt-get", "-qq", *apart, "update", at=folder)
        run("apt-get", "-qq", *apart, "source", "--download-only", "--tar-only", "xmlsec1", at=folder)
        (archive,) = folder.glob("xmlsec1_*.orig.tar.*")
        unpack(archive, folder, "tests")
        shutil.rmtree(sources)
        shutil.rmtree(lists)

    return kept("xmlsec1-samples", make)


WSDLS = {
    "onvif_zeep_async-4.3.0-py3-none-any.whl": "4d0ce59ff57ae116d2367bf2914508e50a5c34a04a68bdb0c05ac5700faec7de",
    "strong-soap-5.0.10.tgz": "1ee5d3042f77c7bb1bc68b98088f8ace8bab28067564de199d6e2d78ae4dc37a",
}
"""Packages that carry WSDLs of real services, with their SHA-256."""


def wsdls() -> Path:
    """Return a folder of WSDLs that others made: of cameras (ONVIF), of weather and stock services, of zeep's own tests."""

    def make(folder: Path) -> None:
        wheel, archive = WSDLS
        name, version, _ = wheel.split("-", 2)
        run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", f"{name}=={version}", at=folder)
        run("npm", "pack", "--silent", "strong-soap@5.0.10", at=folder)
        for file, expected in WSDLS.items():
            if hashlib.sha256((folder / file).read_bytes()).hexdigest() != expected:
                raise SystemExit(f"{file} is not what was expected")
        with zipfile.ZipFile(folder / wheel) as opened:
            for each in (each for each in opened.namelist() if "/wsdl/" in each):
                opened.extract(each, folder / "onvif")
        (folder / wheel).unlink()
        unpack(folder / archive, folder, "example/wsdls")
        _zeep_samples(folder)

    return kept(f"wsdls-{digest_of(*WSDLS.values())}", make)


def _zeep_samples(folder: Path) -> None:
    """The folder ``tests`` of zeep's source distribution, of the locked version and digest."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    (package,) = (each for each in lock["package"] if each["name"] == "zeep")
    source = ("--no-deps", "--no-binary", "zeep")
    run(sys.executable, "-m", "pip", "download", "-q", *source, f"zeep=={package['version']}", at=folder)
    (archive,) = folder.glob("zeep-*.tar.gz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != package["sdist"]["hash"].removeprefix("sha256:"):
        raise SystemExit(f"{archive.name} is not what uv.lock names")
    (folder / "zeep").mkdir()
    archive = archive.rename(folder / "zeep" / archive.name)
    unpack(archive, folder / "zeep", "tests")


def digest_of(*words: str) -> str:
    return hashlib.sha256("".join(words).encode()).hexdigest()[:16]


def unpack(archive: Path, folder: Path, part: str) -> None:
    """Leave in ``folder`` what lies in this part of the archive's one folder, and nothing else."""
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    (found,) = folder.glob(f"unpacked/*/{part}")
    for each in found.iterdir():
        each.rename(folder / each.name)
    shutil.rmtree(folder / "unpacked")
    archive.unlink()


EVERYTHING = (
    java_peer,
    gsoap_client,
    mono_client,
    node_modules,
    openapi_linter,
    accessibility_rules,
    openapi_tools,
    xmlseclibs,
    signxml_samples,
    xmlsec_samples,
    wsdls,
)


if __name__ == "__main__":
    for each in EVERYTHING:
        each()
