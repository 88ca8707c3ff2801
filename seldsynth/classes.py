"""The 13 sound event classes of DCASE Task 3: ids, names, folder names, physical sizes."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CaptionRules:
    """Words of a caption that speak of a class, in the language of collect/captions.py.

    any: one of these lines must match. never: what these match is passed over.
    """

    any: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SoundClass:
    """One sound event class.

    `long_name` is DCASE's own wording, `aliases` are further folder names in use (SpatialScaper's
    foreground folders among them). `extent_m` is the length in metres of what a picture of this
    class usually shows along its longer side. `caption_rules` find it in picture captions (of
    speech, they hold exceptions only: who speaks is known to collect/captions.py).
    """

    class_id: int
    name: str
    long_name: str
    extent_m: float
    aliases: tuple[str, ...] = ()
    caption_rules: CaptionRules = CaptionRules()


CLASSES: tuple[SoundClass, ...] = (
    SoundClass(
        class_id=0, name="female speech", long_name="Female speech, woman speaking", extent_m=1.2
    ),
    SoundClass(class_id=1, name="male speech", long_name="Male speech, man speaking", extent_m=1.2),
    SoundClass(
        class_id=2,
        name="clapping",
        long_name="Clapping",
        extent_m=1.0,
        caption_rules=CaptionRules(any=("clap~", "applaud~", "applause")),
    ),
    SoundClass(
        class_id=3,
        name="telephone",
        long_name="Telephone",
        extent_m=0.35,
        caption_rules=CaptionRules(
            any=(
                "phone(s)|telephone(s)|cellphone(s)|smartphone(s)|payphone(s)|iphone(s)",
                "cell|mobile phone(s)",
                "on|holding|using|with|into|checks|checking his|her|their|a|the cell(s)",
            ),
            never=("phone|telephone pole(s)|wire(s)|line(s)|book(s)|card(s)|number(s)",),
        ),
    ),
    SoundClass(
        class_id=4,
        name="laughter",
        long_name="Laughter",
        extent_m=1.2,
        caption_rules=CaptionRules(
            any=("laugh~|laughter", "giggle~", "chuckle~", "crack~ up"),
            never=("laughing gull(s)", "laughing buddha", "laughing stock"),
        ),
    ),
    SoundClass(
        class_id=5,
        name="domestic sounds",
        long_name="Domestic sounds",
        extent_m=0.9,
        aliases=("domestic",),
        caption_rules=CaptionRules(
            any=(
                "vacuum~|vacuums",
                "blender(s)|mixer(s)|dishwasher(s)|microwave(s)|toaster(s)|kettle(s)",
                "food processor(s)",
                "wash~|dry~|do|does|doing|did|clean~|rinse~|scrub~ ... "
                "dish(es)|dishes|pan(s)|pot(s)|plate(s)",
                "dishes being washed|dried|done",
                "washing|laundry|sewing machine(s)|dryer(s)",
                "clothes dryer(s)",
                "tumble dryer(s)",
                "hair|blow dryer(s)",
                "hairdryer(s)|blowdryer(s)",
                "blow dry~",
                "blow|blowing|blows|blown dry|dries|dried|drying",
                "dry~ ... hair",
                "fry~|boil~|saute~|simmer~",
                "cook~ ... stove|pan|wok|skillet|pot|kitchen|oven|burner(s)|stovetop",
                "stir~ ... pot|pan|wok|skillet|stove",
                "chop~|dice~|cut~|cutting|slice~ ... vegetable(s)|onion(s)|carrot(s)|pepper(s)|"
                "tomatoes|potatoes|celery|garlic|cabbage|cucumber(s)|mushrooms|herbs",
                "cook~ dinner|breakfast|lunch|supper|food|eggs|pancakes|bacon|pasta|rice",
            ),
            never=(
                "concrete|cement|audio|sound mixer(s)",
                "kettle corn|chips|drum(s)|bell(s)",
                "french fries",
                "boiled|fried|hard boiled egg(s)",
            ),
        ),
    ),
    SoundClass(
        class_id=6,
        name="footsteps",
        long_name="Walk, footsteps",
        extent_m=1.7,
        aliases=("walk", "walking"),
        caption_rules=CaptionRules(
            any=(
                "walk~|walks",
                "stroll~",
                "hike~|hiking",
                "march~",
                "stride~|strode",
                "tiptoe~",
                "pace~",
                "wander~",
                "footstep(s)",
            ),
            never=(
                "walking stick(s)|cane(s)|path(s)|trail(s)|bridge|shoes|area|boots|pole(s)|frame",
                "hiking boot(s)|boots|trail(s)|pole(s)|path(s)|gear|backpack(s)|pack(s)|shoes",
                "walk way",
                "cross|cat|side|board|moon walk(s)",
                "walk in closet",
                "walk~ sign|signal",
                "marching band(s)",
                "march of",
                "in march",
                "march morning|day|afternoon|evening|night|sun|snow|wind",
            ),
        ),
    ),
    SoundClass(
        class_id=7,
        name="door",
        long_name="Door, open or close",
        extent_m=2.1,
        aliases=("door cupboard",),
        caption_rules=CaptionRules(
            any=("door(s)|doorway(s)",),
            never=("next door", "door to door", "out of doors", "open door policy"),
        ),
    ),
    SoundClass(
        class_id=8,
        name="music",
        long_name="Music",
        extent_m=0.9,
        caption_rules=CaptionRules(
            any=(
                "band(s)|orchestra(s)|choir(s)|concert(s)|quartet|musician(s)|karaoke|symphony",
                "sing~|sang|sung|singer(s)|vocalist(s)",
                "dj(s)|disc jockey",
                "stereo(s)|radio(s)|boombox(es)|loudspeaker(s)|jukebox|turntable(s)",
                "boom box(es)",
                "record player",
                "play~|perform~|make|makes|making|blast~|listen~ ... music|song(s)",
                "live music",
                "musical performance(s)",
            ),
            never=(
                "rubber|elastic|wedding|head|hair|wrist|arm|sweat|watch|waist band(s)",
                "resistance|gold|silver band(s)",
                "band(s) of light|color|colour|cloud(s)|horses|sunlight|sky|water|grass|sand",
                "band aid(s)|saw",
                "radio tower(s)|controlled|control|flyer",
                "walkie talkie radio",
                "concert hall|tickets|t shirt|shirt",
            ),
        ),
    ),
    SoundClass(
        class_id=9,
        name="musical instrument",
        long_name="Musical instrument",
        extent_m=1.1,
        aliases=("music instrument", "instrument"),
        caption_rules=CaptionRules(
            any=(
                "guitar(s)|violin(s)|fiddle(s)|viola(s)|cello(s)|piano(s)|drum(s)|drumset|bongo(s)|"
                "trumpet(s)|saxophone(s)|sax|flute(s)|harp(s)|accordion(s)|accordian|banjo(s)|"
                "tuba(s)|harmonica(s)|trombone(s)|clarinet(s)|bagpipe(s)|ukulele(s)|tambourine(s)|oboe|"
                "drummer(s)|guitarist(s)|pianist(s)|violinist(s)|cellist(s)|flutist(s)|"
                "saxophonist(s)|xylophone(s)|mandolin(s)|maracas|sitar|bassoon|congas|didgeridoo|"
                "cymbal(s)|marimba",
                "french horn(s)",
                "double|upright|string|stand|electric bass",
                "play~|playing ... bass",
                "play~|electric|electronic|musical ... keyboard(s)",
                "play~ ... horn(s)|triangle|recorder|organ",
                "musical|stringed|string|brass|wind|woodwind|percussion instrument(s)",
                "play~ ... instrument(s)",
            ),
            never=(
                "ear|oil|brake|chicken|fuel drum(s)",
                "champagne|wine|glass flute(s)",
                "drum of|brake(s)",
                "computer|laptop|typing keyboard(s)",
                "piano key necktie",
                "cello phane",
            ),
        ),
    ),
    SoundClass(
        class_id=10,
        name="water tap",
        long_name="Water tap, faucet",
        extent_m=0.5,
        aliases=("tap", "faucet"),
        caption_rules=CaptionRules(
            any=(
                "faucet(s)|spigot(s)",
                "a|the|this|that|one|kitchen|bathroom|water|metal|brass|outdoor|old|running|garden|"
                "silver|dripping|leaking|rusty|public|beer tap(s)",
                "tap water",
                "from|under|at|with taps|tap",
                "sink(s)|washbasin(s)",
            ),
            never=(
                "tap danc~|dancer(s)|dancing|dance|dances|shoes|dancers",
                "sink(s) into|down|below|deep|deeper|beneath",
                "sink~ a|the|his|her|another ... putt|ball|shot|basket|birdie",
                "to|will|starts|begins sink",
                "taps|tapping|tapped",
                "tap him|her|them|his|someone",
            ),
        ),
    ),
    SoundClass(
        class_id=11,
        name="bell",
        long_name="Bell",
        extent_m=0.4,
        caption_rules=CaptionRules(
            any=("bell(s)|doorbell(s)|cowbell(s)|handbell(s)|belltower",),
            never=(
                "bell pepper(s)|bottom(s)|bottomed|boy(s)|jar",
                "taco|kettle|bar|dumb|blue bell(s)",
                "alexander graham bell",
            ),
        ),
    ),
    SoundClass(
        class_id=12,
        name="knock",
        long_name="Knock",
        extent_m=0.8,
        aliases=("knocking",),
        caption_rules=CaptionRules(
            any=("knock~ ... on|at|against", "knock~|knocking ... door|window|wood"),
            never=(
                "knock~ ... down|over|out|off|pins|back",
                "knock off(s)|out|offs",
                "knock knees",
            ),
        ),
    ),
)

NUM_CLASSES = len(CLASSES)


def _words(text: str) -> str:
    """Words in lower case with single spaces: "waterTap", "Water_tap" and "water-tap" agree."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[a-z0-9]+", spaced.lower()))


_ID_BY_WORDS = {
    _words(name): sound_class.class_id
    for sound_class in CLASSES
    for name in (sound_class.name, sound_class.long_name, *sound_class.aliases)
}


def class_of_folder(folder_name: str) -> int | None:
    """Class id that an asset folder's name stands for, or None.

    Understood are `Class_<n>`, `Class_<n>_anything`, `<n>` and the class's names in any
    spelling of case, spaces, hyphens and underscores (`water tap`, `Water_tap`, `waterTap`).
    """
    numbered = re.fullmatch(r"class[ _-]?(\d+)(?:[ _-].*)?|(\d+)", folder_name.strip(), re.I)
    if numbered:
        class_id = int(numbered[1] or numbered[2])
        return class_id if class_id < NUM_CLASSES else None
    return _ID_BY_WORDS.get(_words(folder_name))
