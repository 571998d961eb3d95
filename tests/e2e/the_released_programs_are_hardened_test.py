"""What the release build's programs are protected by, read from the programs: position-independent, nothing writable that need not be
after the start, no executable stack, guarded frames, checked copies, and no path of the machine that built them."""

import os
import subprocess

import harness

PROGRAMS = ("hoody-tunneld", "hoody-tunnel")
SOURCES = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))


def read_elf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], stdout=subprocess.PIPE, check=True, text=True, timeout=60).stdout


def each_program_has_its_guards():
    for program in PROGRAMS:
        path = os.path.join(harness.BIN, program)
        assert "DYN (Position-Independent Executable file)" in read_elf("-h", path), program
        segments = read_elf("-l", path).splitlines()
        stack = next(line for line in segments if "GNU_STACK" in line)
        assert " RW " in stack and "RWE" not in stack, stack
        assert any("GNU_RELRO" in line for line in segments), program
        assert not any("LOAD" in line and "RWE" in line for line in segments), program
        assert "NOW" in next(line for line in read_elf("-d", path).splitlines() if "FLAGS_1" in line), program
        symbols = read_elf("--dyn-syms", path)
        assert "__stack_chk_fail" in symbols, program
        assert any(f"__{call}_chk" in symbols for call in ("memcpy", "snprintf", "vsnprintf", "read")), program


def no_program_tells_where_it_was_built():
    for program in PROGRAMS:
        with open(os.path.join(harness.BIN, program), "rb") as file:
            assert SOURCES.encode() + b"/" not in file.read(), program


if os.environ.get("HOODY_SANITIZE"):
    harness.skip("this is said of the release build")
harness.run(each_program_has_its_guards, no_program_tells_where_it_was_built)
