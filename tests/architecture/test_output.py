"""What is printed goes through the functions that make text of strangers harmless."""

import ast

# Modules that print, and what they are: the terminal itself, lines of errors, a process that starts
# before anything can be imported, and processes whose standard output another of ours reads.
TERMINAL = ("console.py", "stderr.py", "__main__.py")
MAKERS = {"Console", "Text"}


def called(tree):
    """The calls in a module by the name of the function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else None
            yield node, getattr(node.func, "id", name)


def test_texts_and_consoles_are_made_in_one_place(root):
    wrong = []
    for path in sorted((root / "infer").rglob("*.py")):
        if path.parent == root / "infer" and path.name in TERMINAL:
            continue
        for call, name in called(ast.parse(path.read_text())):
            to_stderr = name == "print" and any(
                keyword.arg == "file" and ast.unparse(keyword.value) == "sys.stderr"
                for keyword in call.keywords
            )
            if name in MAKERS or to_stderr:
                wrong.append(f"{path.relative_to(root)}:{call.lineno}")
    assert not wrong, "use one_line and Terminal of infer/console.py, print_line of infer/stderr.py"
