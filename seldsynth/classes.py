"""The 13 sound event classes of DCASE Task 3: names, sizes, and the words that find them."""

from __future__ import annotations

from seldsynth.class_table import ClassTable, SoundClass, WordRules

_WOMEN = (
    "woman|women|girl(s)|female(s)|lady|ladies|mother(s)|mom(s)|grandmother(s)|actress|"
    "businesswoman|saleswoman|she"
)
_MEN = (
    "man|men|guy(s)|boy(s)|male(s)|father(s)|dad(s)|grandfather(s)|actor|businessman|"
    "salesman|gentleman|he"
)
_SPEAKING = (
    "speak~|talk~|chat~|explain~|interview~|speech(es)|lecture~|present~|vlog~|tell~|whisper~|"
    "debate~"
)
# Videos that do not show what they sound like, show it cut to pieces, or talk about it.
_NO_FOOTAGE = (
    "sound effect(s)|fx",
    "sfx|ringtone(s)|lyric(s)|lyrics|podcast(s)|audiobook(s)|karaoke|remix",
    "cartoon(s)|animation(s)|animated|anime|gameplay|minecraft|roblox|fortnite|simulator",
    "compilation(s)|slideshow|wallpaper(s)|trailer(s)|reaction(s)|react~|parody|meme(s)",
    "review~|unbox~|repair~|install~|replace~|fix~|tutorial(s)|documentary",
    "how to",
    "nursery rhyme(s)",
    "black screen",
    "white noise",
    "no copyright",
    "10|8|12|24 hours",
    "ai generated",
)

CLASSES = ClassTable(
    (
        SoundClass(
            class_id=0,
            name="female speech",
            long_name="Female speech, woman speaking",
            extent_m=1.2,
            search_terms=(
                "woman talking to camera",
                "woman giving a speech",
                "female teacher explaining",
                "woman being interviewed",
            ),
            title_rules=WordRules(
                any=(
                    f"{_WOMEN} ... {_SPEAKING}",
                    f"{_SPEAKING} ... {_WOMEN}",
                ),
                never=(_MEN, "sing~|singer(s)|song(s)", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=1,
            name="male speech",
            long_name="Male speech, man speaking",
            extent_m=1.2,
            search_terms=(
                "man talking to camera",
                "man giving a speech",
                "male teacher explaining",
                "man being interviewed",
            ),
            title_rules=WordRules(
                any=(
                    f"{_MEN} ... {_SPEAKING}",
                    f"{_SPEAKING} ... {_MEN}",
                ),
                never=(
                    _WOMEN,
                    "sing~|singer(s)|song(s)",
                    "isle of man",
                    "spider|bat|super|iron|ant man",
                    *_NO_FOOTAGE,
                ),
            ),
        ),
        SoundClass(
            class_id=2,
            name="clapping",
            long_name="Clapping",
            extent_m=1.0,
            caption_rules=WordRules(any=("clap~", "applaud~", "applause")),
            search_terms=(
                "people clapping hands",
                "audience applause",
                "hand clapping close up",
                "person clapping",
            ),
            title_rules=WordRules(
                any=("clap~|applaud~|applause",),
                never=("clap skate(s)", "eric clapton|clapton", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=3,
            name="telephone",
            long_name="Telephone",
            extent_m=0.35,
            caption_rules=WordRules(
                any=(
                    "phone(s)|telephone(s)|cellphone(s)|smartphone(s)|payphone(s)|iphone(s)",
                    "cell|mobile phone(s)",
                    "on|holding|using|with|into|checks|checking his|her|their|a|the cell(s)",
                ),
                never=("phone|telephone pole(s)|wire(s)|line(s)|book(s)|card(s)|number(s)",),
            ),
            search_terms=(
                "telephone ringing",
                "phone ringing on table",
                "old rotary phone ringing",
                "person talking on the phone",
            ),
            title_rules=WordRules(
                any=("phone(s)|telephone(s)|cellphone(s)|smartphone(s)|iphone(s)|mobile",),
                never=("app(s)|scam(s)|prank(s)|best|vs|camera", "phone case(s)", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=4,
            name="laughter",
            long_name="Laughter",
            extent_m=1.2,
            caption_rules=WordRules(
                any=("laugh~|laughter", "giggle~", "chuckle~", "crack~ up"),
                never=("laughing gull(s)", "laughing buddha", "laughing stock"),
            ),
            search_terms=(
                "person laughing",
                "people laughing together",
                "woman laughing",
                "man laughing out loud",
            ),
            title_rules=WordRules(
                any=("laugh~|laughter|giggle~|chuckle~",),
                never=("try not to laugh", "laugh track(s)", "funny fails", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=5,
            name="domestic sounds",
            long_name="Domestic sounds",
            extent_m=0.9,
            folders=("domestic",),
            caption_rules=WordRules(
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
            search_terms=(
                "vacuum cleaner running",
                "washing dishes in kitchen",
                "blender in use",
                "washing machine spinning",
            ),
            title_rules=WordRules(
                any=(
                    "vacuum~|vacuums|hoover~|blender(s)|mixer(s)|dishwasher(s)|microwave(s)|kettle(s)|laundry|dryer(s)|hairdryer(s)",
                    "washing machine(s)",
                    "food processor(s)",
                    "wash~|do|doing|clean~|rinse~ ... dish(es)|dishes|plate(s)|pan(s)|pot(s)",
                    "dish wash~|washing",
                    "cook~|fry~|chop~|stir~|slice~ ... "
                    "kitchen|pan|food|vegetable(s)|onion(s)|egg(s)|meat",
                ),
                never=("hoover dam", "recipe(s)", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=6,
            name="footsteps",
            long_name="Walk, footsteps",
            extent_m=1.7,
            folders=("walk", "walking"),
            caption_rules=WordRules(
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
                    "walking stick(s)|cane(s)|path(s)|trail(s)|bridge|shoes|area|boots|pole(s)",
                    "walking frame(s)",
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
            search_terms=(
                "person walking on street",
                "footsteps close up",
                "walking on wooden floor",
                "feet walking close up",
            ),
            title_rules=WordRules(
                any=(
                    "walk~|walks|footstep(s)|stroll~|stride~|hike~|hiking|march~",
                    "feet|shoes|boots ... walk~|step~",
                ),
                never=(
                    "walk through|throughs|walkthrough",
                    "walking dead|bass|tour",
                    "4k walk",
                    "dog|moon walk~",
                    *_NO_FOOTAGE,
                ),
            ),
        ),
        SoundClass(
            class_id=7,
            name="door",
            long_name="Door, open or close",
            extent_m=2.1,
            folders=("door cupboard",),
            caption_rules=WordRules(
                any=("door(s)|doorway(s)",),
                never=("next door", "door to door", "out of doors", "open door policy"),
            ),
            search_terms=(
                "door opening and closing",
                "person opening door",
                "creaky door",
                "closing a wooden door",
            ),
            title_rules=WordRules(
                any=("door(s)",), never=("next door", "garage|car door", "door dash", *_NO_FOOTAGE)
            ),
        ),
        SoundClass(
            class_id=8,
            name="music",
            long_name="Music",
            extent_m=0.9,
            caption_rules=WordRules(
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
            search_terms=(
                "band playing live",
                "street musicians performing",
                "loudspeaker playing music",
                "choir singing",
            ),
            title_rules=WordRules(
                any=(
                    "band(s)|orchestra(s)|choir(s)|concert(s)|musician(s)|speaker(s)|loudspeaker(s)|singer(s)|sing~|boombox|music",
                ),
                never=(
                    "background music",
                    "royalty free",
                    "motivational|guest|keynote speaker(s)",
                    "singer sewing",
                    "music theory",
                    *_NO_FOOTAGE,
                ),
            ),
        ),
        SoundClass(
            class_id=9,
            name="musical instrument",
            long_name="Musical instrument",
            extent_m=1.1,
            folders=("music instrument", "instrument"),
            caption_rules=WordRules(
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
            search_terms=(
                "playing acoustic guitar",
                "piano player hands",
                "violin solo performance",
                "drummer playing drums",
                "trumpet player",
            ),
            title_rules=WordRules(
                any=(
                    "guitar(s)|guitarist(s)|piano(s)|pianist(s)|violin(s)|violinist(s)|cello(s)|drum(s)|drummer(s)|trumpet(s)|saxophone(s)|flute(s)|accordion|harp|banjo|ukulele|clarinet|trombone|instrument(s)",
                ),
                never=("backing track(s)", "lesson(s)|synthesia|chords|tabs", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=10,
            name="water tap",
            long_name="Water tap, faucet",
            extent_m=0.5,
            folders=("tap", "faucet"),
            caption_rules=WordRules(
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
            search_terms=(
                "water tap running",
                "kitchen faucet running water",
                "washing hands in sink",
                "dripping faucet",
            ),
            title_rules=WordRules(
                any=(
                    "tap|faucet(s)|sink|spigot|basin",
                    "water|kitchen|bathroom taps|sinks",
                ),
                never=("tap danc~|dancer|dancing|dance|shoes", *_NO_FOOTAGE),
            ),
        ),
        SoundClass(
            class_id=11,
            name="bell",
            long_name="Bell",
            extent_m=0.4,
            caption_rules=WordRules(
                any=("bell(s)|doorbell(s)|cowbell(s)|handbell(s)|belltower",),
                never=(
                    "bell pepper(s)|bottom(s)|bottomed|boy(s)|jar",
                    "taco|kettle|bar|dumb|blue bell(s)",
                    "alexander graham bell",
                ),
            ),
            search_terms=(
                "church bell ringing",
                "bicycle bell",
                "hand bell ringing",
                "school bell ringing",
                "doorbell ringing",
            ),
            title_rules=WordRules(
                any=("bell(s)|doorbell(s)|chime(s)",),
                never=(
                    "jingle bell(s)",
                    "kristen|kristin|taco|kettle|liberty|pepper bell(s)",
                    "bell pepper(s)|bottom(s)|curve",
                    "bells palsy",
                    *_NO_FOOTAGE,
                ),
            ),
        ),
        SoundClass(
            class_id=12,
            name="knock",
            long_name="Knock",
            extent_m=0.8,
            folders=("knocking",),
            caption_rules=WordRules(
                any=("knock~ ... on|at|against", "knock~|knocking ... door|window|wood"),
                never=(
                    "knock~ ... down|over|out|off|pins|back",
                    "knock off(s)|out|offs",
                    "knock knees",
                ),
            ),
            search_terms=(
                "knocking on door",
                "hand knocking on wooden door",
                "person knocking at the door",
                "knocking on table",
            ),
            title_rules=WordRules(
                any=("knock~|knocking",),
                never=(
                    "knock~|knocking ... out|off|down|over|joke(s)",
                    "knock joke(s)",
                    "engine knock~",
                    "knockout(s)",
                    *_NO_FOOTAGE,
                ),
            ),
        ),
    )
)

NUM_CLASSES = len(CLASSES)
