"""A file past 400 lines, or a function past 70, is telling you that two things live in it."""

import ast

from tests.support.sources import name_of, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 70


def functions_over(source: str, limit: int) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > limit:
                found.append((node.name, lines))
    return found


def test_no_file_is_too_long() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in python_files()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    found = {
        f"{name_of(path)}:{name}": lines
        for path in python_files()
        for name, lines in functions_over(path.read_text(), LONGEST_FUNCTION)
    }
    assert found == {}


def test_the_measure_sees_a_long_function() -> None:
    body = "\n".join("        pass" for _ in range(3))
    assert functions_over(f"class A:\n    async def long(self):\n{body}\n", 3) == [("long", 4)]
    assert functions_over(f"class A:\n    async def long(self):\n{body}\n", 4) == []
