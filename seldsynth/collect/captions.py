"""What a caption says is to be heard: a caption → classes, with the words that did it.

Besides the rules of the class table, who speaks and who walks is found out. What is negated
("without a phone"), quoted, or shown on a sign is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seldsynth.class_table import ClassTable, WordRules
from seldsynth.classes import CLASSES
from seldsynth.words import BREAK, compiled, matching_spans, words_of

FEMALE_SPEECH, MALE_SPEECH, FOOTSTEPS = 0, 1, 6

_FEMALE = (
    "woman|women|lady|ladies|girl(s)|female(s)|mother(s)|mom(s)|grandmother(s)|grandma|daughter(s)|"
    "sister(s)|wife|wives|aunt|bride(s)|actress(es)|waitress(es)|hostess|policewoman|businesswoman|"
    "businesswomen|saleswoman|schoolgirl(s)|cheerleader(s)|nun(s)|queen|she|her|girlfriend(s)|"
    "housewife|spokeswoman|congresswoman|granddaughter|ballerina(s)|bridesmaid(s)"
)
_MALE = (
    "man|men|guy(s)|boy(s)|gentleman|gentlemen|male(s)|father(s)|dad(s)|grandfather(s)|grandpa|"
    "son(s)|brother(s)|husband(s)|uncle(s)|groom(s)|actor(s)|waiter(s)|policeman|policemen|fireman|"
    "firemen|businessman|businessmen|salesman|salesmen|schoolboy(s)|monk(s)|king|he|his|him|"
    "boyfriend|spokesman|fisherman|fishermen|cowboy(s)|priest(s)|mailman|workman|workmen|lad(s)|"
    "congressman|grandson|doorman|cameraman|craftsman|sportsman|bishop|pope"
)
_ANYBODY = (
    "person|people|someone|somebody|everyone|child|children|kid(s)|baby|babies|toddler(s)|infant|"
    "teenager(s)|teen(s)|adult(s)|couple(s)|group(s)|crowd(s)|audience|family|families|friend(s)|"
    "student(s)|teacher(s)|worker(s)|player(s)|passenger(s)|tourist(s)|pedestrian(s)|soldier(s)|"
    "officer(s)|police|doctor(s)|nurse(s)|performer(s)|speaker(s)|professor(s)|host(s)|reporter(s)|"
    "coach(es)|athlete(s)|hiker(s)|walker(s)|they|their|stranger(s)|customer(s)|vendor(s)|chef(s)|"
    "cook(s)|parent(s)|team|artist(s)|musician(s)|singer(s)|individual(s)|employee(s)|shopper(s)|"
    "spectator(s)|protester(s)|marcher(s)|politician(s)|guide(s)|pastor(s)|"
    "preacher(s)|firefighter(s)|lifeguard(s)|bystander(s)|youth(s)"
)
_ANIMALS = (
    "dog(s)|puppy|puppies|cat(s)|kitten(s)|horse(s)|pony|ponies|cow(s)|bird(s)|duck(s)|goose|geese|"
    "elephant(s)|camel(s)|donkey(s)|goat(s)|sheep|bear(s)|pigeon(s)|chicken(s)|rooster(s)|"
    "poodle(s)|"
    "retriever(s)|greyhound(s)|animal(s)|lion(s)|tiger(s)|monkey(s)|collie(s)|labrador(s)|bull(s)|"
    "terrier(s)|deer|lizard(s)|crab(s)|seagull(s)|penguin(s)|turtle(s)|flamingo(s)|"
    "peacock(s)|mule(s)"
)
_SPEAKING = (
    "speak~|spoke|spoken|talk~|chat~|converse~|conversing",
    "lecture~|preach~|whisper~|argue~|explain~|announce~|interview~|discuss~",
    "address~ ... crowd|audience|people|class|group|room|students|congregation|meeting",
    "give~|gave|giving|deliver~|make|makes|making ... "
    "speech|lecture|talk|toast|sermon|presentation|address",
    "tell~|told ... story|stories|joke(s)|secret(s)|something|about",
    "present~ to|about|his|her|a|the",
    "have|has|having|hold~|in ... conversation(s)|discussion(s)|argument|debate",
)
_SPEECH_NOUNS = ("talk show(s)", "lecture hall(s)|theater(s)|room(s)", "speaking of")
_TAKES_A_PHOTO = re.compile(
    r" (?:take|takes|taking|took|snap|snaps|snapping) "
    r"(?:\w+ ){0,2}(?:photo|picture|photograph)s? of "
)
_ON_A_SIGN = re.compile(
    r" (?:sign|signs|poster|banner|billboard|shirt|t shirt|picture|photo|photograph|painting|"
    r"drawing|mural|logo|cartoon|statue|ad|advertisement)(?: \S+){0,2} "
    r"(?:says|say|saying|reads|reading|read|of|showing|shows|with the words|advertising|for|about)"
    r"(?: .*)?$"
)
_ASIDE = re.compile(
    r" (?:to|with|at|for|in|beside|near|behind|before|toward|towards|by|past|front of)"
    rf"(?: (?!{BREAK})\S+){{0,3}} $"
)
_SEXED_ROLE = re.compile(r" (?:(?:female|male)(?: \S+){0,2}|woman|lady|girl|boy|man) $")
_NO_PEOPLE = re.compile(r" (?:spider|bat|super|iron|stick|gingerbread|pac) m[ae]n(?= )")
_SINGULAR = re.compile(
    r"(?:person|someone|somebody|child|kid|baby|toddler|infant|teenager|teen|adult|friend|student|"
    r"teacher|worker|player|tourist|pedestrian|soldier|officer|doctor|nurse|performer|speaker|"
    r"professor|host|reporter|coach|athlete|guide|hiker|vendor|chef|cook|parent|artist|pastor|"
    r"preacher|firefighter|lifeguard|politician|customer|stranger)"
)
_PRONOUNS = {
    FEMALE_SPEECH: re.compile(r" (?:she|her|hers)(?= )"),
    MALE_SPEECH: re.compile(r" (?:he|his|him)(?= )"),
}


@dataclass(frozen=True, kw_only=True)
class Match:
    """A class that a caption speaks of, and the words that say so."""

    class_id: int
    words: str


def match_caption(caption: str, classes: ClassTable = CLASSES) -> tuple[Match, ...]:
    """The classes a caption speaks of, in order of their ids."""
    text = _said(caption)
    found = []
    for class_id, class_rules in ((one.class_id, one.caption_rules) for one in classes):
        if class_id in (FEMALE_SPEECH, MALE_SPEECH):
            spans = _speech(text, class_id, class_rules)
        else:
            spans = matching_spans(text, class_rules)
        if class_id == FOOTSTEPS:
            spans = (span for span in spans if _a_person_walks(text, span))
        span = next(spans, None)
        if span is not None:
            found.append(Match(class_id=class_id, words=text[slice(*span)].strip()))
    return tuple(found)


def somebody_speaks(caption: str, classes: ClassTable = CLASSES) -> bool:
    """Whether a person speaks, of whatever sex."""
    text = _NO_PEOPLE.sub(_same_length, _said(caption))
    rules = [classes[class_id].caption_rules for class_id in (FEMALE_SPEECH, MALE_SPEECH)]
    either = WordRules(
        any=tuple(line for one in rules for line in one.any),
        never=tuple(line for one in rules for line in one.never),
    )
    return any(
        _last_named(text[: start + 1], _FEMALE, _MALE, _ANYBODY)[0]
        for start, _ in matching_spans(text, _speaking(either))
    )


def sexes_named(caption: str) -> frozenset[int]:
    """Which of female and male speech a caption's people could be heard in."""
    text = _NO_PEOPLE.sub(" ", _said(caption))
    named = {FEMALE_SPEECH: _FEMALE, MALE_SPEECH: _MALE}
    return frozenset(
        class_id for class_id, words in named.items() if compiled((words,))[0].search(text)
    )


def _said(caption: str) -> str:
    """The words of a caption that are about what is there, not about what is shown on something."""
    return _ON_A_SIGN.sub(" ", _TAKES_A_PHOTO.sub(" photographs ", words_of(caption)))


def _speech(text: str, class_id: int, rules: WordRules) -> Iterator[tuple[int, int]]:
    """Where somebody of the class's sex speaks, if nobody of the other is there."""
    text = _NO_PEOPLE.sub(_same_length, text)
    own, other = (_FEMALE, _MALE) if class_id == FEMALE_SPEECH else (_MALE, _FEMALE)
    if compiled((other,))[0].search(text):
        return
    for span in matching_spans(text, _speaking(rules)):
        kind, name = _last_named(text[: span[0] + 1], own, _ANYBODY)
        # "A firefighter talks on his phone": the sex is known by the pronoun alone.
        one_of_own = _SINGULAR.fullmatch(name) and _PRONOUNS[class_id].search(text)
        if kind == own or (kind and one_of_own):
            yield span


def _speaking(rules: WordRules) -> WordRules:
    return WordRules(any=(*_SPEAKING, *rules.any), never=(*_SPEECH_NOUNS, *rules.never))


def _same_length(match: re.Match[str]) -> str:
    """A word that means nothing, as long as what it stands for."""
    return " " + "x" * (len(match[0]) - 1)


def _a_person_walks(text: str, span: tuple[int, int]) -> bool:
    """Not an animal on its own: the last one named before the verb is a person, or it is led."""
    before, after = text[: span[0] + 1], text[span[1] - 1 :]
    people = f"{_FEMALE}|{_MALE}|{_ANYBODY}"
    if _last_named(before, people, _ANIMALS)[0] != _ANIMALS:
        return True
    return bool(re.match(r" (?:his|her|their|the|a|an|two|three|some) (?:\S+ ){0,2}dogs?\b", after))


def _last_named(text: str, *kinds: str) -> tuple[str | None, str]:
    """Which of several kinds of words was named last, and the word.

    Whoever is only spoken to, or stands beside, is passed over; of "a female reporter" it is the
    sex that counts.
    """
    named = []
    for kind in kinds:
        for match in compiled((kind,))[0].finditer(text):
            before = text[: match.start() + 1]
            if kind == _ANYBODY and _SEXED_ROLE.search(before):
                continue
            named.append((not _ASIDE.search(before), match.start(), kind, match[0].strip()))
    return max(named)[2:] if named else (None, "")
