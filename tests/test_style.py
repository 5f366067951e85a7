"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bids_app import errors

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "bids_app").rglob("*.py"))
FOLDERS = ("bids_app", "tests", "benchmarks", "docs", ".ci")
TEXTS = {".py", ".md", ".toml", ".html", ".css", ".def", ".cff", ".yaml", ".json", ".jinja", ""}

LONGEST_BODY = 40
LONGEST_FILE = 400
# "file:function": why it may be longer
LONG_BODIES: dict[str, str] = {}
# Values check themselves with ValueError; click turns BadParameter into a usage error; a signal is no failure.
BUILTINS_ON_PURPOSE = {"ValueError", "BadParameter", "Interrupted"}
APP_ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
ARRAYS = {"Floats", "Ints", "Bools", "Tensor"}
# The brackets keep this line from matching itself.
MACHINE = re.compile(r"(?<![\w.}*])/(?:work/[a-z]|opt/v[e]\b|root/[a-z.]|home/[a-z]|tmp/[b]rief)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_files_are_short() -> None:
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FILE}


def test_functions_fit_on_a_screen() -> None:
    lengths = {where: body_lines(function) for where, function in functions()}
    long = {where: length for where, length in lengths.items() if length > LONGEST_BODY}
    assert long.keys() == LONG_BODIES.keys(), long


def test_public_functions_give_the_shape_of_their_arrays() -> None:
    public = [(where, one) for where, one in functions() if not re.search(r"[:.]_", where)]
    with_arrays = [(where, one) for where, one in public if takes_or_gives_arrays(one)]
    assert with_arrays
    assert not [where for where, one in with_arrays if "shape" not in docstring(one).lower()]


def test_what_is_raised_is_for_the_user_or_on_purpose() -> None:
    allowed = APP_ERRORS | BUILTINS_ON_PURPOSE
    made = [(where, one.exc.func) for where, one in raises() if isinstance(one.exc, ast.Call)]
    assert made
    assert not [where for where, kind in made if ast.unparse(kind).split(".")[-1] not in allowed]


def test_messages_are_filled_in() -> None:
    braces = re.compile(r"\{\w+[^}]*\}")
    assert not [
        f"{where}: {text}"
        for where, statement in raises()
        for text in plain_strings(statement)
        if braces.search(text)
    ]


def test_settings_are_documented_and_used() -> None:
    read = set(re.findall(r"\.(\w+)", "\n".join(path.read_text("utf-8") for path in FILES)))
    kinds = dict(settings_classes())
    assert kinds
    for where, kind in kinds.items():
        fields = [line.target for line in kind.body if isinstance(line, ast.AnnAssign)]
        names = {field.id for field in fields if isinstance(field, ast.Name)}
        silent = names - set(re.findall(r"\w+", docstring(kind)))
        assert not silent, f"{where} does not explain {silent}"
        assert names <= read, f"{where}: nothing reads {names - read}"


def test_no_text_knows_the_machine_it_was_written_on() -> None:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    # the .git of a linked work tree is a file with an absolute path
    top = [path for path in ROOT.glob("*") if path.name != ".git"]
    texts = [path for path in [*found, *top] if path.suffix in TEXTS and path.is_file()]
    assert not [path for path in texts if MACHINE.search(path.read_text("utf-8", "replace"))]


@cache
def tree(path: Path) -> ast.Module:
    """Parse a file, once."""
    return ast.parse(path.read_text("utf-8"))


def raises() -> Iterator[tuple[str, ast.Raise]]:
    """Give each raise of the package, with its file and line."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Raise):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def settings_classes() -> Iterator[tuple[str, ast.ClassDef]]:
    """Give each class whose fields a user sets."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and node.name.endswith(("Settings", "RunConfig")):
                yield f"{path.relative_to(ROOT)}:{node.name}", node


def functions() -> Iterator[tuple[str, Function]]:
    """Give each function and method of the package as ``file:class.function``."""
    for path in FILES:
        to_see: list[tuple[str, ast.AST]] = [(f"{path.relative_to(ROOT)}:", tree(path))]
        while to_see:
            prefix, node = to_see.pop()
            for child in ast.iter_child_nodes(node):
                where = f"{prefix}{getattr(child, 'name', '')}"
                if isinstance(child, Function):
                    yield where, child
                if isinstance(child, ast.ClassDef):
                    to_see.append((f"{where}.", child))
                if isinstance(child, Function):  # what is inside is nobody else's
                    to_see.append((f"{where}._inside.", child))


def docstring(node: Function | ast.ClassDef) -> str:
    """Give a docstring; empty when there is none."""
    return ast.get_docstring(node) or ""


def body_lines(function: Function) -> int:
    """Count the lines after the signature, the docstring left out."""
    rest = function.body[1:] if docstring(function) else function.body
    return (function.end_lineno or 0) - rest[0].lineno + 1 if rest else 0


def takes_or_gives_arrays(function: Function) -> bool:
    """Tell whether an array stands bare in the signature."""
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    notes = [function.returns, *(argument.annotation for argument in arguments)]
    return any(isinstance(note, ast.Name) and note.id in ARRAYS for note in notes)


def plain_strings(statement: ast.Raise) -> Iterator[str]:
    """Give the strings of a statement that are not part of an f-string."""
    joined = [node for node in ast.walk(statement) if isinstance(node, ast.JoinedStr)]
    filled = {id(part) for node in joined for part in ast.walk(node)}
    for part in ast.walk(statement):
        if (
            isinstance(part, ast.Constant)
            and id(part) not in filled
            and isinstance(part.value, str)
        ):
            yield part.value
