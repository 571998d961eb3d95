"""The project's .def lists, as the tests read them."""

import os
import re

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))


def entries(path, macro):
    """What stands in the brackets of each MACRO (...) of a .def list: [[argument...]...]."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    found = [re.split(r"\s*,\s*", arguments.strip()) for arguments in re.findall(rf"\b{macro} \((.*)\)", text)]
    assert found, (path, macro)
    return found


def actors_name(word):
    """Does any source of the actors have that word?"""
    for folder, _, files in os.walk(os.path.join(ROOT, "actors")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    if re.search(rf"\b{word}\b", file.read()):
                        return True
    return False
