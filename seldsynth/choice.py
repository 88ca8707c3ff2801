"""The assets of a config, and which one an event gets: by weight, none twice before all were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from zlib import crc32

import numpy as np

from seldsynth.asset_files import Asset, AssetFile
from seldsynth.assets import AssetLibrary, scan_library
from seldsynth.class_file import load_classes
from seldsynth.config import AssetsConfig, Config
from seldsynth.errors import ConfigError
from seldsynth.events import SoundEvent

_SILENT_DECKS = 2**31 + 2**20
_DECKS = 2**31  # the streams of random numbers that decks have, beside those of events
_CANVASES = 2**32 - 1
_SPLITS = ("train", "val", "test")


def generator_of(config: Config, recording_id: str, stream: int) -> np.random.Generator:
    """Random numbers of one purpose. stream: an event's index, or what a module sets aside."""
    return np.random.default_rng([config.processing.seed, crc32(recording_id.encode()), stream])


def split_of(sha256: str, shares: Sequence[float]) -> str:
    """Whether an asset is for train, val or test: by its content, so for ever and everywhere."""
    place = int(sha256[:12], 16) / 16**12
    for name, limit in zip(_SPLITS, np.cumsum(shares), strict=True):
        if place < limit:
            return name
    return _SPLITS[-1]


def library_of(config: Config) -> AssetLibrary:
    """The assets of a config, with its classes. Raises ConfigError."""
    library = scan_library(
        dict(config.input),
        canvas_key=config.canvas_key,
        follow_symlinks=config.assets.follow_symlinks,
        classes=load_classes(config.assets.class_table),
        worth=lambda file: folder_weight(file, config.assets.weights),
    )
    _check_weights(config.assets.weights, library)
    return library


def _check_weights(weights: Mapping[str, float], library: AssetLibrary) -> None:
    """See that every weight is of a folder with assets. Raises ConfigError."""
    files = [*library.canvases, *library.copies]
    files += (file for some in library.tiles.values() for file in some)
    known = set(library.folders)
    for file in files:
        folders = file.path.split("/")[:-1]
        known.update("/".join(folders[: depth + 1]) for depth in range(len(folders)))
    for name in weights:
        if name not in known:
            close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
            few = ", ".join(sorted(known)[:4]) + (", …" if len(known) > 4 else "")
            meant = f"; did you mean {close[0]}?" if close else f"; folders are {few}"
            raise ConfigError(f"assets.weights: no picture or clip in a folder {name!r}{meant}")


class AssetChooser:
    """Draws assets for one recording.

    Each class is a deck, shuffled by weight: files that are drawn do not come again before all of
    them did. Variants of a recording (`variant` counts them) go on in the same decks, so they show
    others.
    """

    def __init__(
        self,
        config: Config,
        library: AssetLibrary,
        recording_id: str,
        *,
        variant: int,
        wanted: Iterable[int],
    ) -> None:
        """recording_id: without the variant. wanted: a class id for every draw of a variant."""
        self._config = config
        self._library = library
        self._recording_id = recording_id
        self._drawn_before = {class_id: variant * n for class_id, n in Counter(wanted).items()}
        self._variant = variant
        self._decks: dict[int, list[_Deck]] = {}
        self._silent_decks: dict[int, list[_Deck]] = {}
        self._chosen: dict[int, Asset | None] = {}
        self._shown: set[str] = set()

    def for_event(self, event: SoundEvent) -> Asset | None:
        """The asset of an event; a source that comes back has the one it had before, if wished."""
        key = draw_key(event, keep_asset=self._config.tiles.keep_asset)
        if key not in self._chosen:
            self._chosen[key] = self.of_class(event.class_id)
        return self._chosen[key]

    def of_class(self, class_id: int) -> Asset | None:
        """The next asset of a class; None if none can be used."""
        if class_id not in self._decks:
            drawn = self._drawn_before.get(class_id, 0)
            self._decks[class_id] = self._decks_of(class_id, _DECKS + class_id, drawn=drawn)
        return self._note(_first(self._decks[class_id]))

    def silent(self, class_id: int) -> Asset | None:
        """An asset for a picture that makes no sound, from decks of this variant's own.

        None that the video has shown, as long as there are others.
        """
        if class_id not in self._silent_decks:
            stream = _SILENT_DECKS + 64 * self._variant + class_id
            self._silent_decks[class_id] = self._decks_of(class_id, stream, drawn=0)
        return self._note(_first(self._silent_decks[class_id], unlike=self._shown))

    def canvas(self) -> Asset | None:
        """The canvas of this variant; None if none can be used."""
        generator = generator_of(self._config, self._recording_id, _CANVASES)
        return self._deck(list(self._library.canvases), generator, drawn=self._variant).draw()

    def _note(self, asset: Asset | None) -> Asset | None:
        if asset is not None:
            self._shown.add(asset.sha256)
        return asset

    def _decks_of(self, class_id: int, stream: int, *, drawn: int) -> list[_Deck]:
        """What to draw from: one deck, or those of the preferred kind and of the other."""
        files = self._library.tiles.get(class_id, ())
        prefer = self._config.tiles.prefer
        generator = generator_of(self._config, self._recording_id, stream)
        if prefer == "mixed":
            return [self._deck(list(files), generator, drawn=drawn)]
        first = [file for file in files if file.kind == prefer]
        others = [file for file in files if file.kind != prefer]
        return [self._deck(some, generator.spawn(1)[0], drawn=drawn) for some in (first, others)]

    def _deck(self, files: list[AssetFile], generator: np.random.Generator, *, drawn: int) -> _Deck:
        assets = self._config.assets
        weights = _weights(files, assets.weights, mixed=self._config.tiles.prefer == "mixed")
        return _Deck(files, weights, self._library, assets, generator, drawn=drawn)


def _first(decks: list[_Deck], *, unlike: Collection[str] = ()) -> Asset | None:
    """What the first deck that has anything gives; see `_Deck.draw`."""
    return next((asset for deck in decks if (asset := deck.draw(unlike)) is not None), None)


def draw_key(event: SoundEvent, *, keep_asset: bool) -> int:
    """What an event's random choices go by: those of one key are the same."""
    return event.identity if keep_asset else event.event_index


def _weights(
    files: Sequence[AssetFile], by_folder: Mapping[str, float], *, mixed: bool
) -> list[float]:
    """How likely each file is to be drawn first; pictures and clips are as likely, if mixed."""
    plain = [folder_weight(file, by_folder) for file in files]
    if not mixed:
        return plain
    of_kind: Counter[str] = Counter()
    for file, weight in zip(files, plain, strict=True):
        of_kind[file.kind] += 1 if weight else 0
    return [weight / max(1, of_kind[file.kind]) for file, weight in zip(files, plain, strict=True)]


def folder_weight(file: AssetFile, by_folder: Mapping[str, float]) -> float:
    """The weight of the longest folder that holds a file; or of its input folder; or 1."""
    folders = file.path.split("/")[:-1]
    for depth in range(len(folders), 0, -1):
        name = "/".join(folders[:depth])
        if name in by_folder:
            return by_folder[name]
    return by_folder.get(file.folder, 1.0)


class _Deck:
    """Files in an order that weights and chance decide; shuffled anew when all were drawn."""

    def __init__(
        self,
        files: Sequence[AssetFile],
        weights: Sequence[float],
        library: AssetLibrary,
        assets: AssetsConfig,
        generator: np.random.Generator,
        *,
        drawn: int,
    ) -> None:
        """drawn: how many were taken before."""
        pairs = [(file, weight) for file, weight in zip(files, weights, strict=True) if weight > 0]
        self._files = [file for file, _ in pairs]
        self._weights = np.array([weight for _, weight in pairs])
        self._library = library
        self._assets = assets
        self._generator = generator
        self._order: list[AssetFile] = []
        for _ in range(drawn):
            self.draw()

    def draw(self, unlike: Collection[str] = ()) -> Asset | None:
        """The next usable file, or None if there is none.

        unlike: hashes of files that are passed over, if there are others at all.
        """
        for avoided in (unlike, ()) if unlike else ((),):
            for _ in range(2):
                asset = self._take(avoided)
                if asset is not None:
                    return asset
                self._shuffle()
        return None

    def _take(self, avoided: Collection[str]) -> Asset | None:
        """The next usable file of this round that is not to be avoided."""
        for place in reversed(range(len(self._order))):
            asset = self._library.check(self._order[place])
            if asset is None or not self._is_ours(asset):
                continue
            if asset.sha256 not in avoided:
                del self._order[place]
                return asset
        return None

    def _shuffle(self) -> None:
        # The order of draws without replacement by weight: Efraimidis and Spirakis, "Weighted
        # random sampling with a reservoir", 2006.
        keys = self._generator.exponential(size=len(self._files)) / self._weights
        self._order = [self._files[index] for index in np.argsort(keys, kind="stable")[::-1]]

    def _is_ours(self, asset: Asset) -> bool:
        wish = self._assets.split
        return wish is None or split_of(asset.sha256, self._assets.split_shares) == wish
