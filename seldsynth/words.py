r"""The language of word rules: which words of a text speak of something.

Matching is by words, not substrings. A rule is a line of words in a small language:

| written | means |
| --- | --- |
| `phone(s)` | phone, phones |
| `clap~` | clap, claps, clapped, clapping |
| `a\|b` | one or the other |
| `...` | up to four words of the same clause |

What the `never` rules cover is passed over, and so is what is negated ("without a phone").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from seldsynth.class_table import WordRules

BREAK = r"[,.;:!?]"
"""What ends a clause."""

_WORD = re.compile(rf"[^\W_]+(?:'[a-z]+)?|{BREAK}")
_RULE_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?(?:~|\([^\W_]+\))?")
_QUOTED = re.compile(r'["“”][^"“”]*["“”]')
_GAP = r"(?: (?![,.;:!?])\S+){0,4}"
_CLAUSE_WORD = rf"(?!{BREAK}|and |but |while |as |who |with )\S+"
_NEGATION = re.compile(
    r" (?:(?:not|never|nobody|none|isn't|aren't|doesn't|don't|cannot|can't|instead of|rather than)"
    rf"(?: {_CLAUSE_WORD}){{0,3}}"
    r"|(?:without|no|neither|nor)"
    rf"(?: (?:a|an|the|any|his|her|their|its|visible|actual|single)(?: {_CLAUSE_WORD})?)?) ?$"
)


def words_of(text: str, *, quotations: bool = False) -> str:
    """Lower case, single spaces, punctuation as words of their own; quotations only if wished."""
    said = text.lower() if quotations else _QUOTED.sub(" ", text.lower())
    return f" {' '.join(_WORD.findall(said))} "


def rule_fault(line: str) -> str | None:
    """What is wrong with a rule, or None."""
    parts = re.sub(r"\s*\|\s*", "|", line.lower()).split()
    words = [word for part in parts if part != "..." for word in part.split("|")]
    if not words:
        return "should hold a word"
    odd = [word for word in words if not _RULE_WORD.fullmatch(word)]
    if odd:
        return f"{odd[0]!r} is no word of a rule; write words apart, such as hi hat(s)"
    return None


def matching_spans(text: str, rules: WordRules) -> Iterator[tuple[int, int]]:
    """Where a rule matches in text that `words_of` made: not negated, not what is never meant."""
    blocked = [
        match.span() for pattern in compiled(rules.never) for match in pattern.finditer(text)
    ]
    for pattern in compiled(rules.any):
        for match in pattern.finditer(text):
            start, end = match.span()
            inside = any(start < last and first < end for first, last in blocked)
            if not inside and not _NEGATION.search(text[: start + 1]):
                yield start, end


@cache
def compiled(lines: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """A pattern for every line, to be searched for in text that `words_of` made."""
    return tuple(re.compile(_expression(line)) for line in lines)


def _expression(line: str) -> str:
    """Regular expression of a rule, on text as `words_of` makes it."""
    parts = []
    for word in re.sub(r"\s*\|\s*", "|", line.lower()).split():
        if word == "...":
            parts.append(_GAP)
        else:
            alternatives = (form for one in word.split("|") for form in _forms(one))
            parts.append(f" (?:{'|'.join(sorted(set(alternatives), key=len, reverse=True))})")
    return "".join(parts) + r"(?= )"


def _forms(word: str) -> Iterable[str]:
    """What a word of a rule stands for."""
    if word.endswith("~"):
        return _inflections(word[:-1])
    optional = re.fullmatch(r"(.+?)\((.+)\)", word)
    if optional:
        return [re.escape(optional[1]), re.escape(optional[1] + optional[2])]
    return [re.escape(word)]


def _inflections(verb: str) -> list[str]:
    """A regular verb as it stands, with -s, -ed and -ing."""
    stem = verb
    if re.fullmatch(r"[^aeiou]*[aeiou][bdgklmnprt]", verb):  # clap, clapping
        stem = verb + verb[-1]
    elif verb.endswith("e"):
        stem = verb[:-1]
    third = verb + "s"
    if re.search(r"(s|x|z|ch|sh)$", verb):
        third = verb + "es"
    past = stem + "ed"
    if re.search(r"[^aeiou]y$", verb):
        third, past = verb[:-1] + "ies", verb[:-1] + "ied"
    return [verb, third, past, stem + "ing"]
