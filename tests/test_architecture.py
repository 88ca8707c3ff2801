"""The house stands as docs/architecture.md draws it: a module imports only from those above it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import seldsynth

# fmt: off
ORDER = [
    "errors", "compiled", "files", "folders", "run_lock",
    "class_table", "classes", "words", "sphere",
    "yaml_file", "class_file",
    "config_values", "config", "config_file", "metadata", "events", "cast",
    "media.stills", "media.mattes", "media.matting", "media.appearance", "media.decode",
    "media.clips", "media.sound_files", "media.sound_tracks", "media.spatial_mp4", "media.encode",
    "asset_files", "assets", "choice", "plan", "sounds", "outlines", "tiles", "silent",
    "render.colour", "render.scales", "render.rays", "render.passes", "render.passes_by_torch",
    "render.sampling_on_cpu", "render.woven_on_cpu", "render.passes_on_cpu", "render.processors",
    "render.edges", "render.projection", "render.picture_loops", "render.pictures",
    "render.textures", "render.compositor", "render.canvas", "render.memory", "render.placing",
    "render.tile", "render.scene", "looks", "planner",
    "truth.visible", "truth.shrinking_loop", "truth.shrinking", "truth.masks", "truth.tables",
    "truth.files",
    "provenance", "recordings", "batch", "making", "workers", "local_workers",
    "ray_counter", "ray_tasks", "ray_workers", "run_log", "manifest",
    "verify", "resume",
    "report.sheet", "report.contact_sheet", "report.overlay", "report.asset_check",
    "report.class_sheet", "report.dataset", "report.gallery", "report.player", "web", "serve",
    "demo.sheet", "demo.things", "demo.pictures", "demo.furniture", "demo.room",
    "demo.sounds", "demo.scenes", "demo",
    "collect.captions", "collect.flickr30k",
    "collect.clip_list", "collect.youtube_api", "collect.youtube_videos", "collect.youtube",
    "collect.cut", "collect.refusals", "collect.fetch", "collect.ledger",
    "collect.download",
    "commands.options", "commands.progress", "commands.machines", "commands.synth",
    "commands.flickr30k", "commands.youtube", "commands.download", "commands.matte",
    "commands.assets", "commands.overlay", "commands.sheet", "commands.gallery",
    "commands.serve", "commands.verify",
    "cli", "__main__",
]
# fmt: on


def imports(path: Path) -> Iterator[str]:
    """Every module of the package that a file imports, in whatever way."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            module = node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_modules_import_only_what_is_above_them() -> None:
    root = Path(seldsynth.__file__).parent
    checked = 0
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if name in ("__init__", "collect", "commands", "media", "render", "report", "truth"):
            continue
        assert name in ORDER, f"{name} has no place in the order"
        for imported in imports(path):
            other = imported.removeprefix("seldsynth.")
            if imported.startswith("seldsynth.") and other in ORDER:
                assert ORDER.index(other) < ORDER.index(name), f"{name} imports {other}"
                checked += 1
    assert checked > 50
