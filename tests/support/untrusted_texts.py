"""Names and messages as a stranger would choose them, to be shown in every form of output."""

import unicodedata

UNTRUSTED = {
    "title": "\x1b]0;owned\x07",
    "clear": "a\x1b[2J\x1b[31mb",
    "c1": "\x9b31mred",
    "backspace": "fail\b\b\b\bok",
    "return": "parity_fail\rok",
    "lines": "m\nother: ok\n\n# A heading\n\n- item\n| a | b |",
    "separators": "m\x85n\u2028o\u2029p\x0bq\x0cr",
    "direction": "\u202egnp.exe\u2066",
    "zero": "a\x00b",
    "surrogate": "name\udc80",
    "markup": "[/evil][bold]b[link=https://evil.example]l[/link] :smile:",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)><!-- ",
    "entity": "&lt;b&gt; &#64;octocat &amp;",
    "image": "![x](https://evil.example/x.png) [l](javascript:alert(1)) [r]: https://evil.example",
    "mention": "@octocat team/repo#1 GH-1 www.evil.example https://evil.example mailto:a@b.example",
    "heading": "# heading",
    "list": "1. one",
    "box": "[x] done",
    "rule": "---",
    "quotation": "> quote",
    "cell": "a|b| c \\| d",
    "code": "`a` ``b`` ~~c~~ *d* __e__ **f** $g$ \\h",
    "formula": "=2+2",
    "formulas": "a;=2+2;+1;@sum\n=3+3\t=4+4",
    "quoted formula": 'a";"=2+2',
    "spaces": "  =2+2",
    "latex": "\\input{/etc/passwd} % & # _ ^ ~ { }",
    "command": "::error::x",
    "later command": "ok ::stop-commands::x ##[group] ##vso[task.x]",
    "shell": "$(touch x) `touch x` ; touch x '\"",
}


def controls(text: str) -> set[str]:
    """The characters in a text, besides line ends, that a terminal does not just draw."""
    return {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {
        "\n",
        "\u200b",
    }
