"""Reads the .def lists: macros with their arguments, and the comments that say what these are."""

import os
import re

ROOT = os.environ.get("HOODY_ROOT") or os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/) | (?P<directive>^[ ]*\#[^\n]*) | (?P<string>"(?:[^"\\]|\\.)*") | (?P<word>[\w-]+)
        | (?P<mark>[(),|]) | (?P<line>\n) | (?P<space>[^\S\n]+)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


class Bad(Exception):
    """A list or a document that can't be understood."""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def tokens_of(path):
    text = read(path)
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            line = text.count("\n", 0, position) + 1
            raise Bad(f"{path}:{line}: not understood: {text[position:position + 40]!r}")
        position = match.end()
        if match.lastgroup not in ("space", "directive"):
            yield match.lastgroup, match.group()


def joined(tokens):
    """An argument: strings are joined as C does, words keep their spelling."""
    return "".join(re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "string" else text for kind, text in tokens)


def take_arguments(tokens, path):
    """What stands between the parentheses that begin here."""
    if next(tokens, None) != ("mark", "("):
        raise Bad(f"{path}: a macro without arguments")
    arguments, argument, depth = [], [], 1
    for kind, text in tokens:
        if kind in ("comment", "line"):
            continue
        depth += {"(": 1, ")": -1}.get(text, 0) if kind == "mark" else 0
        if depth == 0:
            return arguments + [joined(argument)]
        if depth == 1 and (kind, text) == ("mark", ","):
            arguments.append(joined(argument))
            argument = []
        else:
            argument.append((kind, text))
    raise Bad(f"{path}: a parenthesis is not closed")


def calls_of(path):
    """[macro, arguments, the comment that follows on its line] for each line of a list."""
    calls = []
    is_same_line = False
    tokens = tokens_of(path)
    for kind, text in tokens:
        if kind == "word":
            calls.append([text, take_arguments(tokens, path), ""])
        elif kind == "comment" and is_same_line:
            calls[-1][2] = " ".join(text[2:-2].split())
        elif kind not in ("comment", "line"):
            raise Bad(f"{path}: expected a macro, found {text}")
        is_same_line = kind == "word"
    return calls


def records_of(path, macro):
    """The macro's lines as {parameter: argument}; the list's comment names the parameters: `OPTION (kind, name, ...)`."""
    signature = re.search(rf"\b{macro} \(([\w, ]+)\)", read(path))
    if not signature:
        raise Bad(f"{path}: no comment names the parameters of {macro}")
    parameters = signature.group(1).replace(" ", "").split(",")
    records = []
    for name, arguments, _ in calls_of(path):
        if name != macro:
            continue
        if len(arguments) != len(parameters):
            raise Bad(f"{path}: {macro} ({', '.join(arguments)}): {len(parameters)} arguments expected")
        records.append(dict(zip(parameters, arguments)))
    return records


def kinds_of(path):
    """{kind: what its values are}, of a comment such as `kind  TEXT: any text; PORT: 0..65535;`."""
    section = re.search(r"^ \*   kind (.*?)(?=^ \*   \w|^ \*/)", read(path), re.MULTILINE | re.DOTALL)
    if not section:
        raise Bad(f"{path}: no comment says what the kinds are")
    text = " ".join(section.group(1).replace("\n *", " ").split())
    return {kind: meaning.strip() for kind, meaning in re.findall(r"(\w+): ([^;]*)", text)}
